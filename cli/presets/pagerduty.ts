// PagerDuty's V3 webhooks, in the US and the EU service region.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2 } from "./public-roots.ts";

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
  steps: [
    "Keep the certificate of your own service region (US: webhooks.pagerduty.com, EU: webhooks.eu.pagerduty.com) and delete the other entry.",
    "Allow TLS 1.2 on the hostname and serve the certificate chain in order: PagerDuty delivers over TLS 1.2 only.",
  ],
  notes: [
    "The subjects are those of the files that PagerDuty publishes. The present certificates expire in December 2026. The dates in the documentation have differed from those in the files.",
    "DigiCert issues no client certificates from its public TLS hierarchy after 2027-03-01. A later renewal needs another root, which PagerDuty has not announced.",
    "PagerDuty uses the same certificate for every account. Only the signature proves that the event is of your subscription.",
    "PagerDuty guarantees the delivery of events up to 55 KB, and tries to deliver events up to 256 KB. It drops larger events.",
  ],
  afterRefusal: {
    isFinal: true,
    retries:
      "for 48 hours after a timeout, 5xx or 429; three events that are dropped in a row disable the subscription for 24 hours",
  },
  sources: [
    "https://github.com/PagerDuty/developer-docs/tree/HEAD/docs/webhooks",
    "https://github.com/PagerDuty/developer-docs/tree/bd23a5b/assets/certificates",
    "https://knowledge.digicert.com/alerts/sunsetting-client-authentication-eku-from-digicert-public-tls-certificates",
  ],
  checked: "2026-11-29",
};
