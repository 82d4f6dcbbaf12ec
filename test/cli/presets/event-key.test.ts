// Tests which events count as the same event under Docusign's preset. A retry counts as the same event, even if its bytes differ.
// Nothing else does.

import { expect, it } from "vitest";
import { docusign } from "../../../cli/presets/docusign.ts";
import { readEventKey } from "../../../origin/event-key/event-key.ts";

const EVENT = {
  event: "envelope-completed",
  apiVersion: "v2.1",
  retryCount: 0,
  configurationId: 22028153,
  generatedDateTime: "2026-01-13T07:09:58.9584687Z",
  data: { accountId: "a", userId: "u", envelopeId: "e" },
};

function keyOf(event: object): string | undefined {
  const rule = docusign.sender.eventKey;
  return rule && readEventKey(rule, [], new TextEncoder().encode(JSON.stringify(event))).key;
}

const key = keyOf(EVENT);

it("is the same in a retry, and for a configuration id as a number or as a text", () => {
  expect(key).toBeDefined();
  expect(keyOf({ ...EVENT, retryCount: 1 })).toBe(key);
  expect(keyOf({ ...EVENT, configurationId: "22028153" })).toBe(key);
});

it.each<[string, object]>([
  ["another envelope", { data: { ...EVENT.data, envelopeId: "f" } }],
  ["a recipient of the envelope", { data: { ...EVENT.data, recipientId: "1" } }],
  ["another event of the envelope", { event: "envelope-sent" }],
  ["the same a moment later", { generatedDateTime: "2026-01-13T07:09:58.9584688Z" }],
  ["another configuration", { configurationId: 22028154 }],
])("is another for %s", (_, change) => {
  expect(keyOf({ ...EVENT, ...change })).not.toBe(key);
});

it("exists for events without an envelope, and not for XML", () => {
  const template = keyOf({ ...EVENT, event: "template-created", data: { templateId: "t" } });
  expect(template).toBeDefined();
  expect(template).not.toBe(key);
  const rule = docusign.sender.eventKey;
  expect(rule && readEventKey(rule, [], new TextEncoder().encode("<DocuSignEnvelopeInformation/>"))).toEqual({
    problem: "the body is not JSON: see its octet 0",
  });
});
