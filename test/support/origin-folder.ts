// Makes a folder with a policy, and starts origins as separate processes. The origins read the policy, keep their inbox in the
// folder, and serve metrics.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startCountersign } from "./running.ts";
import { createSenders, type Senders } from "./senders.ts";
import { temporaryDirectory } from "./temporary.ts";

export interface OriginFolder {
  readonly senders: Senders;
  /** Returns the path of a file in the folder. */
  readonly file: (name: string) => string;
  /** Starts an origin with further options. The origin ends when the stack is disposed. */
  readonly start: (...args: readonly string[]) => Promise<Running>;
}

export async function makeOriginFolder(stack: AsyncDisposableStack): Promise<OriginFolder> {
  const directory = temporaryDirectory(stack);
  const file = (name: string) => join(directory, name);
  const senders = await createSenders();
  writeFileSync(file("policy.json"), JSON.stringify(senders.policy));
  const common = ["--policy", file("policy.json"), "--inbox", file("inbox.sqlite"), "--metrics", "0"];
  const start = async (...args: readonly string[]) => {
    const origin = await startCountersign(["origin", ...common, ...args]);
    stack.defer(() => void origin.process.kill("SIGKILL"));
    return origin;
  };
  return { senders, file, start };
}
