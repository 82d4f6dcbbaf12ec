// Pix: notifications of Brazil's payment providers. The central bank requires mutual TLS, and each provider has its own
// certificates. The API appends the kind of event to the end of the registered URL.

import type { Preset } from "./preset.ts";

const SUFFIXES = ["/pix", "/rec", "/cobr"];
const EVERY_CUSTOMER =
  "Every customer of the provider can register your URL for another key. So the certificate proves the provider, and not whose payment it is: compare /pix/*/chave with your keys.";
const EVENT_ID =
  "There is no signature and no id of a request, and one request may have several payments. Let your handler recognise endToEndId, and for a return (devolução) its id and status too.";
const API = "https://github.com/bacen/pix-api/blob/HEAD/openapi.yaml";
/** The API promises that only 200 is success. */
const ANSWER = { status: 200 };

export const pix: Preset = {
  title: "Pix notifications of any provider (Itaú, Banco do Brasil, Inter and others)",
  sender: { certificates: [], trust: { anchors: [] } },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe", answer: ANSWER },
  suffixes: SUFFIXES,
  anchors: {},
  secrets: {},
  behaviour: {},
  steps: [
    "Ask the provider for the CA of its webhook's client certificate, and give it as --anchor NAME=FILE. Itaú: ca-cert.cer and CARoot.crt of ca-cert.zip in one file. Banco do Brasil: the chain of api_webhook_bb_com_br.crt. Inter: Certificado_Webhook/ca.crt.",
    "Register the URL without a suffix: the provider appends /pix, /rec or /cobr to the end of its text, also after a query.",
    "Some providers check your server's certificate: Bradesco wants OV or EV with your company's CNPJ, and BS2 wants your certificate uploaded, and TLS 1.2 only.",
  ],
  notes: [
    EVERY_CUSTOMER,
    EVENT_ID,
    "Itaú issues its customers' API certificates too. It is not known whether the same CA does, so accept its webhook's certificate by name, and never all of its CA. Banco do Brasil's certificate is of a public CA, which will issue no more client certificates. Inter posts an array, and not an object with pix.",
  ],
  sources: [API, "https://github.com/bacen/pix-api/issues/239", "https://github.com/bacen/pix-api/issues/670"],
  checked: "2026-11-29",
};

export const pixEfi: Preset = {
  title: "Pix notifications of Efí (Gerencianet), production accounts",
  sender: {
    certificates: [],
    trust: { anchors: ["efi-webhook-prod"], maxChainDepth: 1 },
    refusal: "retry",
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe", answer: ANSWER },
  suffixes: SUFFIXES,
  anchors: {
    // Not the root of this certificate: it certifies the sandbox too.
    "efi-webhook-prod": {
      what: "Efí's certificate for webhooks of production, CN=webhook.efipay.com.br, which is a CA",
      where: "in https://certificados.efipay.com.br/webhooks/certificate-chain-prod.crt",
      sha256: "b8a4cc20e3cb06401b3273f5f08fdce523bc6a961706911c500647fcf08b3861",
    },
  },
  secrets: {},
  behaviour: {
    handshake:
      "when you register the URL, a request without a certificate, which must be refused (403 is enough), and one with it, which must get 200",
    deadlineSeconds: 60,
    renewal: { ends: "2033-05-22", also: "this is the published certificate; its root ends on 2038-05-05" },
    tls: ["1.2", "1.3"],
  },
  steps: [
    "Register the URL without a suffix: Efí appends /pix, /rec or /cobr to the end of its text, also after a query. A last parameter ?ignorar= suppresses this.",
    "If the first registration is refused, accept the certificate that countersign policy observed shows, and register the URL again: nothing is lost before the registration.",
    "Do not set x-skip-mtls-checking. Efí presents its certificate also with it, and without it Efí checks that you refuse strangers.",
  ],
  notes: [
    "It is not published whether Efí presents the certificate of this anchor itself or one below it, so no subject is accepted yet. The sandbox has another certificate of the same root (SHA-256 98c44220cccc930a37985e3519a53def4bbbd8b382d7f16335425125f718ead5), so the root is no anchor.",
    EVERY_CUSTOMER,
    EVENT_ID,
    "Efí does not publish its retries. You can ask for an event again once, within 30 days (POST /v2/gn/webhook/reenviar). Requests come from 34.193.116.226. No size is published, so maxBodyBytes is our default.",
  ],
  sources: [API, "https://dev.efipay.com.br/docs/api-pix/webhooks", "https://github.com/efipay/mtls-webhook"],
  checked: "2026-11-29",
};
