// Tests a forger who replaces the revocation list of a source by a list of a CA that the policy does not contain. A forged list
// must never replace a proven list. When the forger stops, the genuine list must be used again. The tests use an origin after
// restarts, and an edge in new isolates.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CrlRequest, type Identity, issueCertificate, issueCrl } from "../../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../../core/assertion/keys.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { AUTHORITIES_KEY } from "../../../core/revocation/authorities.ts";
import { checkRevocation, type RevocationLists } from "../../../core/revocation/revocation.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { type CrlStore, openCrlStore } from "../../../origin/crls/store.ts";
import { openCrlDirectory } from "../../../origin/node/crl-directory.ts";
import { CrlCache } from "../../../worker/crls/cache.ts";
import { type CrlMetadata, type CrlNamespace, refreshCrls } from "../../../worker/crls/refresh.ts";
import { type CrlServer, startCrlServer, tagOf } from "../../support/crl-server.ts";
import { forwardedRequest } from "../../support/forgery.ts";
import { exchange } from "../../support/http.ts";
import { startTestOrigin } from "../../support/origin.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let senders: Senders;
let issuing: Identity;
let forger: Identity;
let below: Identity;
let revoked: Identity;
let key: PrivateJwk;
let own: AsyncDisposableStack;
let server: CrlServer;
let policy: PolicyDocument;
let lines: LogLine[];

beforeAll(async () => {
  senders = await createSenders();
  issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
  forger = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} });
  below = await issueCertificate({ subject: subjectOf(ACME) }, issuing);
  revoked = await issueCertificate({ subject: subjectOf(ACME) }, issuing);
  key = await newSigningKey();
});
beforeEach(async () => {
  own = new AsyncDisposableStack();
  lines = [];
  server = await startCrlServer(own);
  server.lists.set("root", await issueCrl({}, senders.root));
  policy = policyOf("require");
});
afterEach(() => own.disposeAsync());

const minutes = (count: number) => new Date(Date.now() + count * 60_000);

function policyOf(freshness: "require" | "prefer"): PolicyDocument {
  const [name] = Object.keys(senders.policy.anchors) as [string];
  const crls = { sources: [server.url("root"), server.url("issuing")], freshness };
  return { ...senders.policy, anchors: { [name]: { certificate: senders.root.pem, crls } } };
}

const genuine = (request: CrlRequest = {}) =>
  issueCrl({ thisUpdate: minutes(-90), revoked: [revoked.certificate.serialNumber], ...request }, issuing);
const forged = (request: CrlRequest = {}) => issueCrl({ thisUpdate: minutes(-1), number: 99, ...request }, forger);
const now = () => Math.floor(Date.now() / 1000);
const AHEAD = { thisUpdate: new Date("2098-01-01"), nextUpdate: new Date("2099-12-31") };

