// The table of all commands, by name.

import type { Command } from "./command.ts";

export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ command: Command }>;
}

/**
 * Each command is loaded only when it is called. So `--help` does not load a database driver, and `keys` does not load wrangler.
 */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  init: { summary: "make a project of your own: policy, Worker, handler", load: () => import("./init/index.ts") },
  dev: {
    summary: "run everything locally: TLS front, edge worker in workerd, origin",
    load: () => import("./dev/index.ts"),
  },
  origin: {
    summary:
      "run the origin: verify, store, answer 202, hand on to your code; behind the edge, behind your proxy, or on its own",
    load: () => import("./origin/index.ts"),
  },
  inbox: {
    summary: "look at stored events: what waits, what is dead and why; retry or drop it",
    load: () => import("./inbox/index.ts"),
  },
  keys: { summary: "make, rotate and publish the edge's signing keys", load: () => import("./keys.ts") },
  policy: { summary: "check, show, change and try the policy file", load: () => import("./policy/index.ts") },
  explain: {
    summary:
      "explain the verdict on a certificate and a request: the rule that decided, and what each other sender lacked",
    load: () => import("./explain/index.ts"),
  },
  doctor: {
    summary: "look at the endpoint from outside, as senders and strangers would, and say what is wrong",
    load: () => import("./doctor/index.ts"),
  },
  send: { summary: "send an event to any URL with a client certificate", load: () => import("./send/index.ts") },
  vectors: { summary: "write test vectors for receivers in other languages", load: () => import("./vectors/index.ts") },
};
