// GitHub's webhooks of repositories, organizations and apps.

import type { Preset } from "./preset.ts";

export const github: Preset = {
  title: "GitHub webhooks",
  sender: {
    signature: { scheme: "github", secrets: ["GITHUB_WEBHOOK_SECRET"] },
    eventKey: { header: "X-GitHub-Delivery" },
  },
  route: { methods: ["POST"], maxBodyBytes: 26_214_400 },
  anchors: {},
  secrets: { GITHUB_WEBHOOK_SECRET: "the secret of the webhook" },
  behaviour: {
    handshake: "none; the first event is a signed ping",
    afterRefusal: {
      isFinal: true,
      also: "GitHub never sends an event again by itself; you can redeliver the events of the last 3 days",
    },
    deadlineSeconds: 10,
    largestBytes: 26_214_400,
  },
  steps: ["Set a secret in the settings of the webhook, and choose the content type application/json."],
  notes: [
    "The signature has no time, so an event can be replayed. X-GitHub-Delivery is not signed: it recognises a redelivery, and not an attack.",
    "GitHub Enterprise Server waits 30 seconds for the answer. GitHub presents no client certificate.",
  ],
  sources: [
    "https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks",
    "https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries",
    "https://docs.github.com/en/webhooks/webhook-events-and-payloads",
  ],
  checked: "2026-11-30",
};
