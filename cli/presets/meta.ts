// Meta, which signs its webhook client with a CA of its own since its DigiCert certificate ran out on 2026-04-15.

import type { Preset } from "./preset.ts";

export const meta: Preset = {
  title: "Meta webhooks (WhatsApp Business and others)",
  sender: {
    certificates: [{ subject: { CN: "client.webhooks.fbclientcerts.com" } }],
    trust: { anchors: ["meta-outbound-api-ca-2025-12"] },
    signature: { scheme: "meta", secrets: ["META_APP_SECRET"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {
    "meta-outbound-api-ca-2025-12": {
      what: "Meta's own CA, the file meta-outbound-api-ca-2025-12.pem",
      where: "named in the section on mutual TLS of Meta's webhook documentation",
    },
  },
  secrets: { META_APP_SECRET: "the app secret of the Meta app" },
  steps: ["Have Meta present its client certificate: it is said to do so only for apps that opt in."],
  notes: [
    "Meta's CA is in no public store and its fingerprint is not published here: fetch the file over HTTPS from Meta alone. The old DigiCert-signed certificate expired on 2026-04-15 and is not accepted.",
    "How an app opts in is not known. Nor is whether the request by which Meta checks a new endpoint is signed or presents the certificate: only POST is admitted.",
    "Every app at Meta is served by the same certificate: the signature says that the event is of yours.",
    "Meta documents up to 1000 changes in one request and no size: maxBodyBytes is our default. No event id is documented in the source; Meta retries for up to 36 hours.",
  ],
  sources: ["Meta for Developers, documentation of webhooks, section on mutual TLS"],
  checked: "2026-11-23",
};
