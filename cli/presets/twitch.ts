// Twitch's EventSub. Twitch verifies each new subscription with a signed challenge.

import type { Preset } from "./preset.ts";

export const twitch: Preset = {
  title: "Twitch EventSub",
  sender: {
    signature: { scheme: "twitch", secrets: ["TWITCH_EVENTSUB_SECRET"] },
    handshake: { scheme: "twitch" },
    eventKey: { header: "Twitch-Eventsub-Message-Id" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, headers: ["Twitch-Eventsub-Message-Type"] },
  anchors: {},
  secrets: { TWITCH_EVENTSUB_SECRET: "the secret that you chose for the subscription (transport.secret)" },
  behaviour: {
    handshake: "a signed challenge when you create a subscription; the answer is its text",
    afterRefusal: {
      isFinal: false,
      also: "after too many failures Twitch revokes the subscription (notification_failures_exceeded)",
    },
  },
  steps: [
    "Create the subscription with the callback URL and the secret (transport.method is webhook). Countersign answers Twitch's challenge.",
  ],
  notes: [
    "Twitch expects the answer within a few seconds, and names no number. How often it sends an event again, and sizes, are not in the sources that were read, so maxBodyBytes is our default.",
    "Twitch-Eventsub-Message-Type is not signed. A revocation has a subscription and no event in its body.",
    "Twitch presents no client certificate.",
  ],
  sources: ["https://dev.twitch.tv/docs/eventsub/handling-webhook-events/"],
  checked: "2026-12-01",
};
