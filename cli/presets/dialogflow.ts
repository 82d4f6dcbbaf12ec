// Google Dialogflow's fulfillment calls. Google is replacing its client certificate, and uses the old one as a fallback until
// 2026-12-01. The new certificate has a short subject, CN=Google LLC, and its issuer also certifies people and other companies.
// Neither the subject nor the issuer is enough alone. So the entry of the new certificate requires both.

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
    refusal: "final",
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: { "ssl-com-root-rsa": SSL_COM_ROOT_RSA, ...GTS_ROOTS },
  secrets: {},
  behaviour: {
    handshake: "none",
    afterRefusal: { isFinal: true, also: "the call fails, and the agent goes on without your answer" },
    renewal: {
      also: "moved from Google Trust Services to SSL.com; it falls back to the old certificate until 2026-12-01",
    },
  },
  steps: [
    "On or after 2026-12-01, delete the entry of *.dialogflow.com and the gts-root anchors, because they accept nothing any more.",
  ],
  notes: [
    "The source documents neither the issuer of the old certificate nor the root of Google Trust Services at which its path ends. So all such roots in Node's store are anchors until 2026-12-01. Node 26 does not ship GTS Root R2.",
    "Dialogflow uses the same certificate for every agent, and no signature is documented. So the certificate proves that Dialogflow calls, but not whose agent it is.",
    "The source documents no body size and no event id, so maxBodyBytes is our default. A fulfillment call expects the response of your code, not an acknowledgement.",
  ],
  sources: ["https://docs.cloud.google.com/dialogflow/es/docs/fulfillment-mtls"],
  checked: "2026-11-23",
};
