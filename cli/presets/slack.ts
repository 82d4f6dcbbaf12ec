// Slack. Its documentation promises only a name and "any DigiCert root", so all DigiCert roots in Node's store are anchors.

import type { Preset } from "./preset.ts";
import { DIGICERT_ROOTS, PUBLIC_DAYS } from "./public-roots.ts";

export const slack: Preset = {
  title: "Slack requests to apps",
  sender: {
    certificates: [{ san: { dns: ["platform-tls-client.slack.com"] } }],
    trust: { anchors: Object.keys(DIGICERT_ROOTS) },
    signature: { scheme: "slack", secrets: ["SLACK_SIGNING_SECRET"] },
    handshake: { scheme: "slack" },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe" },
  anchors: DIGICERT_ROOTS,
  secrets: { SLACK_SIGNING_SECRET: "the signing secret of the Slack app" },
  behaviour: {
    handshake: 'a signed {"type":"url_verification"}; the answer within 3 seconds is its challenge as plain text',
    renewal: { days: PUBLIC_DAYS, also: "Slack names no date" },
  },
  steps: [
    "Set the request URL of the app. Countersign answers Slack's challenge if every factor of this sender passes. If Slack presents no certificate, remove certificates and trust first.",
    "Wait for a request, and check in the log that the certificate is proven and admitted. Then remove the anchors that it does not need.",
  ],
  notes: [
    "It is not confirmed that Slack still presents this certificate, and Slack does not name the root. So the route observes until you have seen a certificate. If Slack no longer presents one, remove certificates and trust. Then only the signature is required.",
    "Node 26 no longer ships DigiCert Global Root CA, DigiCert High Assurance EV Root CA and DigiCert Assured ID Root CA. If the log says that the path ends in one of them, add it with --anchor NAME=FILE.",
    "Slack uses the same certificate for every app. Only the signature proves that the request is for your app.",
    "The source documents no body size and no event id, so maxBodyBytes is our default.",
  ],
  sources: [
    "https://api.slack.com/docs/verifying-requests-from-slack#mutual_tls",
    "https://api.slack.com/events/url_verification",
  ],
  checked: "2026-11-23",
};
