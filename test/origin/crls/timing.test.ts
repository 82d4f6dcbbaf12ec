// Tests when revocation lists are read again: by an isolate from KV, and by an origin from its sources. Only the clock is fake.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { issueCrl } from "../../../cli/dev/authority.ts";
import { sha256 } from "../../../core/crypto.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { RevocationLists } from "../../../core/revocation/revocation.ts";
import { parseCrl } from "../../../core/x509/crl.ts";
import { type CrlStorage, openCrlStore } from "../../../origin/crls/store.ts";
import { CrlCache } from "../../../worker/crls/cache.ts";
import type { CrlNamespace } from "../../../worker/crls/refresh.ts";
import { createSenders, type Senders } from "../../support/senders.ts";

const SOURCE = "http://crl.example/root.crl";
let senders: Senders;
let policy: Policy;
let lines: LogLine[];

beforeEach(async () => {
  senders = await createSenders();
  const [name] = Object.keys(senders.policy.anchors) as [string];
  const crls = { sources: [SOURCE], freshness: "require" as const };
  policy = compilePolicy({ ...senders.policy, anchors: { [name]: { certificate: senders.root.pem, crls } } });
  lines = [];
});

const at = (seconds: number) => new Date(seconds * 1000);
const NOW = Math.floor(Date.now() / 1000);
const issue = (number: number, life = 7 * 86_400) =>
  issueCrl({ number, thisUpdate: at(NOW - 3600 + number), nextUpdate: at(NOW + life) }, senders.root);
const numberOf = (lists: RevocationLists) => [...lists.values()].flat()[0]?.number;

describe("an isolate", () => {
  let stored: Uint8Array | null | Error;
  let reads: number;
  let cancelled: number;
  let beside: Promise<unknown>[];
  let cache: CrlCache;

  const namespace = {
    getWithMetadata() {
      reads += 1;
      if (stored instanceof Error) return Promise.reject(stored);
      if (stored === null) return Promise.resolve({ value: null, metadata: null });
      const value = new Blob([new Uint8Array(stored)]).stream();
      const cancel = value.cancel.bind(value);
      value.cancel = () => {
        cancelled += 1;
        return cancel();
      };
      return Promise.resolve({ value, metadata: { sha256: sha256(stored), condition: {} } });
    },
    put: () => Promise.reject(new Error("an isolate writes nothing")),
  } as unknown as CrlNamespace;

  beforeEach(() => {
    [stored, reads, cancelled, beside] = [null, 0, 0, []];
    cache = new CrlCache(namespace, policy);
  });

  const listsAt = async (now: number) => {
    const lists = await cache.lists({ now, waitUntil: (work) => beside.push(work), log: (line) => lines.push(line) });
    return numberOf(lists);
  };

  test("waits for its first lists, and does not read again for a minute", async () => {
    stored = await issue(1);
    expect(await Promise.all([listsAt(NOW), listsAt(NOW), listsAt(NOW)])).toEqual([1n, 1n, 1n]);
    stored = await issue(2);
    expect(await listsAt(NOW + 60)).toBe(1n);
    expect(reads).toBe(1);
  });

  test("reads again after a minute, in parallel with the request, and parses only what changed", async () => {
    stored = await issue(1);
    await listsAt(NOW);
    expect(await listsAt(NOW + 61)).toBe(1n);
    await Promise.all(beside);
    expect([reads, cancelled]).toEqual([2, 1]);
    stored = await issue(2);
    expect(await listsAt(NOW + 122)).toBe(1n);
    await Promise.all(beside);
    expect(await listsAt(NOW + 123)).toBe(2n);
    expect([reads, cancelled]).toEqual([3, 1]);
  });

  test("after five minutes, reads again before it answers the request", async () => {
    stored = await issue(1);
    await listsAt(NOW);
    stored = await issue(2);
    expect(await listsAt(NOW + 301)).toBe(2n);
  });

  test("keeps its lists while KV fails, and tries again at once", async () => {
    stored = await issue(1);
    await listsAt(NOW);
    stored = new Error("KV is away");
    expect(await listsAt(NOW + 301)).toBe(1n);
    expect(lines).toMatchObject([{ decision: "failed", code: "revocation_list_kept", why: "KV is away" }]);
    stored = await issue(2);
    await listsAt(NOW + 302);
    await Promise.all(beside);
    expect(await listsAt(NOW + 303)).toBe(2n);
  });

  test("ignores an older list that KV gives after a newer one", async () => {
    stored = await issue(2);
    await listsAt(NOW);
    stored = await issue(1);
    expect(await listsAt(NOW + 301)).toBe(2n);
  });

  test("abandons a read that never ends", async () => {
    vi.useFakeTimers();
    try {
      const never = { ...namespace, getWithMetadata: () => new Promise(() => {}) } as unknown as CrlNamespace;
      let current = never;
      const switching = {
        getWithMetadata: (...parameters: [string, "stream"]) => current.getWithMetadata(...parameters),
      } as unknown as CrlNamespace;
      cache = new CrlCache(switching, policy);
      const first = listsAt(NOW);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await first).toBeUndefined();
      // The first request stopped waiting for the read after ten seconds. The read is still running, but the second request does
      // not wait for it.
      expect(await listsAt(NOW + 11)).toBeUndefined();
      current = namespace;
      stored = await issue(1);
      expect(await listsAt(NOW + 60)).toBe(1n);
    } finally {
      vi.useRealTimers();
    }
  });
});