describe("an origin", () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryDirectory(own);
  });

  async function open(clock = now): Promise<CrlStore> {
    const storage = openCrlDirectory(join(directory, "crls"), directory);
    const log = (line: LogLine) => lines.push(line);
    const store = await openCrlStore({ policy: compilePolicy(policy), storage, clock, log });
    own.defer(() => store.close());
    return store;
  }

  /**
   * Sends one event with the certificate `below`, and one with the certificate `revoked`. Returns the code of each log line, or the
   * decision if the line has no code.
   */
  async function decide({ lists }: CrlStore): Promise<readonly unknown[]> {
    const origin = await startTestOrigin(own, { policy, keys: [publicJwk(key)], lists });
    const told: unknown[] = [];
    for (const identity of [below, revoked]) {
      const policyDigest = compilePolicy(policy).digest;
      await exchange({
        url: origin.url,
        ...forwardedRequest({ key, identity, intermediates: [issuing], policyDigest }),
      });
      const line = origin.lines.all.at(-1);
      told.push(line?.["code"] ?? line?.decision);
    }
    return told;
  }

  const RIGHT = ["accepted", "certificate_revoked"];
  const NONE = ["revocation_unknown", "revocation_unknown"];

  test("keeps no list that is not yet valid, not even as the first, and accepts the genuine one afterwards", async () => {
    server.lists.set("issuing", await forged(AHEAD));
    const first = await open();
    expect(lines.at(-1)).toMatchObject({ code: "revocation_list_missing", why: "the list is not yet valid" });
    expect(await decide(first)).toEqual(NONE);
    first.close();
    server.lists.set("issuing", await genuine());
    expect(await decide(await open())).toEqual(RIGHT);
  });

  test("takes the genuine list in the place of a forged one that is newer, also after a restart (Lists of a forger)", async () => {
    for (const isRestarted of [false, true]) {
      server.lists.set("issuing", await forged());
      const first = await open();
      expect(await decide(first)).toEqual(NONE);
      server.lists.set("issuing", await genuine());
      if (isRestarted) first.close();
      else await first.refresh();
      expect(await decide(isRestarted ? await open() : first)).toEqual(RIGHT);
      directory = temporaryDirectory(own);
    }
  });

  test("asks for the genuine list though the forged one had its validators (Lists of a forger)", async () => {
    const list = await genuine();
    for (const tag of [tagOf(list), "*", `"other", ${tagOf(list)}`]) {
      server.lists.set("issuing", await forged());
      server.tags.set("issuing", tag);
      const store = await open();
      server.lists.set("issuing", list);
      server.tags.clear();
      await store.refresh();
      expect(await decide(store)).toEqual(RIGHT);
      directory = temporaryDirectory(own);
    }
  });

  test("requests a list once a day without its validators, because they may be those of a forged list", async () => {
    const list = await genuine();
    server.lists.set("issuing", await genuine({ thisUpdate: minutes(-120), revoked: [] }));
    const first = await open();
    expect(await decide(first)).toEqual(["accepted", "accepted"]);
    await first.refresh();
    first.close();
    let at = now();
    server.tags.set("issuing", tagOf(list));
    const store = await open(() => at);
    server.lists.set("issuing", list);
    server.tags.clear();
    await store.refresh();
    expect(server.answers.at(-1)).toEqual({ name: "issuing", status: 304 });
    at += 86_400;
    await store.refresh();
    expect(await decide(store)).toEqual(RIGHT);
  });

  test("accepts the genuine list although an earlier version kept a forged one in a file", async () => {
    const storage = openCrlDirectory(join(directory, "crls"), directory);
    await storage.write(server.url("issuing"), await forged(AHEAD));
    server.lists.set("issuing", await genuine());
    expect(await decide(await open())).toEqual(RIGHT);
  });

  test("loads a genuine list that an earlier version kept in a file", async () => {
    const storage = openCrlDirectory(join(directory, "crls"), directory);
    await storage.write(server.url("issuing"), await genuine());
    server.lists.set("issuing", 503);
    expect(await decide(await open())).toEqual(RIGHT);
  });

  test("keeps a list that a request has proven beside whatever comes, also after restarts (Lists of a forger)", async () => {
    server.lists.set("issuing", await genuine());
    const first = await open();
    expect(await decide(first)).toEqual(RIGHT);
    server.lists.set("issuing", await forged());
    await first.refresh();
    expect(await decide(first)).toEqual(RIGHT);
    first.close();
    for (const number of [100, 101]) {
      server.lists.set("issuing", await forged({ number }));
      const again = await open();
      expect(lines.at(-1)).toMatchObject({
        code: "revocation_list_kept",
        why: expect.stringMatching(/not signed by the key of/),
      });
      expect(await decide(again)).toEqual(RIGHT);
      again.close();
    }
    // An older list of the genuine CA is refused, and a newer one is accepted.
    server.lists.set("issuing", await genuine({ thisUpdate: minutes(-120), revoked: [] }));
    const older = await open();
    expect(lines.at(-1)).toMatchObject({ why: expect.stringMatching(/older than the one kept/) });
    expect(await decide(older)).toEqual(RIGHT);
    server.lists.set("issuing", await genuine({ thisUpdate: minutes(-5), revoked: [] }));
    await older.refresh();
    expect(await decide(older)).toEqual(["accepted", "accepted"]);
  });

  test("treats a damaged file of authorities as missing", async () => {
    const name = createHash("sha256").update(AUTHORITIES_KEY).digest("hex").slice(0, 32);
    openCrlDirectory(join(directory, "crls"), directory);
    writeFileSync(join(directory, "crls", `${name}.crl`), Buffer.from("300330003000", "hex"));
    server.lists.set("issuing", await genuine());
    expect(await decide(await open())).toEqual(RIGHT);
  });
});

