// The console of `countersign origin --workers`. The primary serves it, so that there is one listener. It opens the inbox and the
// policy itself.

import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { openWhenThere } from "../../origin/service/store-waiting.ts";
import { watchFiles } from "../../origin/service/watch-files.ts";
import { complainLogLine } from "../output.ts";
import { compilePolicyFile } from "../policy/load.ts";
import { openConsole, placesOf, type RunningConsole } from "./console.ts";
import type { ConsoleSettings } from "./console-options.ts";

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
  let policy = first;
  const stopWatching = watchFiles(
    () => [settings.policy],
    () => {
      policy = readPolicy(settings.policy) ?? policy;
    },
  );
  const close = async () => {
    stopWatching();
    await inbox.close();
  };
  try {
    const shown = { ...placesOf(settings), inbox, policy: () => policy, log };
    const running = await openConsole(settings.console, shown);
    return { url: running.url, close: () => running.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
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
