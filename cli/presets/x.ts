// The webhooks of X. X asks again every hour whether the endpoint is still the user's.

import type { Preset } from "./preset.ts";

export const x: Preset = {
  title: "X webhooks (Account Activity, filtered stream)",
  sender: {
    signature: { scheme: "x", secrets: ["X_CONSUMER_SECRET"] },
    handshake: { scheme: "x", secret: "X_CONSUMER_SECRET" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { X_CONSUMER_SECRET: "the consumer secret (API key secret) of the app" },
  behaviour: {
    handshake:
      "GET with a crc_token when you register the URL, and every hour; without the right answer, X sends no events until the next one that is right",
    deadlineSeconds: 10,
  },
  steps: ["Register the URL, without a port, by POST /2/webhooks. Countersign answers the challenge (CRC)."],
  notes: [
    "The signature has no time, so an event can be replayed. Events have no id of their own.",
    "The challenge is not signed, and its answer is signed with the key of events. Countersign answers only a text that cannot be an event.",
    "What X does after a refusal, and sizes, are not in the sources that were read, so maxBodyBytes is our default. X presents no client certificate.",
  ],
  sources: ["https://docs.x.com/x-api/webhooks/quickstart", "https://docs.x.com/x-api/webhooks/introduction"],
  checked: "2026-12-01",
};