describe("an edge", () => {
  let stored: Map<string, { readonly bytes: Uint8Array; readonly metadata: CrlMetadata }>;
  let kv: CrlNamespace;

  beforeEach(() => {
    stored = new Map();
    kv = {
      getWithMetadata(source: string, type: string) {
        const { bytes, metadata = null } = stored.get(source) ?? {};
        const blob = bytes === undefined ? null : new Blob([new Uint8Array(bytes)]);
        if (type === "stream") return Promise.resolve({ value: blob?.stream() ?? null, metadata });
        return (blob?.arrayBuffer() ?? Promise.resolve(null)).then((value) => ({ value, metadata }));
      },
      put: async (source: string, bytes: Uint8Array, { metadata }: { metadata: CrlMetadata }) =>
        void stored.set(source, { bytes: Uint8Array.from(bytes), metadata }),
    } as unknown as CrlNamespace;
  });

  const runCronTrigger = () => refreshCrls(kv, compilePolicy(policy), now, (line) => lines.push(line));
  const newIsolate = () => new CrlCache(kv, compilePolicy(policy));
  const listsOf = async (cache: CrlCache, at = now()) => {
    const work: Promise<unknown>[] = [];
    const lists = await cache.lists({ now: at, waitUntil: (one) => work.push(one), log: (line) => lines.push(line) });
    await Promise.all(work);
    return lists;
  };

  /** Returns what the lists say about the certificates `below` and `revoked`. */
  function judge(lists: RevocationLists): readonly string[] {
    const rule = { sources: [], freshness: "require" } as const;
    return [below, revoked].map((leaf) => {
      const path = [leaf, issuing, senders.root].map(({ base64 }) => parseCertificate(base64));
      try {
        checkRevocation(path, rule, { lists, now: now() });
        return "good";
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  }

  const RIGHT = ["good", "certificate_revoked"];
  const NONE = ["revocation_unknown", "revocation_unknown"];

  test("accepts the genuine list afterwards, whatever dates the forged one had", async () => {
    for (const request of [AHEAD, {}]) {
      stored.clear();
      server.lists.set("issuing", await forged(request));
      await runCronTrigger();
      const isolate = newIsolate();
      expect(judge(await listsOf(isolate))).toEqual(NONE);
      server.lists.set("issuing", await genuine());
      await runCronTrigger();
      expect(judge(await listsOf(isolate, now() + 301))).toEqual(RIGHT);
      expect(judge(await listsOf(newIsolate()))).toEqual(RIGHT);
    }
  });

  test("asks for the genuine list though the forged one had its validators (Lists of a forger)", async () => {
    const list = await genuine();
    for (const tag of [tagOf(list), "*"]) {
      stored.clear();
      server.lists.set("issuing", await forged());
      server.tags.set("issuing", tag);
      await runCronTrigger();
      server.lists.set("issuing", list);
      server.tags.clear();
      await runCronTrigger();
      expect(judge(await listsOf(newIsolate()))).toEqual(RIGHT);
    }
  });

  test("requests a list once a day without its validators, and then stores the time of that request", async () => {
    const rootOf = () => server.answers.filter(({ name }) => name === "root").map(({ status }) => status);
    let at = now();
    const run = () =>
      refreshCrls(
        kv,
        compilePolicy(policy),
        () => at,
        (line) => lines.push(line),
      );
    for (const seconds of [0, 60, 86_399, 1, 60]) {
      at += seconds;
      await run();
    }
    expect(rootOf()).toEqual([200, 304, 200, 304, 304]);
  });

  test("accepts the genuine list although an earlier version kept a forged one as a value", async () => {
    const bytes = await forged(AHEAD);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    stored.set(server.url("issuing"), { bytes, metadata: { sha256, condition: {} } });
    server.lists.set("issuing", await genuine());
    await runCronTrigger();
    expect(judge(await listsOf(newIsolate()))).toEqual(RIGHT);
  });

  test("keeps a list that a request has proven beside a forged one, in every isolate (Lists of a forger)", async () => {
    server.lists.set("issuing", await genuine());
    await runCronTrigger();
    const isolate = newIsolate();
    expect(judge(await listsOf(isolate))).toEqual(RIGHT);
    await listsOf(isolate, now() + 61);
    expect([...stored.keys()]).toContain(AUTHORITIES_KEY);
    for (const number of [100, 101]) {
      server.lists.set("issuing", await forged({ number }));
      await runCronTrigger();
      expect(judge(await listsOf(isolate, now() + 122 + number))).toEqual(RIGHT);
      expect(judge(await listsOf(newIsolate()))).toEqual(RIGHT);
    }
    server.lists.set("issuing", await genuine({ thisUpdate: minutes(-5), revoked: [] }));
    await runCronTrigger();
    expect(judge(await listsOf(newIsolate()))).toEqual(["good", "good"]);
  });
});
