// Tests how a decision is shown to people while a system runs.

import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { formatDecision } from "../../../cli/log/text.ts";

test("formatDecision() escapes control characters, and characters that reorder text", () => {
  const line = {
    decision: "refused",
    code: "sender_not_allowed",
    certificate: { subject: "CN=a\u202eb\u009b2J\u001b[2J" },
  } as const;
  const [shown] = formatDecision("edge", line, new Date(0));
  expect(stripVTControlCharacters(shown?.text ?? "")).toBe(
    "00:00:00  edge    refused    sender_not_allowed  CN=a\\u202eb\\u009b2J\\u001b[2J",
  );
});

test("formatDecision() cuts a long value", () => {
  const [shown] = formatDecision(
    "edge",
    { decision: "refused", certificate: { subject: "x".repeat(10_000) } },
    new Date(0),
  );
  expect(shown?.text.length).toBeLessThan(600);
});
