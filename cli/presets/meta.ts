// Meta. It has used its own CA for the certificate of its webhook client since its DigiCert certificate expired on 2026-04-15.

import type { Preset } from "./preset.ts";

export const meta: Preset = {
  title: "Meta webhooks (WhatsApp Business and others)",
  sender: {
    certificates: [{ subject: { CN: "client.webhooks.fbclientcerts.com" } }],
    trust: { anchors: ["meta-outbound-api-ca-2025-12"] },
    signature: { scheme: "meta", secrets: ["META_APP_SECRET"] },
    handshake: { scheme: "meta", secret: "META_VERIFY_TOKEN" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {
    "meta-outbound-api-ca-2025-12": {
      what: "Meta's own CA, the file meta-outbound-api-ca-2025-12.pem",
      where:
        "in a ZIP file; https://developers.facebook.com/docs/graph-api/webhooks/getting-started#mtls-for-webhooks links to it, and the link changes with each visit",
    },
  },
  secrets: {
    META_APP_SECRET: "the app secret of the Meta app",
    META_VERIFY_TOKEN: "a long random text of yours, which you also give to Meta as the verify token",
  },
  behaviour: {
    handshake:
      "a GET with hub.mode=subscribe, hub.verify_token and hub.challenge; the answer is the challenge as plain text",
    afterRefusal: { isFinal: false, hours: 36, also: "7 days are reported for WhatsApp" },
    renewal: {
      also: "by a CA of its own, whose end countersign policy expiring shows; Meta has not said when it changes",
    },
  },
  steps: [
    "Enable mutual TLS for the app at Meta. Otherwise Meta presents no client certificate.",
    "Set the callback URL with the verify token. Countersign answers Meta's GET, which needs no certificate and no signature.",
  ],
  notes: [
    "Meta's CA is in no public store, and we do not publish its fingerprint. Fetch the file only from Meta, over HTTPS. The old DigiCert-signed certificate expired on 2026-04-15 and is not accepted.",
    "Meta uses the same certificate for every app. Only the signature proves that the event is for your app.",
    "Meta documents up to 1000 changes in one request, but no size, so maxBodyBytes is our default. The source documents no event id, so let your handler know the ids inside.",
  ],
  sources: [
    "https://developers.facebook.com/docs/graph-api/webhooks/getting-started#mtls-for-webhooks",
    "https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint",
  ],
  checked: "2026-11-23",
};
