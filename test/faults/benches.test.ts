// Runs benches with very few events, because nothing else shows that a bench still runs. Does not look at what they measure.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openPlainInbox } from "../../bench/plain-inbox.ts";
import { deliveryOf } from "../support/inbox.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const FEW = ["--rounds", "1", "--events", "8", "--json"];

test.each(["edge", "origin", "dispatch", "factors"])(
  "npm run bench -- %s measures each of its subjects",
  async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, ["bench/main.ts", name, ...FEW]);
    const { reports } = JSON.parse(stdout) as { reports: { figures: object[] }[] };
    expect(reports.length).toBeGreaterThan(0);
    for (const { figures } of reports) expect(figures.length).toBeGreaterThan(0);
  },
);

test("the plain table of the bench of the inbox takes an event, and refuses its assertion a second time", async () => {
  await using stack = new AsyncDisposableStack();
  const accept = openPlainInbox(join(temporaryDirectory(stack), "plain.sqlite"));
  const once = () => accept(deliveryOf({ id: "event-1", sender: "acme" }), { issuer: "bench", jti: "1", expires: 0 });
  once();
  expect(once).toThrow("accepted before");
});
