// The console of `countersign origin --workers`. The primary serves it, so that there is one listener. It opens the inbox and the
// policy itself.

import type { Secrets } from "../../core/admission/candidate.ts";
import { loadHeldSecrets } from "../../core/admission/secrets.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { openWhenThere } from "../../origin/service/store-waiting.ts";
import { watchFiles } from "../../origin/service/watch-files.ts";
import { complainLogLine } from "../output.ts";
import { compilePolicyFile } from "../policy/load.ts";
import { openConsole, placesOf, type RunningConsole } from "./console.ts";
import type { ConsoleSettings } from "./console-options.ts";
import { secretFilesOf } from "./secret-notices.ts";

interface Settings {
  readonly console: ConsoleSettings | undefined;
  readonly policy: string;
  readonly inbox: string;
  readonly anyway: boolean;
  readonly waitSeconds: number;
}

/** Undefined without --console. @throws ConfigurationError */
export async function openSharedConsole(
  settings: Settings,
  first: Policy,
  log: (line: LogLine) => void,
): Promise<RunningConsole | undefined> {
  if (settings.console === undefined) return undefined;
  const options = { allowNetworkFileSystem: settings.anyway };
  // Nothing has to stop the wait: until the workers run, a signal ends the primary.
  const never = new Promise(() => {});
  const inbox = (await openWhenThere(
    () => openInbox(settings.inbox, options),
    settings.waitSeconds,
    never,
    complainLogLine,
  )) as Inbox;
  let [policy, secrets] = [first, readSecrets(first)];
  const stopWatching = watchFiles(
    () => [settings.policy, ...secretFilesOf(policy)],
    () => {
      policy = readPolicy(settings.policy) ?? policy;
      secrets = readSecrets(policy);
    },
  );
  const close = async () => {
    stopWatching();
    await inbox.close();
  };
  try {
    // The lists are in the workers.
    const shown = { inbox, policy: () => policy, secrets: () => secrets, lists: undefined, log };
    const running = await openConsole(settings.console, { ...placesOf(settings), ...shown });
    return { url: running.url, close: () => running.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** None if one is at fault: pages then say that it is not loaded. */
function readSecrets(policy: Policy): Secrets {
  try {
    return loadHeldSecrets(policy, readSecret);
  } catch {
    return new Map();
  }
}

/** Undefined if the policy cannot be read. The workers report why. */
function readPolicy(file: string): Policy | undefined {
  try {
    return compilePolicyFile(file);
  } catch {
    return undefined;
  }
}
