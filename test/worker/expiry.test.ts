// Tests that the edge's cron trigger reports which anchors and which entries of its policy end soon.

import { afterAll, beforeAll, expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import type { LogLine } from "../../core/log-line.ts";
import { type LocalEdge, startTestEdge } from "../support/local-edge.ts";
import { ACME, createSenders, MARKER, subjectOf } from "../support/senders.ts";

const DAY_MILLISECONDS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MILLISECONDS + DAY_MILLISECONDS / 2);

let stack: AsyncDisposableStack;
let edge: LocalEdge;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const { policy } = await createSenders();
  const ending = await issueCertificate({
    subject: subjectOf("Expiry Root"),
    ca: {},
    notBefore: inDays(-400),
    notAfter: inDays(6),
  });
  const acme = {
    certificates: [
      { subject: { CN: ACME }, until: inDays(3).toISOString().slice(0, 10) },
      { subject: { CN: `${ACME}-2` }, from: inDays(5).toISOString().slice(0, 10) },
    ],
    trust: { anchors: [`${MARKER}-root`, "ending"] },
  };
  edge = await startTestEdge(stack, {
    policy: {
      ...policy,
      anchors: { ...policy.anchors, ending: ending.pem },
      senders: { ...policy.senders, [ACME]: acme },
    },
    originUrl: "http://127.0.0.1:9",
  });
});
afterAll(() => stack.disposeAsync());

test("the cron trigger warns of an anchor and of a gap between windows, once", async () => {
  for (let run = 0; run < 3; run += 1) await edge.runCronTrigger();
  const line = (what: string) => edge.lines.with({ decision: "expiring", what });
  expect(await line("anchor")).toMatchObject({ name: "ending", pointer: "/anchors/ending", days: 6, refuses: false });
  expect(await line("policy-window")).toMatchObject({
    name: ACME,
    pointer: `/senders/${ACME}/certificates/0`,
    refuses: true,
    remedy: expect.stringMatching(/^nothing is accepted from .* until .*: let the two entries overlap$/),
  });
  const expiring = edge.lines.all.filter(({ decision }: LogLine) => decision === "expiring");
  expect(expiring.map(({ what }) => what).sort()).toEqual(["anchor", "policy-window"]);
});
