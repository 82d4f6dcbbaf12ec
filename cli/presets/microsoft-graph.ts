// Change notifications of Microsoft Graph. They are not signed. Their only proof is the text clientState, which the subscriber
// chooses, and which stands in each notification of the body.

import type { Preset } from "./preset.ts";

export const microsoftGraph: Preset = {
  title: "Microsoft Graph change notifications",
  sender: {
    token: { pointer: "/value/*/clientState", secrets: ["GRAPH_CLIENT_STATE"] },
    handshake: { scheme: "microsoft-graph" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { GRAPH_CLIENT_STATE: "a long random text of yours, at most 128 characters, which is the clientState" },
  behaviour: {
    handshake:
      "a POST with ?validationToken and no body when you create a subscription, and when you change its URL; the answer is the token as text/plain, within 10 seconds",
    afterRefusal: {
      isFinal: false,
      hours: 4,
      also: "if more than 15 percent of the answers in 10 minutes take over 10 seconds, Graph drops notifications",
    },
    deadlineSeconds: 10,
  },
  steps: [
    "Make the text: openssl rand -hex 32. Give it as clientState in each subscription with this URL, also for its lifecycleNotificationUrl.",
    "Renew the subscription before its expirationDateTime.",
  ],
  notes: [
    "The clientState is sent as it is in each body, and signs nothing: whoever reads one request can send any event. It stays in the body that your code gets and that the inbox stores.",
    "Notifications with resource data also have validationTokens, which Countersign does not verify.",
    "Sizes are not in the sources that were read. The limit of 1 MiB is that of a body with a token.",
  ],
  sources: [
    "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
    "https://learn.microsoft.com/graph/api/resources/subscription",
  ],
  checked: "2026-12-01",
};
