// Reports problems with secrets that do not prevent a start: other users can read a file, or `ps` shows a password.

import { statSync } from "node:fs";
import { secretNames } from "../../core/admission/secrets.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { hasPassword, PASSWORD_NAME } from "../inbox/location.ts";
import { credentialsDirectory, secretFile } from "../node/secret-files.ts";
import { shellWord } from "../shell-word.ts";
import { CONSOLE_SECRETS } from "./console.ts";
import { isReporter } from "./workers/worker.ts";

const MODE_OF_OTHERS = 0o007;

const known = new WeakMap<Policy, readonly string[]>();

/**
 * Returns the paths to watch: the files with the secrets of a policy, the directory in which further files may appear, and every
 * file that a variable `NAME_FILE` names. If a new policy was refused because such a file did not exist, the origin must notice
 * when the file is written.
 */
export function secretFilesOf(policy: Policy): readonly string[] {
  const files = known.get(policy) ?? listFiles(policy);
  known.set(policy, files);
  return files;
}

function listFiles(policy: Policy): string[] {
  const directory = credentialsDirectory();
  const held = secretNames(policy).flatMap((name) => findFile(name) ?? []);
  const named = Object.entries(process.env).flatMap(([name, file]) => (NAME_FILE.test(name) && file ? [file] : []));
  return [...new Set([...held, ...named, ...(directory === undefined ? [] : [directory])])];
}

const NAME_FILE = /^[A-Z][A-Z0-9_]*_FILE$/;

/**
 * Returns the file with a secret, if there is one. Errors are ignored here, because the code that reads the secret reports them.
 */
function findFile(name: string): string | undefined {
  try {
    return secretFile(name);
  } catch {
    return undefined;
  }
}

/**
 * Reports each file that every user of this machine can read. Docker and Kubernetes mount secrets like this by default, so such a
 * file is not refused.
 */
export function warnOfReadableSecrets(policy: Policy, warn: (line: LogLine) => void): void {
  if (!isReporter()) return;
  for (const name of [...secretNames(policy), PASSWORD_NAME, ...CONSOLE_SECRETS]) {
    const file = findFile(name);
    const { mode = 0 } = (file !== undefined && statSync(file, { throwIfNoEntry: false })) || {};
    if (file === undefined || (mode & MODE_OF_OTHERS) === 0) continue;
    const remedy = `chmod o= ${shellWord(file)}; a mounted secret: mode 0400 (Docker), defaultMode 0400 (Kubernetes)`;
    warn({
      decision: "warning",
      code: "secret_readable",
      secret: name,
      file,
      why: "every user of this machine can read it",
      remedy,
    });
  }
}

/** Reports a password in the location of an inbox, because it is on the command line. */
export function warnOfShownPassword(inbox: string, warn: (line: LogLine) => void): void {
  if (!isReporter() || !hasPassword(inbox)) return;
  const why = "--inbox holds a password, and ps shows the command line to every user of this machine";
  const remedy = `leave it out of the URL; write it to a file and name that in ${PASSWORD_NAME}_FILE`;
  warn({ decision: "warning", code: "password_shown", why, remedy });
}
