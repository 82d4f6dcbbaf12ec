// GitLab's webhooks of projects and groups.

import type { Preset } from "./preset.ts";

export const gitlab: Preset = {
  title: "GitLab webhooks",
  sender: { token: { header: "X-Gitlab-Token", secrets: ["GITLAB_WEBHOOK_TOKEN"] } },
  route: { methods: ["POST"], maxBodyBytes: 26_214_400 },
  anchors: {},
  secrets: { GITLAB_WEBHOOK_TOKEN: "the secret token of the webhook" },
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: true,
      also: "after four failures in a row, 4xx switch the webhook off until you switch it on again, and 5xx for up to 24 hours",
    },
    deadlineSeconds: 10,
  },
  steps: [
    "Set a long random secret token in the settings of the webhook. If your GitLab is self-managed, give it a client certificate too: then start from the preset private-ca, and add the token to its sender.",
  ],
  notes: [
    "The token is sent as it is with each event, and signs nothing: whoever reads one request can send any event.",
    "Sizes and an event id are not in the sources that were read. The limit of 25 MiB is ours.",
  ],
  sources: [
    "https://docs.gitlab.com/user/project/integrations/webhooks/",
    "https://gitlab.com/gitlab-com/gl-infra/delivery/-/issues/19320",
    "https://gitlab.com/gitlab-org/gitlab/-/issues/414893",
  ],
  checked: "2026-11-30",
};
