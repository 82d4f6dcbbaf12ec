// Asana's webhooks. Asana makes the key of a webhook and sends it in the handshake. But anybody can post a handshake with a key of
// their own, so Countersign keeps no key from a handshake. The operator reads the key in Asana's answer to the registration.

import type { Preset } from "./preset.ts";

export const asana: Preset = {
  title: "Asana webhooks",
  sender: {
    signature: { scheme: "asana", secrets: ["ASANA_WEBHOOK_SECRET"] },
    handshake: { scheme: "asana" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { ASANA_WEBHOOK_SECRET: "the X-Hook-Secret in Asana's answer to the registration of the webhook" },
  behaviour: {
    handshake:
      "a POST with the header X-Hook-Secret while you register the webhook; the answer is 200 with the same header, until the time in `until` of the handshake",
    afterRefusal: { isFinal: false, hours: 24 },
    deadlineSeconds: 10,
  },
  steps: [
    "Asana makes the key while you register the webhook. Until then, set ASANA_WEBHOOK_SECRET to a random text: openssl rand -hex 32.",
    "Register the webhook before the time in `until`, which is a day after `policy add`. For a later registration, write a later time there.",
    "The answer to your POST /webhooks has X-Hook-Secret next to data. Make it the value of ASANA_WEBHOOK_SECRET. Before that, events are refused, and Asana sends them again.",
    "Each webhook has a key of its own. For another webhook with the same URL, add the name of a second secret to `secrets`.",
  ],
  notes: [
    "While the handshake is open, anybody who asks gets an answer, and can let a webhook of their own point here. Its events are refused, because they are signed with another key.",
    "Sizes and an event id are not in the sources that were read, so maxBodyBytes is our default. Asana presents no client certificate.",
  ],
  sources: [
    "https://developers.asana.com/docs/webhooks-guide",
    "https://developers.asana.com/docs/establish-a-webhook",
  ],
  checked: "2026-12-01",
};
