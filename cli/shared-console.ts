// The console of several processes: the primary serves it, with an inbox and a policy of its own, so that one listener has all.

import type { LogLine } from "../core/decision.ts";
import type { Policy } from "../core/policy.ts";
import { openInbox } from "../origin/inbox/open.ts";
import type { Inbox } from "../origin/inbox.ts";
import { type ConsoleSettings, openConsole, placesOf, type RunningConsole } from "./origin-console.ts";
import { compilePolicyFile } from "./policy-file.ts";
import { openWhenThere } from "./store-waiting.ts";
import { watchFiles } from "./watch-files.ts";

interface Settings {
  readonly console: ConsoleSettings | undefined;
  readonly policy: string;
  readonly inbox: string;
  readonly anyway: boolean;
  readonly waitSeconds: number;
}

/** Undefined if no console is asked for. @throws ConfigurationError */
export async function openSharedConsole(
  settings: Settings,
  first: Policy,
  log: (line: LogLine) => void,
): Promise<RunningConsole | undefined> {
  if (settings.console === undefined) return undefined;
  const options = { allowNetworkFileSystem: settings.anyway };
  // Until the workers run, a signal ends the primary.
  const never = new Promise(() => {});
  const inbox = (await openWhenThere(() => openInbox(settings.inbox, options), settings.waitSeconds, never)) as Inbox;
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

/** Undefined if it cannot be read: the workers report why. */
function readPolicy(file: string): Policy | undefined {
  try {
    return compilePolicyFile(file);
  } catch {
    return undefined;
  }
}
