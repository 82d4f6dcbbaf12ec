// A sender whose certificate comes from the sender's own CA or from a CA of the operator: GitLab, Svix, Fireblocks, Plain, Wise and
// many others.

import type { Preset } from "./preset.ts";

export const privateCa: Preset = {
  title: "A sender with a certificate of a private CA: its own, or yours",
  sender: { certificates: [], trust: { anchors: [] } },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe" },
  anchors: {},
  secrets: {},
  behaviour: {},
  steps: [
    "Add the certificate that the sender presents with --certificate FILE, even if your own CA issued it, because the CA may later certify others too.",
    'If the sender signs its requests too, add "signature" to the sender.',
  ],
  notes: [
    "Everything that depends on the sender: its CA, its subject, its sizes, its event id. The preset contains only the form.",
  ],
  sources: [
    "https://docs.svix.com/endpoint-authentication",
    "https://developers.fireblocks.com/reference/webhooks-mtls",
    "https://plain.com/docs/mtls",
    "https://docs.wise.com/api-docs/guides/enhanced-security/mtls-for-webhooks",
  ],
  checked: "2026-11-23",
};
