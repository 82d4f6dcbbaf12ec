// Tests a rotation of the signing key with an overlap, while edge and origin run. The edge publishes the new key, then signs with
// it, then removes the old key.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { fetchedKeys } from "../../origin/verification-keys.ts";
import { listen } from "../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

type Step = "before" | "published" | "signing" | "dropped";

const stack = new AsyncDisposableStack();
let senders: Senders;
let keys: Record<"old" | "new", PrivateJwk>;
let origin: TestOrigin;
let pinned: TestOrigin;
let edges: Record<Step | "pinnedOld" | "pinnedNew", DeployedEdge>;
/** The step of the rotation. `jwksUrl` serves the keys that the edge of this step publishes. */
let current: Step = "before";
let milliseconds = 0;
let jwksUrl: string;

beforeAll(async () => {
  senders = await createSenders();
  const { policy } = senders;
  keys = { old: await newSigningKey(), new: await newSigningKey() };
  jwksUrl = await listen(stack, async (incoming, outgoing) => {
    const published = await edges[current].send({ method: "GET", target: "/.well-known/jwks.json", body: "" });
    outgoing.writeHead(published.status).end(published.body);
    incoming.resume();
  });
  const onError = (reason: string) => expect.unreachable(reason);
  origin = await startTestOrigin(stack, { policy, keys: fetchedKeys(jwksUrl, { onError, clock: () => milliseconds }) });
  pinned = await startTestOrigin(stack, { policy, keys: [publicJwk(keys.old), publicJwk(keys.new)] });
  const signingKeys = (...set: PrivateJwk[]) => JSON.stringify({ keys: set });
  const at = ({ url: ORIGIN_URL }: TestOrigin, ...set: PrivateJwk[]) => ({
    ORIGIN_URL,
    SIGNING_KEYS: signingKeys(...set),
  });
  edges = await startWorkerd(stack, policy, {
    before: at(origin, keys.old),
    published: at(origin, keys.old, keys.new),
    signing: at(origin, keys.new, keys.old),
    dropped: at(origin, keys.new),
    pinnedOld: at(pinned, keys.old),
    pinnedNew: at(pinned, keys.new),
  });
});
afterAll(() => stack.disposeAsync());

async function send(edge: keyof typeof edges): Promise<number> {
  return (await edges[edge].send({ tls: tlsClientAuth(senders.acme), body: "{}" })).status;
}

test("origin with fetched keys refuses no event at any step of a rotation", async () => {
  expect(await send("before")).toBe(202);
  const steps: [from: Step, to: Step][] = [
    ["before", "published"],
    ["published", "signing"],
    ["signing", "dropped"],
  ];
  for (const [from, to] of steps) {
    current = to;
    // If an assertion has an unknown `kid`, the origin fetches the keys again, but at most every five seconds. So the clock moves
    // by more than five seconds before each step. In production, an hour between the steps is enough.
    milliseconds += 5_001;
    // A deployment reaches different places at different times. So for some time, both the old and the new version of the edge
    // sign.
    expect([await send(from), await send(to), await send(from), await send(to)], to).toEqual([202, 202, 202, 202]);
  }
  expect(await origin.inbox.count()).toBe(13);
  milliseconds += 10 * 60_000 + 1;
  expect(await send("dropped")).toBe(202);
  expect(await send("before")).toBe(502);
  expect(origin.lines.all.at(-1)).toMatchObject({ code: "assertion_key_unknown" });
});

test("origin with pinned keys accepts the old and the new key at the same time", async () => {
  expect([await send("pinnedOld"), await send("pinnedNew")]).toEqual([202, 202]);
});
