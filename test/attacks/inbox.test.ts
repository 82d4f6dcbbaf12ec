// Tests attacks on the inbox by somebody who has a genuine request, or by an admitted sender. docs/design/known-attacks.md lists
// the tests by name.

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { importSecrets } from "../../core/admission/secrets.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { parseClientCertChainField, parseClientCertificate } from "../../core/x509/client-certificate.ts";
import { createOriginApp } from "../../origin/app.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { serve } from "../../origin/node/server.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange, type HeaderList } from "../support/http.ts";
import { LogLines } from "../support/log-lines.ts";
import { openTestInbox, startTestOrigin, withoutCertificate } from "../support/origin.ts";
import { createSenders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

describe("a sender without a certificate, whose signature binds the body alone", () => {
  const policy: PolicyDocument = {
    anchors: {},
    senders: {
      hub: { signature: { scheme: "github", secrets: ["HUB_SECRET"] }, eventKey: { pointers: ["/event/id"] } },
    },
    routes: {
      "/orders": { senders: ["hub"], methods: ["POST", "PUT"] },
      "/refunds": { senders: ["hub"], methods: ["POST"] },
      "/large": { senders: ["hub"], methods: ["POST"], maxBodyBytes: 26_214_400 },
    },
  };
  const lines = new LogLines();
  let inbox: Inbox;
  let url: string;

  beforeAll(async () => {
    ({ inbox } = openTestInbox(stack));
    const compiled = compilePolicy(policy);
    const app = createOriginApp({
      policy: compiled,
      secrets: importSecrets(compiled, () => SECRET),
      readCertificate: withoutCertificate,
      accept: inbox.accept,
      log: lines.push,
    });
    const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: lines.push });
    stack.defer(() => server.close());
    url = server.url;
  });

  async function send(method: string, target: string, body: string) {
    const signature = createHmac("sha256", SECRET).update(body).digest("hex");
    const headers: HeaderList = [["X-Hub-Signature-256", `sha256=${signature}`]];
    const answer = await exchange({ url: url + target, method, body, headers });
    return { status: answer.status, ...(JSON.parse(answer.body.toString()) as { event: string; duplicate?: boolean }) };
  }

  test("Same event elsewhere: a signed request sent to another route does not make the genuine one a duplicate", async () => {
    const body = '{"event":{"id":"evt_1"}}';
    const requests = [
      ["POST", "/refunds"],
      ["POST", "/orders"],
      ["PUT", "/orders"],
      ["POST", "/orders?part=2"],
    ] as const;
    const firsts = [];
    for (const [method, target] of requests) firsts.push(await send(method, target, body));
    expect(firsts.map(({ status, duplicate }) => [status, duplicate])).toEqual(Array(4).fill([202, undefined]));
    for (const [index, [method, target]] of requests.entries()) {
      expect(await send(method, target, body)).toEqual({ status: 200, event: firsts[index]?.event, duplicate: true });
    }
    expect(await inbox.work.claim(9, 1_000)).toHaveLength(4);
  });

  test("Costly keys: a body of millions of values is accepted without building them, and its log line says that it has no key", async () => {
    const answer = await send("POST", "/large", `[${"{},".repeat(8_700_000)}1]`);
    expect(answer.status).toBe(202);
    const problem = "the body has more than 500000 values";
    expect(await lines.of(answer.event)).toMatchObject({ decision: "accepted", unreadKeys: { eventKey: problem } });
    // If a body is long but has few JSON values, its event key is still found.
    const document = await send("POST", "/large", `{"document":"${"A".repeat(20_000_000)}","event":{"id":"evt_2"}}`);
    expect(await lines.of(document.event)).not.toHaveProperty("unreadKeys");
    expect((await inbox.event(document.event))?.eventKey).toBe('["evt_2"]');
  }, 120_000);

  test.each([
    ["payload=%7B%22id%22%3A%22e1%22%7D", "the body is not JSON: see its octet 0"],
    ['{"event":{}}', "the body has no text, number or boolean at /event/id"],
  ])("an event whose key cannot be read says why in its line: %s", async (body, problem) => {
    const { event } = await send("POST", "/orders", body);
    expect(await lines.of(event)).toMatchObject({ decision: "accepted", unreadKeys: { eventKey: problem } });
  });
});

test("Replay after clean-up: an assertion stays used when retention has deleted its event", async () => {
  const { policy, acme: identity } = await createSenders();
  const key: PrivateJwk = await newSigningKey();
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const { headers } = forwardedRequest({ key, identity, policyDigest: compilePolicy(policy).digest });
  const send = async () => (await exchange({ url: `${origin.url}/hooks/acme`, body: "{}", headers })).status;
  expect(await send()).toBe(202);
  for (const lease of await origin.inbox.work.claim(9, 1_000)) await origin.inbox.work.complete(lease);
  while ((await origin.inbox.prune({ bodySeconds: -1, eventSeconds: -1 })) > 0);
  expect(await origin.inbox.count()).toBe(0);
  expect(await send()).toBe(409);
});

test("Junk beside a certificate: the inbox keeps only intermediates below an anchor, whatever their order is", async () => {
  const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  const upper = await issueCertificate({ subject: [{ CN: ["Upper"] }], ca: {} }, root);
  const lower = await issueCertificate({ subject: [{ CN: ["Lower"] }], ca: {} }, upper);
  const sender = await issueCertificate({ subject: [{ CN: ["acme"] }] }, lower);
  const stranger = await issueCertificate({ subject: [{ CN: ["Stranger"] }], ca: {} });
  // These certificates have the names and keys of the CAs on the path, but a stranger signed them.
  const twins = await Promise.all(
    [lower, upper].map(({ certificate, keys }) =>
      issueCertificate({ subject: [{ CN: [certificate.subject.slice("CN=".length)] }], keys, ca: {} }, stranger),
    ),
  );
  const { inbox } = openTestInbox(stack);
  const policy: PolicyDocument = {
    anchors: { root: root.pem },
    senders: { acme: { certificates: [{ subject: { CN: "acme" } }], trust: { anchors: ["root"] } } },
    routes: { "/hooks": { senders: ["acme"], methods: ["POST"] } },
  };
  const app = createOriginApp({
    policy: compilePolicy(policy),
    readCertificate: readClientCertificate,
    accept: inbox.accept,
    log: () => {},
  });
  const send = async (...intermediates: readonly Identity[]) => {
    const field = (one: Identity) => `:${one.base64}:`;
    const headers = { "client-cert": field(sender), "client-cert-chain": intermediates.map(field).join(", ") };
    const answer = await app.request("http://origin.example/hooks", { method: "POST", body: "{}", headers });
    expect(answer.status).toBe(202);
  };
  for (const junk of [[], [stranger], twins, [...twins, stranger]]) {
    await send(...junk, lower, upper);
    await send(upper, lower, ...junk);
  }
  const kept = (await inbox.certificates()).map(({ intermediates }) => intermediates);
  expect(kept).toEqual([[lower.base64, upper.base64]]);
});

/** Reads the header fields of RFC 9440, as an origin behind a proxy does. */
function readClientCertificate({ headers }: Request) {
  return parseClientCertificate({
    leaf: (headers.get("client-cert") ?? "").replaceAll(":", ""),
    intermediates: parseClientCertChainField(headers.get("client-cert-chain") ?? ""),
    platform: undefined,
  });
}
