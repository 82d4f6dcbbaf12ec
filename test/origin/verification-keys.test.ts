// Tests the keys that the origin fetches. They are cached, fetched again when needed, and kept as long as the edge does not answer.
// Only the clock is fake.

import type { RequestListener, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FindVerificationKey, type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { fetchedKeys, pinnedKeys } from "../../origin/verification-keys.ts";
import { listen } from "../support/http.ts";
import { newSigningKey } from "../support/signing-key.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

let stack: AsyncDisposableStack;
let url: string;
let serve: RequestListener;
let fetches: number;
let errors: string[];
let milliseconds: number;
let findKey: FindVerificationKey;
let keys: [PrivateJwk, PrivateJwk];

function publish(...published: object[]): void {
  serve = (_, outgoing) =>
    outgoing.setHeader("content-type", "application/jwk-set+json").end(JSON.stringify({ keys: published }));
}

function fail(status: number): void {
  serve = (_, outgoing) => outgoing.writeHead(status).end("no");
}

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  keys = [await newSigningKey(), await newSigningKey()];
  publish(publicJwk(keys[0]));
  [fetches, errors, milliseconds] = [0, [], 0];
  url = await listen(stack, (incoming, outgoing) => {
    fetches += 1;
    serve(incoming, outgoing);
  });
  findKey = fetchedKeys(url, { onError: (reason) => errors.push(reason), clock: () => milliseconds });
});
afterEach(() => stack.disposeAsync());

