// Opens the console of an origin that runs in several processes. The primary serves the console, so that there is only one
// listener. For the console, the primary opens the inbox and reads the policy itself.

import type { Secrets } from "../../core/admission/candidate.ts";
import { loadHeldSecrets } from "../../core/admission/secrets.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Inbox } from "../inbox/inbox.ts";
import { openInbox } from "../inbox/open.ts";
import { readSecret } from "../node/secret-files.ts";
import { openConsole, placesOf, type RunningConsole } from "./console.ts";
import type { Loaded, OriginMode } from "./mode.ts";
import { secretFilesOf } from "./secret-notices.ts";
import { openWhenThere } from "./store-waiting.ts";
import { watchFiles } from "./watch-files.ts";

/** Opens the console. Undefined if no console is requested. @throws ConfigurationError */
export async function openSharedConsole(
  { settings, readPolicy, output }: Pick<OriginMode<Loaded>, "settings" | "readPolicy" | "output">,
  first: Policy,
  log: (line: LogLine) => void,
): Promise<RunningConsole | undefined> {
  if (settings.console === undefined) return undefined;
  const options = { allowNetworkFileSystem: settings.anyway };
  // As long as no worker runs, a signal ends the primary. So this wait needs no cancellation.
  const never = new Promise(() => {});
  const inbox = (await openWhenThere(
    () => openInbox(settings.inbox, options),
    settings.waitSeconds,
    never,
    output.warn,
  )) as Inbox;
  let [policy, secrets] = [first, readSecrets(first)];
  const stopWatching = watchFiles(
    () => [settings.policy, ...secretFilesOf(policy)],
    () => {
      policy = attempt(readPolicy) ?? policy;
      secrets = readSecrets(policy);
    },
  );
  const close = async () => {
    stopWatching();
    await inbox.close();
  };
  try {
    // The primary has no revocation lists, because only the workers load them.
    const shown = { inbox, policy: () => policy, secrets: () => secrets, lists: undefined, log };
    const running = await openConsole(settings.console, { ...placesOf(settings), ...shown });
    return { url: running.url, close: () => running.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Returns the secrets. If one secret cannot be loaded, returns no secrets. Then the pages say that the secrets are not loaded. */
function readSecrets(policy: Policy): Secrets {
  try {
    return loadHeldSecrets(policy, readSecret);
  } catch {
    return new Map();
  }
}

/** Returns the policy. Undefined if the policy cannot be read. Then the workers report the reason. */
function attempt(readPolicy: () => Policy): Policy | undefined {
  try {
    return readPolicy();
  } catch {
    return undefined;
  }
}
