// Adobe Workfront's event subscriptions. The names in its certificates contain asterisks as literal text, and differ from those in
// its documentation. The documentation page says O=Workfront\, Inc. and DigiCert Global Root CA. The files next to the page have
// O=Adobe Inc. and Global Root G2.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2, PUBLIC_DAYS } from "./public-roots.ts";

export const workfront: Preset = {
  title: "Adobe Workfront event subscriptions (production, preview, sandbox)",
  sender: {
    certificates: [
      { subject: { CN: "*.prod.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
      { subject: { CN: "*.preview.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
      { subject: { CN: "*.sandbox.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
    ],
    trust: { anchors: ["digicert-global-root-g2"] },
    token: { header: "Authorization", secrets: ["WORKFRONT_AUTH_TOKEN"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: { "digicert-global-root-g2": DIGICERT_GLOBAL_ROOT_G2 },
  secrets: { WORKFRONT_AUTH_TOKEN: "the authToken of the subscription, which Workfront sends after Bearer" },
  behaviour: {
    handshake: "a validation message, which is an ordinary POST with the certificate; the answer is 2xx",
    afterRefusal: {
      isFinal: false,
      hours: 48,
      attempts: 11,
      also: "the URL is disabled after 70 % failures of over 100, or 2,000 in a row, and then tried every 10 minutes; it is frozen for good after 2,000 failures in a row and 72 hours, or 50,000",
    },
    deadlineSeconds: 5,
    largestBytes: 1_048_576,
    renewal: {
      days: PUBLIC_DAYS,
      ends: "2026-11-07",
      also: "three generations overlapped by weeks, with the same subject and key",
    },
  },
  steps: [
    "Give each subscription an authToken of letters and digits, and keep it: since 2026-08-20, Workfront shows only its last four characters.",
    "Keep the entries of the environments from which you receive events, and delete the others. Each environment has its own certificate.",
  ],
  notes: [
    "The subjects are those of the certificate files that Adobe publishes. The text of the same page names another organization and another root, which no present certificate has.",
    "Workfront uses the same certificates for every customer, and no signature is documented. Only the authToken proves that the events are of your subscription. It may have 255 characters of any kind at Workfront, but not at Countersign.",
    "A renewal is accepted if it keeps the subject and the root. No event id is documented in the sources. With base64Encoding: true, the states in a message are base64.",
  ],
  sources: [
    "https://github.com/AdobeDocs/workfront.en/blob/HEAD/help/quicksilver/wf-api/api/event-sub-certs.md",
    "https://github.com/AdobeDocs/workfront.en/tree/HEAD/help/quicksilver/wf-api/api/assets",
    "https://github.com/AdobeDocs/workfront.en/tree/HEAD/help/quicksilver/wf-api/general",
    "https://knowledge.digicert.com/alerts/sunsetting-client-authentication-eku-from-digicert-public-tls-certificates",
  ],
  checked: "2026-11-29",
};