describe("fetchedKeys", () => {
  test("fetches once for many look-ups, also simultaneous ones", async () => {
    const found = await Promise.all(Array.from({ length: 10 }, () => findKey(keys[0].kid)));
    expect(found.every((key) => key?.type === "public")).toBe(true);
    expect(await findKey(keys[0].kid)).toBe(found[0]);
    expect(fetches).toBe(1);
  });

  test("reports the URL without its query", async () => {
    fail(500);
    const withQuery = fetchedKeys(`${url}/a?token=HUSH`, { onError: (reason) => errors.push(reason) });
    const refusal = await Promise.resolve(withQuery("x")).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "keys_unavailable", details: { url: `${url}/a?…` } });
    expect(errors).toEqual([`${url}/a?…: status 500`]);
  });

  test("fetches again for an unknown kid, at most once per cool-down", async () => {
    await findKey(keys[0].kid);
    publish(publicJwk(keys[0]), publicJwk(keys[1]));
    milliseconds += 5 * SECOND;
    expect(await findKey(keys[1].kid)).toBeUndefined();
    expect(fetches).toBe(1);
    milliseconds += 1;
    expect(await findKey(keys[1].kid)).toBeDefined();
    expect(fetches).toBe(2);
  });

  test("does not let a flood of forged kids through to the edge", async () => {
    await findKey(keys[0].kid);
    milliseconds += 6 * SECOND;
    await Promise.all(Array.from({ length: 50 }, (_, i) => findKey(`forged-${i}`)));
    for (let i = 0; i < 50; i++) await findKey(`forged-${i}`);
    expect(fetches).toBe(2);
    expect(await findKey(keys[0].kid)).toBeDefined();
  });

  test("forgets a key that the edge withdrew, once the set is old", async () => {
    await findKey(keys[0].kid);
    publish(publicJwk(keys[1]));
    milliseconds += 10 * MINUTE;
    expect(await findKey(keys[0].kid)).toBeDefined();
    milliseconds += 1;
    expect(await findKey(keys[0].kid)).toBeUndefined();
    expect(fetches).toBe(2);
  });

  test("keeps the last good set while the edge does not answer, and uses the next one", async () => {
    await findKey(keys[0].kid);
    serve = (incoming) => incoming.socket.destroy();
    milliseconds += 60 * MINUTE;
    expect(await findKey(keys[0].kid)).toBeDefined();
    expect(errors).toHaveLength(1);
    publish(publicJwk(keys[1]));
    milliseconds += 6 * SECOND;
    expect(await findKey(keys[1].kid)).toBeDefined();
    expect(await findKey(keys[0].kid)).toBeUndefined();
  });

  test("refuses every look-up before the first set, and recovers", async () => {
    fail(503);
    await expect(findKey(keys[0].kid)).rejects.toMatchObject({ code: "keys_unavailable" });
    publish(publicJwk(keys[0]));
    await expect(findKey(keys[0].kid)).rejects.toMatchObject({ code: "keys_unavailable" });
    expect(fetches).toBe(1);
    milliseconds += 6 * SECOND;
    expect(await findKey(keys[0].kid)).toBeDefined();
    expect(errors).toEqual([`${url}: status 503`]);
  });

  describe("while the host of the keys does not answer", () => {
    const hung: ServerResponse[] = [];
    const hang = () => (serve = (_, outgoing) => void hung.push(outgoing));
    const isAsked = () => expect.poll(() => hung).not.toEqual([]);
    /** Returns true if the look-up is still open after a moment. A look-up that does not wait is complete much earlier. */
    const isWaiting = (lookUp: unknown) =>
      Promise.race([lookUp, delay(100, "waiting")]).then((end) => end === "waiting");

    beforeEach(async () => {
      hung.length = 0;
      await findKey(keys[0].kid);
      hang();
    });

    test("who names an unknown kid waits alone (Unknown kid, slow key host)", async () => {
      milliseconds += 6 * SECOND;
      const stranger = findKey("nobody");
      await isAsked();
      expect(await isWaiting(findKey(keys[0].kid))).toBe(false);
      expect(await isWaiting(stranger)).toBe(true);
      for (const outgoing of hung) outgoing.destroy();
      expect(await stranger).toBeUndefined();
      expect(await isWaiting(findKey("nobody"))).toBe(false);
      expect(fetches).toBe(2);
    });

    test("a set is fetched again before it is too old, and nobody waits for that", async () => {
      milliseconds += 5 * MINUTE + 1;
      expect(await isWaiting(findKey(keys[0].kid))).toBe(false);
      await isAsked();
    });

    test("the first look-up that finds the set too old waits, but after one failure no look-up waits", async () => {
      milliseconds += 11 * MINUTE;
      const first = findKey(keys[0].kid);
      await isAsked();
      expect(await isWaiting(first)).toBe(true);
      for (const outgoing of hung) outgoing.destroy();
      expect(await first).toBeDefined();
      milliseconds += 6 * SECOND;
      hung.length = 0;
      expect(await isWaiting(findKey(keys[0].kid))).toBe(false);
      await isAsked();
    });

    test("if a hundred look-ups wait, the next one is refused at once", async () => {
      milliseconds += 6 * SECOND;
      const waiting = Promise.allSettled(Array.from({ length: 100 }, (_, i) => findKey(`nobody-${i}`)));
      await isAsked();
      await expect(findKey(keys[1].kid)).rejects.toMatchObject({ code: "keys_unavailable", details: { waiting: 100 } });
      expect(await isWaiting(findKey(keys[0].kid))).toBe(false);
      publish(publicJwk(keys[1]));
      for (const outgoing of hung) outgoing.destroy();
      expect(await waiting).toHaveLength(100);
      milliseconds += 6 * SECOND;
      expect(await findKey(keys[1].kid)).toBeDefined();
    });
  });

  const bad: [string, () => void, RegExp][] = [
    ["that is no JSON", () => (serve = (_, outgoing) => outgoing.end("<html>")), /JSON/],
    ["without a key", () => publish(), /at least one key/],
    ["with a private member", () => publish(keys[1]), /\/keys\/0/],
    ["with a key of another kind", () => publish({ ...publicJwk(keys[1]), kty: "RSA" }), /EC keys/],
    ["with a symmetric key", () => publish({ kty: "oct", k: "AAAA", kid: "1" }), /EC keys/],
    ["with a kid twice", () => publish(publicJwk(keys[1]), publicJwk(keys[1])), /twice/],
    [
      "with a point off the curve",
      () => publish({ ...publicJwk(keys[1]), x: publicJwk(keys[0]).x }),
      /are not a point on P-256/,
    ],
    ["over 64 KiB", () => publish({ ...publicJwk(keys[1]), padding: "a".repeat(65_536) }), /too large/],
    ["with status 404", () => fail(404), /status 404/],
    ["behind a redirect", () => (serve = (_, outgoing) => outgoing.writeHead(302, { location: "/other" }).end()), /./],
  ];

  test.each(bad)("refuses a set %s, and keeps the old set", async (_, change, reason) => {
    await findKey(keys[0].kid);
    change();
    milliseconds += 6 * SECOND;
    expect(await findKey(keys[1].kid)).toBeUndefined();
    expect(await findKey(keys[0].kid)).toBeDefined();
    expect(fetches).toBe(2);
    expect(errors).toEqual([expect.stringMatching(reason)]);
    expect(errors[0]).not.toContain(keys[1].d);
  });

  test("stops reading a set that is too large", async () => {
    serve = (_, outgoing) => void outgoing.write("a".repeat(128 * 1024));
    await expect(findKey(keys[0].kid)).rejects.toMatchObject({ code: "keys_unavailable" });
    expect(errors).toEqual([expect.stringMatching(/too large/)]);
  });
});

describe("pinnedKeys", () => {
  test("finds the keys of the set and no others", async () => {
    const find = await pinnedKeys({ keys: keys.map(publicJwk) });
    expect(await find(keys[1].kid)).toMatchObject({ type: "public" });
    expect(await find("other")).toBeUndefined();
    expect(await find("__proto__")).toBeUndefined();
    expect(fetches).toBe(0);
  });

  test.each([[{}], [{ keys: [] }], [null], [[]], ["text"]])("refuses %j", (document) =>
    expect(pinnedKeys(document)).rejects.toThrow(ConfigurationError),
  );

  test("refuses a private key without printing it", async () => {
    const error = await pinnedKeys({ keys }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).not.toContain(keys[0].d);
  });
});
