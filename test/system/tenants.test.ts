// Sends events of two customers of one vendor, through the deployed bundle and to an origin without an edge. The vendor presents
// the same certificate for both customers. One test has an edge that does not check the body: the origin behind it must check the
// body itself.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicJwk } from "../../core/assertion/keys.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { HeaderList, RawAnswer } from "../support/http.ts";
import type { LogLines } from "../support/log-lines.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { TlsSender } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestOrigin;
let direct: TestTlsOrigin;
let edges: Record<"strict", DeployedEdge>;
let lax: Record<"lax", DeployedEdge>;

/**
 * Returns a policy whose senders are tenants of the vendor `acme`. Without `hasValues`, no tenant requires values in the body, so
 * the first tenant of a route gets every event.
 */
function tenantPolicy({ anchors, senders: known }: PolicyDocument, hasValues: boolean): PolicyDocument {
  const tenant = (...keys: string[]) => ({
    ...known[ACME],
    ...(hasValues && { body: [{ pointer: "/pix/*/chave", in: keys }] }),
  });
  const list = { ...known[ACME], ...(hasValues && { body: [{ pointer: "/*/chave", in: ["north"] }] }) };
  const many = { ...known[ACME], ...(hasValues && { body: [{ pointer: "/*", in: ["n"] }] }) };
  const methods = ["POST"];
  return {
    anchors,
    senders: { north: tenant("north", "n2"), south: tenant("south"), list, many },
    routes: {
      "/pix": { senders: ["north", "south"], methods },
      "/list": { senders: ["list"], methods },
      "/many": { senders: ["many"], methods },
    },
  };
}

beforeAll(async () => {
  senders = await createSenders();
  const policy = tenantPolicy(senders.policy, true);
  const key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  direct = await startTlsOrigin(stack, { policy });
  const bindings = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  edges = await startWorkerd(stack, policy, { strict: bindings });
  lax = await startWorkerd(stack, tenantPolicy(senders.policy, false), { lax: bindings });
});
afterAll(() => stack.disposeAsync());

const JSON_TYPE: HeaderList[number] = ["Content-Type", "application/json"];
const pix = (...keys: string[]) =>
  JSON.stringify({ pix: keys.map((chave) => ({ endToEndId: "E1", chave, valor: "1.00" })) });

interface Sent {
  readonly target?: string;
  readonly body: string;
  readonly headers?: HeaderList;
}

interface Way {
  send(sent: Sent): Promise<RawAnswer>;
  lines(): LogLines;
}

const ways: Readonly<Record<string, Way>> = {
  "the deployed edge": {
    send: ({ target = "/pix", headers = [JSON_TYPE], body }) =>
      edges.strict.send({ target, headers, body, tls: tlsClientAuth(senders.acme) }),
    lines: () => edges.strict.lines,
  },
  "an origin without an edge": {
    async send({ target = "/pix", headers = [JSON_TYPE], body }) {
      const sender = new TlsSender(direct.at(A), senders.acme);
      try {
        return await sender.send({ target, headers, body });
      } finally {
        sender.close();
      }
    },
    lines: () => direct.lines,
  },
};

describe.each(Object.entries(ways))("at %s", (_, way) => {
  test.each([
    ["north", pix("north")],
    ["north", pix("n2", "north")],
    ["south", pix("south", "south")],
  ])("an event belongs to the tenant %s", async (sender, body) => {
    const answer = await way.send({ body });
    expect(answer.status).toBe(202);
    const line = await way.lines().of(JSON.parse(answer.body.toString()).event);
    expect(line).toMatchObject({ sender, factors: ["mtls"] });
  });

  test("an array at the root is matched", async () => {
    expect((await way.send({ target: "/list", body: '[{"chave":"north"}]' })).status).toBe(202);
    expect((await way.send({ target: "/list", body: '[{"chave":"south"}]' })).status).toBe(403);
  });

  test.each<[code: string, name: string, sent: Sent]>([
    ["json_value_not_listed", "another customer", { body: pix("a-stranger-in-the-list") }],
    ["json_value_not_listed", "an event of two tenants", { body: pix("north", "south") }],
    ["json_value_missing", "an event without a key", { body: '{"pix":[{"endToEndId":"E1"}]}' }],
    ["json_value_missing", "no event", { body: pix() }],
    ["json_repeated_name", "two keys of which one is right", { body: '{"pix":[{"chave":"x","chave":"north"}]}' }],
    ["json_repeated_name", "a name with an escape", { body: '{"pix":[{"chave":"north","ch\\u0061ve":"x"}]}' }],
    ["json_repeated_name", "two lists", { body: '{"pix":[{"chave":"north"}],"pix":[{"chave":"x"}]}' }],
    ["json_too_many_matches", "100,000 elements", { target: "/many", body: `[${Array(100_000).fill('"n"')}]` }],
    ["content_not_json", "no Content-Type", { body: pix("north"), headers: [] }],
  ])("%s: %s", async (code, _name, sent) => {
    const answer = await way.send(sent);
    const { decision } = JSON.parse(answer.body.toString());
    const line = await way.lines().of(decision);
    expect([line["code"], answer.status]).toEqual([code, 403]);
    expect(JSON.stringify(line) + answer.body.toString()).not.toContain("a-stranger");
  });
});

test("an origin behind an edge that does not match the body refuses by itself", async () => {
  const send = (body: string) =>
    lax.lax.send({ target: "/pix", headers: [JSON_TYPE], body, tls: tlsClientAuth(senders.acme) });
  expect((await send(pix("north"))).status).toBe(202);
  const before = origin.lines.all.length;
  expect((await send(pix("x"))).status).toBe(502);
  await expect
    .poll(() => origin.lines.all.slice(before).map(({ code }) => code), { timeout: 20_000 })
    .toContain("json_value_not_listed");
});
