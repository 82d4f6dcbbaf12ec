// Slack. It promises a name and "any DigiCert root", so all DigiCert roots in Node's store are anchors.

import type { Preset } from "./preset.ts";
import { DIGICERT_ROOTS } from "./public-roots.ts";

export const slack: Preset = {
  title: "Slack requests to apps",
  sender: {
    certificates: [{ san: { dns: ["platform-tls-client.slack.com"] } }],
    trust: { anchors: Object.keys(DIGICERT_ROOTS) },
    signature: { scheme: "slack", secrets: ["SLACK_SIGNING_SECRET"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe" },
  anchors: DIGICERT_ROOTS,
  secrets: { SLACK_SIGNING_SECRET: "the signing secret of the Slack app" },
  steps: [
    'Slack sends {"type":"url_verification"} to a new URL first, and takes the URL only if the answer is the challenge in it. Set "answer": "handler" on the route, and let your handler (--handler or --upstream) answer that type with status 200 and the text of its challenge.',
    "Let a request arrive and see in the log that the certificate is proven and admitted; then drop the anchors that it does not need.",
  ],
  notes: [
    "Whether Slack still presents this certificate is not confirmed, and the root is not named: the route observes until you have seen one. Where Slack no longer does, remove certificates and trust: the signature then stands alone.",
    "Node 26 no longer ships DigiCert Global Root CA, DigiCert High Assurance EV Root CA and DigiCert Assured ID Root CA. If the log says that the path ends in one of them, add it with --anchor NAME=FILE.",
    "Every app at Slack is served by the same certificate: the signature says that the request is for yours.",
    "No size of body and no event id is documented in the source: maxBodyBytes is our default.",
  ],
  sources: [
    "https://api.slack.com/docs/verifying-requests-from-slack#mutual_tls",
    "https://api.slack.com/events/url_verification",
  ],
  checked: "2026-11-23",
};
