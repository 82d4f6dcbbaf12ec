// Okta's event hooks. Okta sends a header and a value that you choose.

import type { Preset } from "./preset.ts";

export const okta: Preset = {
  title: "Okta event hooks",
  sender: { token: { header: "X-Okta-Hook-Token", secrets: ["OKTA_HOOK_TOKEN"] }, handshake: { scheme: "okta" } },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { OKTA_HOOK_TOKEN: "a long random text of yours, which is the authentication secret of the hook" },
  behaviour: {
    handshake:
      "once a GET with the header X-Okta-Verification-Challenge; the answer is JSON with its value as verification",
  },
  steps: ["In the event hook, set the authentication field to X-Okta-Hook-Token and the secret to this value."],
  notes: [
    "The token is sent as it is with each event, and signs nothing: whoever reads one request can send any event.",
    "Retries, deadline, sizes and an event id are not in the sources that were read, so maxBodyBytes is our default.",
  ],
  sources: ["https://developer.okta.com/docs/concepts/event-hooks/"],
  checked: "2026-11-30",
};
