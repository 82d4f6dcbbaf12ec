// Sends events in all the forms and sizes that Docusign uses. No byte may change on the way to the handler. The forms are JSON with
// documents, XML with its own digital signature, SOAP that needs the handler's response, and bodies at the size limit.

import { createHmac, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SignedXml } from "xml-crypto";
import { loadHeldSecrets } from "../../core/admission/secrets.ts";
import { publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import { serve } from "../../origin/node/server.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import type { HeaderList } from "../support/http.ts";
import { LogLines } from "../support/log-lines.ts";
import { openTestInbox } from "../support/origin.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, type Senders } from "../support/senders.ts";
import { SECRETS } from "../support/signed-senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const MAX_BODY_BYTES = 25 * 1024 * 1024;
/** The memory limit of an isolate of Cloudflare Workers. */
const ISOLATE_BYTES = 128 * 1024 * 1024;
const TARGET = "/hooks/docusign";

const stack = new AsyncDisposableStack();
let senders: Senders;
let edge: DeployedEdge;
/** The events that the handler received. The most recent event comes first. */
const delivered: { body: Uint8Array; contentType: string; headers: Record<string, string> }[] = [];

function policyOf({ anchors, senders: known }: PolicyDocument): PolicyDocument {
  const signature = { scheme: "docusign" as const, secrets: ["DOCUSIGN_HMAC_KEY"] };
  return {
    anchors,
    senders: { docusign: { ...known[ACME], signature } },
    routes: { [TARGET]: { senders: ["docusign"], methods: ["POST"], maxBodyBytes: MAX_BODY_BYTES } },
  };
}

beforeAll(async () => {
  senders = await createSenders();
  const document = policyOf(senders.policy);
  const policy = compilePolicy(document);
  const key = await newSigningKey();
  const app = new Hono<AuthenticatedEnv>();
  const guard = authenticate({
    policy,
    secrets: loadHeldSecrets(policy, (name) => SECRETS[name as keyof typeof SECRETS]),
    findKey: await pinnedKeys({ keys: [publicJwk(key)] }),
    issuer: ISSUER,
    audience: AUDIENCE,
    accept: openTestInbox(stack).inbox.accept,
    log: new LogLines().push,
  });
  app.post(TARGET, guard, (c) => {
    const { body, request, headers } = c.var.delivery;
    delivered.unshift({ body, contentType: request.contentType, headers: Object.fromEntries(headers) });
    return headers.some(([name]) => name === "soapaction")
      ? c.body(SOAP_ANSWER, 200, { "content-type": "text/xml; charset=utf-8" })
      : c.body(null, 204);
  });
  const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: () => {} });
  stack.defer(() => server.close());
  const bindings = { ...SECRETS, SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: server.url };
  ({ edge } = await startWorkerd(stack, document, { edge: bindings }));
});
afterAll(() => stack.disposeAsync());

function send(body: string | Uint8Array, contentType: string, headers: HeaderList = []) {
  const signature = createHmac("sha256", SECRETS.DOCUSIGN_HMAC_KEY).update(body).digest("base64");
  return edge.send({
    target: TARGET,
    tls: tlsClientAuth(senders.acme),
    body,
    headers: [["Content-Type", contentType], ["X-DocuSign-Signature-1", signature], ...headers],
  });
}

/** Makes an event with these documents, in the format of Docusign Connect 2.0. */
function jsonEvent(documents: readonly string[]): string {
  const envelopeId = "3f9c2a64-51b7-4d0e-8a2b-7c1d9e5f6a30";
  return JSON.stringify({
    event: "envelope-completed",
    apiVersion: "v2.1",
    uri: `/restapi/v2.1/accounts/8d4f7b12-0c3e-4a59-b6d1-2e9f8c7a5b40/envelopes/${envelopeId}`,
    retryCount: 0,
    configurationId: 10482733,
    generatedDateTime: "2026-11-24T07:09:58.9584687Z",
    data: {
      accountId: "8d4f7b12-0c3e-4a59-b6d1-2e9f8c7a5b40",
      envelopeId,
      envelopeSummary: {
        status: "completed",
        emailSubject: "Vertrag für Zoë – bitte unterschreiben",
        envelopeDocuments: documents.map((PDFBytes, index) => ({ documentId: String(index + 1), PDFBytes })),
      },
    },
  });
}

