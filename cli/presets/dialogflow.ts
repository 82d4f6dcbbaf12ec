// Google Dialogflow's fulfillment calls. The issuer of the new certificate also certifies people and companies. So its short
// subject is accepted only from that issuer. Google falls back to the old certificate until 2026-12-01.

import type { Preset } from "./preset.ts";
import { GTS_ROOTS, SSL_COM_ROOT_RSA } from "./public-roots.ts";

export const dialogflow: Preset = {
  title: "Google Dialogflow ES fulfillment",
  sender: {
    certificates: [
      { subject: { CN: "Google LLC" }, issuer: { CN: "SSL.com Client Certificate Intermediate CA RSA R2" } },
      { subject: { CN: "*.dialogflow.com" }, until: "2026-12-01" },
    ],
    trust: { anchors: ["ssl-com-root-rsa", ...Object.keys(GTS_ROOTS)] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: { "ssl-com-root-rsa": SSL_COM_ROOT_RSA, ...GTS_ROOTS },
  secrets: {},
  steps: [
    "From 2026-12-01 on delete the entry of *.dialogflow.com and the gts-root anchors: nothing is accepted by them any more.",
  ],
  notes: [
    "Which root of Google Trust Services the old certificate ends in, and its issuer, are not documented in the source: all of them in Node's store are anchors until 2026-12-01. Node 26 does not ship GTS Root R2.",
    "Every agent at Dialogflow is served by the same certificate and no signature is documented: the certificate proves Dialogflow, not whose agent calls.",
    "No size of body and no event id is documented in the source: maxBodyBytes is our default. A call of a fulfillment expects the answer of your code, not an acknowledgement.",
  ],
  sources: ["https://docs.cloud.google.com/dialogflow/es/docs/fulfillment-mtls"],
  checked: "2026-11-23",
};
