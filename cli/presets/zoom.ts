// Zoom's webhooks. Zoom asks again every 72 hours whether the endpoint is still the user's.

import type { Preset } from "./preset.ts";

export const zoom: Preset = {
  title: "Zoom webhooks",
  sender: {
    signature: { scheme: "zoom", secrets: ["ZOOM_SECRET_TOKEN"] },
    handshake: { scheme: "zoom", secret: "ZOOM_SECRET_TOKEN" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { ZOOM_SECRET_TOKEN: "the secret token of the app's event subscriptions" },
  behaviour: {
    handshake:
      "endpoint.url_validation, when you save the URL and again every 72 hours; without the answer within 3 seconds, Zoom switches the subscription off",
    afterRefusal: { isFinal: false, attempts: 3, also: "5, 25 and 85 minutes after the first attempt" },
    deadlineSeconds: 3,
  },
  steps: ["Add the endpoint to the event subscriptions of the app, and choose Validate."],
  notes: [
    "Public code disagrees whether the validation is signed. It is answered in both cases, but only for a text that cannot be an event.",
    "Sizes and an event id are not in the sources that were read, so maxBodyBytes is our default. Zoom presents no client certificate.",
  ],
  sources: [
    "https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events",
    "https://developers.zoom.us/blog/webhook-delays",
  ],
  checked: "2026-11-30",
};
