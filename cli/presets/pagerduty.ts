// PagerDuty's V3 webhooks, in the US and the EU service region.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2, PUBLIC_DAYS } from "./public-roots.ts";

export const pagerduty: Preset = {
  title: "PagerDuty webhooks (US and EU service regions)",
  sender: {
    certificates: [
      { subject: { CN: "webhooks.pagerduty.com", O: "PagerDuty, Inc." } },
      { subject: { CN: "webhooks.eu.pagerduty.com", O: "PagerDuty, Inc." } },
    ],
    trust: { anchors: ["digicert-global-root-g2"] },
    signature: { scheme: "pagerduty", secrets: ["PAGERDUTY_WEBHOOK_SECRET"] },
    eventKey: { header: "X-Webhook-Id" },
    refusal: "retry",
  },
  route: { methods: ["POST"], maxBodyBytes: 262_144 },
  anchors: { "digicert-global-root-g2": DIGICERT_GLOBAL_ROOT_G2 },
  secrets: { PAGERDUTY_WEBHOOK_SECRET: "the secret of the webhook subscription" },
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: true,
      isHandshakeFinal: true,
      hours: 48,
      also: "three events that are dropped in a row disable the subscription for 24 hours and empty its queue",
    },
    deadlineSeconds: 5,
    largestBytes: 262_144,
    renewal: {
      days: PUBLIC_DAYS,
      ends: "2026-12-07",
      also: "the EU certificate ends a day later; the key stayed the same over the last renewals",
    },
    tls: ["1.2"],
  },
  steps: [
    "Keep the certificate of your own service region (US: webhooks.pagerduty.com, EU: webhooks.eu.pagerduty.com), and remove the other entry: countersign policy remove --entry pagerduty/1 (EU), or pagerduty/0 (US).",
    "Let the hostname accept TLS 1.2, and serve the certificate chain in order.",
    "Use --client-certificates request, not require: PagerDuty drops an event if the handshake fails.",
    "Before you switch the subscription on, run countersign doctor. To rehearse an event, copy the policy, add a CA of your own to the copy (countersign policy add --policy COPY --sender pagerduty --anchor trial=FILE), start an origin with it, and use countersign send.",
  ],
  notes: [
    "The subjects are those of the files that PagerDuty publishes. The dates in the documentation have differed from those in the files. PagerDuty has not announced another root.",
    "PagerDuty uses the same certificate for every account. Only the signature proves that the event is of your subscription.",
    "PagerDuty guarantees the delivery of events up to 55 KB, and tries to deliver larger ones. It waits 16 seconds for the answer to a custom incident action. Events of one resource come in order.",
  ],
  sources: [
    "https://github.com/PagerDuty/developer-docs/tree/HEAD/docs/webhooks",
    "https://github.com/PagerDuty/developer-docs/tree/bd23a5b/assets/certificates",
    "https://knowledge.digicert.com/alerts/sunsetting-client-authentication-eku-from-digicert-public-tls-certificates",
  ],
  checked: "2026-11-29",
};
