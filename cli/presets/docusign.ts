// Docusign Connect, production and demo. They have different certificates, and neither is published.

import type { Preset } from "./preset.ts";
import { DIGICERT_GLOBAL_ROOT_G2 } from "./public-roots.ts";

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
  steps: [
    'In the Connect configuration switch on "Enable Mutual TLS" (API: signMessageWithX509Certificate) and the HMAC signature, and deliver JSON (eventData restv2.1).',
    "Attach DigiCert Global Root G2 to the hostname at the edge, so that the handshake names it: Docusign presents its certificate only to a server that names its root and offers SHA-256 signatures.",
    'Docusign can send HTTP Basic credentials as well: set them in the configuration and add "basic" to the sender.',
  ],
  notes: [
    "The subject of Docusign's client certificate is not published here, so no certificate is accepted yet and every event is refused until one is added. Take it from the certificate that the route records, compared with the list on Docusign's trust site, or from the file there. It need not look like a hostname. To require the signature alone meanwhile, take certificates and trust out of the sender.",
    "The root is the one that Docusign documents since its 2019 renewal; the present chain is unconfirmed. DigiCert issues no client certificate from its public TLS hierarchy after 2027-03-01: root, intermediate and subject may change together.",
    "Docusign calls for every account with the same certificates: the signature says that the event is of yours.",
    "Docusign sends no event id. Whether generatedDateTime stays the same in a retry is not known: if it does not, a retry counts as an event of its own. XML messages have no event key.",
    "25 MiB follows Docusign's advice to handle messages with documents of 25 MB or larger; larger ones need a higher maxBodyBytes.",
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
    "The demo system presents another certificate than production, and is renewed on days of its own.",
  ],
};
