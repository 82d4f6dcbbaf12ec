// Discord's webhook events and interactions, which Discord signs with Ed25519. Discord also sends requests with wrong signatures,
// to check that they are refused.

import type { Preset } from "./preset.ts";

export const discord: Preset = {
  title: "Discord webhook events",
  sender: {
    signature: { scheme: "discord", secrets: ["DISCORD_PUBLIC_KEY"] },
    handshake: { scheme: "discord" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { DISCORD_PUBLIC_KEY: "the public key on the General Information page of the application, in hex" },
  behaviour: {
    handshake:
      "a signed PING when you save the URL: type 0 of events is answered with 204, type 1 of interactions with the same type; requests with wrong signatures, then and later, must get 401",
    afterRefusal: {
      isFinal: false,
      also: "Discord sends an event again for up to 10 minutes, and stops sending if too many fail",
    },
    deadlineSeconds: 3,
  },
  steps: [
    "Save the URL on the Webhooks page of the application, or as its Interactions Endpoint URL. Countersign answers the PING and refuses the wrong signatures.",
    'For interactions, set "answer": "handler" on the route: Discord wants the handler\'s answer within 3 seconds.',
  ],
  notes: [
    "Lines signature_mismatch from Discord are expected: Discord checks that wrong signatures are refused.",
    "Sizes and an event id are not in the sources that were read, so maxBodyBytes is our default. Discord presents no client certificate.",
  ],
  sources: [
    "https://docs.discord.com/developers/events/webhook-events",
    "https://docs.discord.com/developers/interactions/overview",
  ],
  checked: "2026-12-01",
};
