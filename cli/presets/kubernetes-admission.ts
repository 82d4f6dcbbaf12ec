// The API server of Kubernetes, which asks admission webhooks. It presents a certificate only if it is configured to.

import type { Preset } from "./preset.ts";

export const kubernetesAdmission: Preset = {
  title: "Kubernetes API server, admission webhooks",
  sender: { certificates: [{ subject: { CN: "kube-apiserver" } }], trust: { anchors: [] }, refusal: "final" },
  route: { methods: ["POST"], maxBodyBytes: 8_388_608, mode: "observe", answer: "handler" },
  anchors: {},
  secrets: {},
  behaviour: {
    handshake: "none",
    afterRefusal: {
      isFinal: true,
      also: "the request to the API server is refused or let through, as the failurePolicy of the webhook says",
    },
    deadlineSeconds: 10,
    renewal: { also: "you decide, or the operator of the cluster does" },
  },
  steps: [
    "Let the API server present a certificate: --admission-control-config-file, with a kubeconfig for the host of this webhook. Otherwise it presents none.",
    "Give the CA of this certificate as --anchor NAME=FILE. If it certifies others of the cluster too, keep the entry as narrow as you can: subject and alternative name.",
    "Let your handler return the AdmissionReview: its answer goes to the API server. Keep to an origin alone, because the API server is inside your network.",
  ],
  notes: [
    "The subject kube-apiserver is usual, and not certain: you configure it, and managed clusters differ. So the route observes until you have seen the certificate.",
    "The deadline is the default of timeoutSeconds, which is 30 at most. No size is documented, so the limit is ours: an AdmissionReview holds the old and the new object.",
  ],
  sources: [
    "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers",
    "https://github.com/kyverno/kyverno/issues/16559",
    "https://github.com/cert-manager/cert-manager/pull/8010",
  ],
  checked: "2026-11-30",
};
