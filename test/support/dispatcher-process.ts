// A process that dispatches from an inbox file until it is stopped or killed: `node … FILE NAME [HOLDING]`. It prints the
// beginning and the end of each attempt. From the attempt with the number `HOLDING` on, an attempt ends only after the process was
// asked to stop.

import { Dispatcher } from "../../origin/dispatch/dispatcher.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { QUICK } from "./dispatch.ts";

const [file = "", name = "", holding = ""] = process.argv.slice(2);
const print = (line: object) => process.stdout.write(`${JSON.stringify({ name, ...line })}\n`);

const asked = new Promise((resolve) => process.once("SIGTERM", resolve));
let attempts = 0;
const inbox = openSqliteInbox(file);
const dispatcher = new Dispatcher({
  work: inbox.work,
  limits: { ...QUICK, leaseMilliseconds: 5_000, concurrency: 3 },
  log: print,
  async handler({ id }, { attempt }) {
    print({ begins: id, attempt, at: Date.now() });
    attempts += 1;
    if (holding !== "" && attempts >= Number(holding)) await asked;
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    print({ ends: id, attempt, at: Date.now() });
  },
});
process.once("SIGTERM", async () => {
  await dispatcher.stop();
  await inbox.close();
});
dispatcher.start();
print({ isReady: true });