test("a source that KV does not return does not delay the lists that were read before it", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const [name] = Object.keys(senders.policy.anchors) as [string];
    const crls = { sources: [SOURCE, "http://crl.example/slow.crl"], freshness: "require" as const };
    const two = { ...senders.policy, anchors: { [name]: { certificate: senders.root.pem, crls } } };
    const der = await issue(1);
    const asked: string[] = [];
    const namespace = {
      getWithMetadata(source: string) {
        asked.push(source);
        return source === SOURCE
          ? Promise.resolve({ value: new Blob([new Uint8Array(der)]).stream(), metadata: null })
          : new Promise(() => {});
      },
    } as unknown as CrlNamespace;
    const cache = new CrlCache(namespace, compilePolicy(two));
    const waiting = cache.lists({ now: NOW, waitUntil: () => {}, log: (line) => lines.push(line) });
    await expect.poll(() => asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(numberOf(await waiting)).toBe(1n);
  } finally {
    vi.useRealTimers();
  }
});

describe("an origin", () => {
  let served: Uint8Array | Error;
  let fetches: number[];
  let close: () => void;

  const storage: CrlStorage = {
    read: () => Promise.resolve(undefined),
    write: () => Promise.resolve(),
    readFile: () => Promise.reject(new Error("no files here")),
  };

  beforeEach(() => {
    vi.useFakeTimers({ now: NOW * 1000 });
    fetches = [];
  });
  afterEach(() => {
    close();
    vi.useRealTimers();
  });

  /** Lets this number of hours pass. Returns the times at which the source was asked, in seconds from the start. */
  async function fetchesOver(hours: number): Promise<number[]> {
    const store = await openCrlStore({
      policy,
      storage,
      log: (line) => lines.push(line),
      random: () => 0,
      fetch: () => {
        fetches.push(Math.floor(Date.now() / 1000) - NOW);
        return served instanceof Error ? Promise.reject(served) : Promise.resolve(new Response(new Uint8Array(served)));
      },
    });
    close = store.close;
    await vi.advanceTimersByTimeAsync(hours * 3_600_000);
    return fetches;
  }

  test("asks every hour", async () => {
    served = await issue(1);
    expect(await fetchesOver(3)).toEqual([0, 3600, 7200, 10_800]);
  });

  test("asks sooner when the list ends sooner, each time after half of the remaining time", async () => {
    served = await issue(1, 1600);
    expect((await fetchesOver(1)).slice(0, 5)).toEqual([0, 800, 1200, 1400, 1500]);
  });

  test("asks again after a failure, in doubling steps up to an hour", async () => {
    served = new Error("away");
    expect(await fetchesOver(2)).toEqual([0, 30, 90, 210, 450, 930, 1890, 3810]);
    expect(lines[0]).toMatchObject({ decision: "failed", why: "away" });
  });

  test("does not ask after it is closed", async () => {
    served = await issue(1);
    await fetchesOver(1);
    close();
    await vi.advanceTimersByTimeAsync(36_000_000);
    expect(fetches).toHaveLength(2);
  });

  test("varies the time of each request by a fifth", async () => {
    served = await issue(1);
    const store = await openCrlStore({
      policy,
      storage,
      log: () => {},
      random: () => 1,
      fetch: () => {
        fetches.push(Math.floor(Date.now() / 1000) - NOW);
        return Promise.resolve(new Response(new Uint8Array(served as Uint8Array)));
      },
    });
    close = store.close;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(fetches).toEqual([0, 2880]);
    expect(numberOf(store.lists())).toBe(parseCrl(served as Uint8Array).number);
  });
});
