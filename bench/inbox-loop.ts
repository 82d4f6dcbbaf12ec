// The plain loop: no server, no checks, nothing but inserts that are committed one by one, in a process of the bench itself.

import { randomUUID } from "node:crypto";
import { deliveryOf } from "../test/support/inbox.ts";
import { openPlainInbox } from "./plain-inbox.ts";
import type { Subject } from "./rounds.ts";

const BODY_BYTES = 2048;

/** A subject that is not sent its events, but stores as many. */
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