const SOAP_ANSWER = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<DocuSignConnectUpdateResponse xmlns="http://www.docusign.net/API/3.0"><EnvelopeID>3f9c2a64</EnvelopeID></DocuSignConnectUpdateResponse>
</soap:Body></soap:Envelope>`;

test.each([
  ["without documents", jsonEvent([])],
  ["with documents", jsonEvent([Buffer.alloc(300_000, "%PDF").toString("base64"), Buffer.alloc(9).toString("base64")])],
])("JSON %s reaches the handler byte for byte", async (_, body) => {
  expect((await send(body, "application/json; charset=utf-8")).status).toBe(204);
  expect(Buffer.from(delivered[0]?.body ?? []).equals(Buffer.from(body))).toBe(true);
  expect(delivered[0]?.contentType).toBe("application/json; charset=utf-8");
});

test("XML with an enveloped signature still verifies after edge and origin", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signer = new SignedXml({
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }),
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: "http://www.w3.org/2001/10/xml-exc-c14n#",
  });
  signer.addReference({
    xpath: "/*",
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#"],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  // If a program parsed this XML and wrote it again, white space, the entity and the byte order mark would change.
  const xml = `<DocuSignEnvelopeInformation  xmlns="http://www.docusign.net/API/3.0">\r\n\t<EnvelopeStatus><Status>Completed</Status>
    <Subject>Größe &amp; "Menge"</Subject></EnvelopeStatus ></DocuSignEnvelopeInformation>`;
  signer.computeSignature(xml);
  const body = `\ufeff${signer.getSignedXml()}`;
  expect((await send(body, "text/xml; charset=utf-8")).status).toBe(204);

  const received = Buffer.from(delivered[0]?.body ?? []).toString();
  expect(received).toBe(body);
  const verifies = (text: string) => {
    const verifier = new SignedXml({ publicCert: publicKey.export({ type: "spki", format: "pem" }) });
    verifier.loadSignature(/<Signature[\s\S]*<\/Signature>/.exec(text)?.[0] ?? "");
    return verifier.checkSignature(text.replace("\ufeff", ""));
  };
  expect(verifies(received)).toBe(true);
  expect(verifies(received.replace("Completed", "Declined!"))).toBe(false);
});

test("SOAP gets the handler's own answer", async () => {
  const body = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>`;
  const action = '"http://www.docusign.net/API/3.0/DocuSignConnectUpdate"';
  const answer = await send(body, "text/xml; charset=utf-8", [["SOAPAction", action]]);
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "text/xml; charset=utf-8"]);
  expect(answer.body.toString()).toBe(SOAP_ANSWER);
  expect(delivered[0]?.headers["soapaction"]).toBe(action);
});

test("a signed body of 25 MiB passes within the memory of an isolate, and one byte more is refused", async () => {
  const document = Buffer.alloc(1024 * 1024, "0123456789abcdef").toString("base64");
  const body = jsonEvent(["A".repeat(MAX_BODY_BYTES - Buffer.byteLength(jsonEvent([""])))]);
  expect(Buffer.byteLength(body)).toBe(MAX_BODY_BYTES);
  // Sends one event before the measurement, so that the memory of the runtime's code and buffers is not counted for the second
  // event.
  expect((await send(jsonEvent([document]), "application/json")).status).toBe(204);
  const before = residentBytes("VmRSS");
  expect((await send(body, "application/json")).status).toBe(204);
  const used = residentBytes("VmHWM") - before;
  console.log(`a body of 25 MiB takes ${Math.round(used / 1024 / 1024)} MiB at the edge`);
  expect(used).toBeLessThan(ISOLATE_BYTES);
  expect(delivered[0]?.body.byteLength).toBe(MAX_BODY_BYTES);

  // The edge refuses this body because of its declared length, without reading the body.
  const answer = await edge.send({
    target: TARGET,
    tls: tlsClientAuth(senders.acme),
    headers: [["Content-Length", String(MAX_BODY_BYTES + 1)]],
    body: (async function* () {
      yield Buffer.from("{");
      await new Promise(() => {});
    })(),
  });
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "body-too-large" });
});

/** Returns the resident memory of the runtime's process: the current value (VmRSS) or the maximum (VmHWM). */
function residentBytes(field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${edge.pid}/status`, "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
}
