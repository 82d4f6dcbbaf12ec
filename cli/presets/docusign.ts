// Docusign Connect, production and demo. The two have different certificates, and neither certificate is published.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2, PUBLIC_DAYS } from "./public-roots.ts";

const KEY_OF_CONNECT = "a Connect key of the account, exactly as Docusign shows it, not decoded";

export const docusign: Preset = {
  title: "Docusign Connect, production accounts",
  sender: {
    certificates: [],
    trust: { anchors: ["digicert-global-root-g2"] },
    signature: { scheme: "docusign", secrets: ["DOCUSIGN_HMAC_KEY"] },
    eventKey: {
      pointers: ["/configurationId", "/event", "/data/envelopeId", "/data/recipientId", "/generatedDateTime"],
    },
  },
  route: { methods: ["POST"], maxBodyBytes: 26_214_400, mode: "observe" },
  anchors: { "digicert-global-root-g2": DIGICERT_GLOBAL_ROOT_G2 },
  secrets: { DOCUSIGN_HMAC_KEY: KEY_OF_CONNECT },
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: false,
      attempts: 10,
      also: "if acknowledgement is on, a failure marks the configuration as down. While it is down, Docusign tries one event each day; after the first success it sends all waiting events. Newer accounts are reported to retry for 7 to 15 days",
    },
    deadlineSeconds: 5,
    renewal: {
      days: PUBLIC_DAYS,
      also: "in 2018 and 2019 Docusign offered the new certificate for some weeks before it was required. Demo changed first, then the EU, then North America",
    },
  },
  steps: [
    'In the Connect configuration switch on "Enable Mutual TLS" (API: signMessageWithX509Certificate) and the HMAC signature, and deliver JSON (eventData restv2.1).',
    "Attach DigiCert Global Root G2 to the hostname at the edge, so that the handshake names this root. Docusign presents its certificate only to a server that names its root and offers SHA-256 signatures.",
    'Docusign can send HTTP Basic credentials as well: set them in the configuration and add "basic" to the sender.',
  ],
  notes: [
    "We do not publish the subject of Docusign's client certificate, because we do not know the present one. So no certificate is accepted yet, and every event is refused until you add one. Either take the certificate that the route records, and compare it with the list on Docusign's trust site, or download it from that site. The subject need not look like a hostname. To require only the signature until then, delete two members of the sender: certificates and trust.",
    "The root is the one that Docusign has documented since its 2019 renewal. The present chain is unconfirmed. Root, intermediate and subject may change together.",
    "Docusign uses the same certificates for every account. Only the signature proves that the event is of your account.",
    "Docusign sends no event id. We do not know whether generatedDateTime stays the same in a retry. If it changes, a retry counts as a new event. XML messages have no event key.",
    "Docusign advises receivers to be ready for messages with documents of 25 MB or more. The limit here is 25 MiB; for larger messages, raise maxBodyBytes.",
  ],
  sources: [
    "https://docusign.com/blog/developers/the-trenches-updates-to-mtls-oauth-docusign-connect",
    "https://docusign.com/trust/compliance/public-certificates",
    "https://developers.docusign.com/platform/webhooks/mutual-tls/tls-troubleshooting",
    "https://developers.docusign.com/platform/webhooks/connect/json-sim-event-model",
    "https://github.com/docusign/OpenAPI-Specifications/blob/HEAD/esignature.rest.swagger-v2.json",
    "https://github.com/docusign/connect-node-listener-aws/blob/HEAD/index.js",
    "https://knowledge.digicert.com/alerts/sunsetting-client-authentication-eku-from-digicert-public-tls-certificates",
  ],
  checked: "2026-11-23",
};

/** A separate sender, because a demo account must not be able to call the routes of production accounts. */
export const docusignDemo: Preset = {
  ...docusign,
  title: "Docusign Connect, demo (developer) accounts",
  sender: { ...docusign.sender, signature: { scheme: "docusign", secrets: ["DOCUSIGN_DEMO_HMAC_KEY"] } },
  secrets: { DOCUSIGN_DEMO_HMAC_KEY: KEY_OF_CONNECT },
  notes: [
    ...docusign.notes,
    "The demo system presents another certificate than production, which is renewed on other days.",
  ],
};
