// Alertmanager of Prometheus, with a client certificate that you issue.

import type { Preset } from "./preset.ts";

const OWN_CERTIFICATE = [
  "Issue a client certificate for it from a CA of yours: extended key usage clientAuth, key usage digitalSignature. Give the CA as --anchor NAME=FILE and the certificate as --certificate FILE.",
];

export const alertmanager: Preset = {
  title: "Prometheus Alertmanager, with a certificate that you issue",
  sender: { certificates: [], trust: { anchors: [] }, refusal: "retry" },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe" },
  anchors: {},
  secrets: {},
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: true,
      also: "only a 5xx is retried, within the group_interval; after any other failure, the alerts come with the next notification of their group, if they still fire",
    },
    renewal: { also: "you decide" },
  },
  steps: [
    ...OWN_CERTIFICATE,
    "In the webhook_configs of the receiver, set http_config.tls_config: cert_file and key_file.",
  ],
  notes: [
    "A notification has no id of its own, and repeats while its alerts fire. A 429 is not retried by the versions that were read, so refusal is retry and not retry-429.",
    "No size is documented, so maxBodyBytes is our default: max_alerts of the receiver limits it.",
  ],
  sources: [
    "https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
    "https://github.com/prometheus/alertmanager/issues/2121",
  ],
  checked: "2026-11-30",
};

export const grafana: Preset = {
  title: "Grafana alerting contact points, with a certificate that you issue",
  sender: { certificates: [], trust: { anchors: [] } },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe" },
  anchors: {},
  secrets: {},
  behaviour: { handshake: "none", renewal: { also: "you decide" } },
  steps: [...OWN_CERTIFICATE, "In the contact point of the type webhook, set the TLS client certificate and key."],
  notes: ["Sizes, retries and deadlines are not in the sources. A notification repeats while its alerts fire."],
  sources: [
    "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/",
    "https://github.com/grafana/terraform-provider-grafana/pull/2152",
  ],
  checked: "2026-11-30",
};
