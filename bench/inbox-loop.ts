// The plain loop, with which the inbox is compared. The loop inserts events, each with a commit of its own. It runs in the process
// of the bench, without a server or checks.

import { randomUUID } from "node:crypto";
import { deliveryOf } from "../test/support/inbox.ts";
import { openPlainInbox } from "./plain-inbox.ts";
import type { Subject } from "./rounds.ts";

const BODY_BYTES = 2048;

/**
 * Makes a subject that gets no events from the load generator. The subject makes the same number of events itself and stores them.
 */
export function startPlainLoop(file: string): Pick<Subject, "pid" | "url" | "run"> {
  const accept = openPlainInbox(file);
  const body = "x".repeat(BODY_BYTES);
  return {
    pid: process.pid,
    url: "",
    run(count) {
      for (let n = 0; n < count; n += 1) {
        const id = randomUUID();
        accept(deliveryOf({ id, sender: "example", body }), { issuer: "bench", jti: id, expires: 0 });
      }
    },
  };
}
