// Adobe Workfront's event subscriptions. The names in its certificates contain asterisks as literal text, and differ from those in
// its documentation. The page says O=Workfront\, Inc. and DigiCert Global Root CA. The files next to the page have O=Adobe Inc.
// and Global Root G2.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2 } from "./public-roots.ts";

export const workfront: Preset = {
  title: "Adobe Workfront event subscriptions (production, preview, sandbox)",
  sender: {
    certificates: [
      { subject: { CN: "*.prod.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
      { subject: { CN: "*.preview.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
      { subject: { CN: "*.sandbox.eventsubscriptions.workfront.com", O: "Adobe Inc." } },
    ],
    trust: { anchors: ["digicert-global-root-g2"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: { "digicert-global-root-g2": DIGICERT_GLOBAL_ROOT_G2 },
  secrets: {},
  steps: [
    "Keep the entries of the environments from which you receive events, and delete the others. Each environment has its own certificate.",
  ],
  notes: [
    "The subjects are those of the certificate files that Adobe publishes. The text of the same page names another organization and another root, which no present certificate has.",
    "Workfront uses the same certificates for every customer, and no signature is documented. So the certificate proves that Workfront calls, but not whose events these are. The authToken of a subscription, which Workfront sends as a bearer token, is not checked.",
    "The certificates in the files that we last read expired on 2026-11-07. Their renewal is accepted if it keeps the subject and the root. DigiCert issues no client certificates from its public TLS hierarchy after 2027-03-01.",
    "Messages have at most 1 MB. No event id is documented in the sources.",
  ],
  afterRefusal: {
    isFinal: false,
    retries: "11 times within 48 hours; disables the URL after 70 % failures of over 100, or 2,000 in a row",
  },
  sources: [
    "https://github.com/AdobeDocs/workfront.en/blob/HEAD/help/quicksilver/wf-api/api/event-sub-certs.md",
    "https://github.com/AdobeDocs/workfront.en/tree/HEAD/help/quicksilver/wf-api/api/assets",
    "https://github.com/AdobeDocs/workfront.en/tree/HEAD/help/quicksilver/wf-api/general",
    "https://knowledge.digicert.com/alerts/sunsetting-client-authentication-eku-from-digicert-public-tls-certificates",
  ],
  checked: "2026-11-29",
};
