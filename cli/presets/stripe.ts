// Stripe's webhooks.

import type { Preset } from "./preset.ts";

export const stripe: Preset = {
  title: "Stripe webhooks",
  sender: {
    signature: { scheme: "stripe", secrets: ["STRIPE_WEBHOOK_SECRET"] },
    eventKey: { pointers: ["/id"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { STRIPE_WEBHOOK_SECRET: "the signing secret of the endpoint, which begins with whsec_" },
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: false,
      hours: 72,
      also: "in a sandbox 3 times within some hours; an endpoint that keeps failing may be disabled",
    },
  },
  steps: [
    "Create the endpoint at Stripe, and copy its signing secret. Each endpoint, and each mode, has its own secret.",
  ],
  notes: [
    "The event id is signed. Stripe may send two events with different ids for one change, and does not keep their order.",
    "The deadline and the largest size are not in the sources, so maxBodyBytes is our default. Stripe presents no client certificate.",
  ],
  sources: ["https://docs.stripe.com/webhooks"],
  checked: "2026-11-30",
};
