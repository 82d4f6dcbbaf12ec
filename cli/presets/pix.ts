// Pix: notifications of Brazil's payment providers. The central bank requires mutual TLS, and each provider has its own
// certificates. The API appends the kind of event to the end of the registered URL.

import type { BodyValue, Preset } from "./preset.ts";

const SUFFIXES = ["/pix", "/rec", "/cobr"];
const EVERY_CUSTOMER =
  "The certificate proves the provider, and not whose event it is: every customer of the provider can register your URL for another key. So payments are accepted only if /pix/*/chave is one of your keys. A payment to the number of your account may have no chave and is refused: ask the API for such payments (GET /pix).";
const CHAVE: BodyValue = {
  what: "each of your Pix keys (chave), exactly as the provider writes it",
  pointer: "/pix/*/chave",
  on: ["/pix"],
  others:
    "Events without a Pix key: the test at registration, and Pix Automático (/rec, /cobr). The certificate proves the provider alone. Your handler must never book a payment of this sender, and must compare idRec and txid with those that you created.",
};
const EVENT_ID =
  "There is no signature and no id of a request, and one request may have several payments. Let your handler recognise endToEndId, and for a return (devolução) its id and status too.";
const API = "https://github.com/bacen/pix-api/blob/HEAD/openapi.yaml";
/** According to the API, only the status 200 means success. */
const ANSWER = { status: 200 };

const SENDERS =
  "In your handler, look at the sender's name. Payments of the first sender are to your keys. The second sender, whose name ends in -other, has the events without a key: never book a payment of it. Register a URL without a query, because after a query the provider's suffix is no longer in the path, and payments would be of the second sender.";

export const pix: Preset = {
  title: "Pix notifications of any provider (Itaú, Banco do Brasil, Inter and others)",
  sender: { certificates: [], trust: { anchors: [] } },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe", answer: ANSWER },
  suffixes: SUFFIXES,
  anchors: {},
  values: { chave: CHAVE },
  secrets: {},
  behaviour: {},
  steps: [
    "Ask the provider for the CA of its webhook's client certificate, and give it as --anchor NAME=FILE. Itaú: ca-cert.cer and CARoot.crt of ca-cert.zip in one file. Banco do Brasil: the chain of api_webhook_bb_com_br.crt. Inter: Certificado_Webhook/ca.crt.",
    "Register the URL without a suffix: the provider appends /pix, /rec or /cobr to the end of its text.",
    SENDERS,
    "Some providers check your server's certificate: Bradesco wants OV or EV with your company's CNPJ, and BS2 wants your certificate uploaded, and TLS 1.2 only.",
  ],
  notes: [
    EVERY_CUSTOMER,
    EVENT_ID,
    "Inter posts an array, and not an object with pix: write the pointer /*/chave into the policy. The body must be application/json.",
    "Itaú issues its customers' API certificates too. It is not known whether the same CA does, so accept its webhook's certificate by name, and never all of its CA. Banco do Brasil's certificate is of a public CA, which will issue no more client certificates.",
  ],
  sources: [API, "https://github.com/bacen/pix-api/issues/239", "https://github.com/bacen/pix-api/issues/670"],
  checked: "2026-11-29",
};

export const pixEfi: Preset = {
  title: "Pix notifications of Efí (Gerencianet), production accounts",
  sender: {
    // Efí's certificate of production, which is a CA. The sandbox has a different certificate from the same root.
    certificates: [{ sha256: "b8a4cc20e3cb06401b3273f5f08fdce523bc6a961706911c500647fcf08b3861" }],
    trust: { anchors: ["efi-pay-root"], maxChainDepth: 2 },
    refusal: "retry",
  },
  // Observed, because Efí does not say which certificate it presents: the published certificate, or one below the published
  // certificate.
  route: { methods: ["POST"], maxBodyBytes: 1_048_576, mode: "observe", answer: ANSWER },
  suffixes: SUFFIXES,
  anchors: {
    "efi-pay-root": {
      what: "Efí's root for webhooks, CN=Efi Pay Root CA",
      where: "in https://certificados.efipay.com.br/webhooks/certificate-chain-prod.crt",
      sha256: "e43aadaaeb98ae4b0ae6382406acb97d52749c75fc20bb647fe49476e035806d",
    },
  },
  values: { chave: CHAVE },
  secrets: {},
  behaviour: {
    handshake:
      "when you register the URL, a request without a certificate, which must be refused (403 is enough), and one with it, which must get 200",
    deadlineSeconds: 60,
    renewal: { ends: "2033-05-22", also: "this is the published certificate; its root ends on 2038-05-05" },
    tls: ["1.2", "1.3"],
  },
  steps: [
    "Register the URL without a suffix: Efí appends /pix, /rec or /cobr to the end of its text. Do not use the parameter ?ignorar=, which suppresses this.",
    SENDERS,
    "If the first registration is refused, accept the certificate that countersign policy observed shows for both senders, and register the URL again: nothing is lost before the registration.",
    "Do not set x-skip-mtls-checking. Efí presents its certificate also with it, and without it Efí checks that you refuse strangers.",
  ],
  notes: [
    "The policy accepts the certificate that Efí publishes for production, by its digest, because it is a CA certificate: nothing that it issued is accepted. It is not published whether Efí presents this certificate itself or one below it. The sandbox has another certificate of the same root (SHA-256 98c44220cccc930a37985e3519a53def4bbbd8b382d7f16335425125f718ead5), which is refused.",
    EVERY_CUSTOMER,
    EVENT_ID,
    "Efí does not publish its retries. You can ask for an event again once, within 30 days (POST /v2/gn/webhook/reenviar). Requests come from 34.193.116.226. No size is published, so maxBodyBytes is our default.",
  ],
  sources: [API, "https://dev.efipay.com.br/docs/api-pix/webhooks", "https://github.com/efipay/mtls-webhook"],
  checked: "2026-11-29",
};
