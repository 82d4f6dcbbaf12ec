// Tests revocation lists at the origin. The lists come from files and URLs, are kept on disk for a restart, and are never replaced
// by worse lists.

import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CrlRequest, type Identity, issueCertificate, issueCrl } from "../../../cli/dev/authority.ts";
import { type PrivateJwk, publicJwk } from "../../../core/assertion/keys.ts";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { authenticate } from "../../../origin/authenticate.ts";
import { type CrlStore, openCrlStore } from "../../../origin/crls/store.ts";
import { openCrlDirectory } from "../../../origin/node/crl-directory.ts";
import { type CrlServer, startCrlServer } from "../../support/crl-server.ts";
import { forwardedRequest } from "../../support/forgery.ts";
import { exchange, refusingUrl } from "../../support/http.ts";
import { startTestOrigin, type TestOrigin } from "../../support/origin.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let senders: Senders;
let key: PrivateJwk;
let own: AsyncDisposableStack;
let server: CrlServer;
let directory: string;
let lines: LogLine[];

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
});
beforeEach(async () => {
  own = new AsyncDisposableStack();
  server = await startCrlServer(own);
  directory = temporaryDirectory(own);
  lines = [];
});
afterEach(() => own.disposeAsync());

const minutes = (count: number) => new Date(Date.now() + count * 60_000);
const issue = (request: CrlRequest = {}) => issueCrl(request, senders.root);
const revoking = (request: CrlRequest = {}) => issue({ revoked: [senders.acme.certificate.serialNumber], ...request });

function policyWith(source: string, freshness: "require" | "prefer" = "require"): PolicyDocument {
  const { policy, root } = senders;
  const [name] = Object.keys(policy.anchors) as [string];
  return { ...policy, anchors: { [name]: { certificate: root.pem, crls: { sources: [source], freshness } } } };
}

async function openStore(policy: PolicyDocument): Promise<CrlStore> {
  const storage = openCrlDirectory(join(directory, "crls"), directory);
  const store = await openCrlStore({ policy: compilePolicy(policy), storage, log: (line) => lines.push(line) });
  own.defer(() => store.close());
  return store;
}

const startOrigin = (policy: PolicyDocument, { lists }: CrlStore): Promise<TestOrigin> =>
  startTestOrigin(own, { policy, keys: [publicJwk(key)], lists });

/**
 * Sends one event. If the event is refused, `told` is the code of the refusal. If it is accepted, `told` is the doubt about
 * revocation that the log line names, or `accepted` if there is no doubt.
 */
async function decide(
  origin: TestOrigin,
  policy: PolicyDocument,
  identity = senders.acme,
  intermediates: readonly Identity[] = [],
) {
  const event = { key, identity, intermediates, policyDigest: compilePolicy(policy).digest };
  const { status } = await exchange({ url: origin.url, ...forwardedRequest(event) });
  const line = origin.lines.all.at(-1);
  return { status, told: line?.["code"] ?? line?.["revocation"] ?? line?.decision };
}

const ACCEPTED = { status: 202, told: "accepted" };
const REVOKED = { status: 403, told: "certificate_revoked" };
const UNKNOWN = { status: 503, told: "revocation_unknown" };

describe("an origin whose lists come from a URL", () => {
  test("judges each request by the current list", async () => {
    const policy = policyWith(server.url("root"));
    server.lists.set("root", await issue());
    const store = await openStore(policy);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    server.lists.set("root", await revoking({ thisUpdate: minutes(-1), number: 2 }));
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    await store.refresh();
    expect(await decide(origin, policy)).toEqual(REVOKED);
    server.lists.set("root", await issue({ thisUpdate: minutes(0), number: 3 }));
    await store.refresh();
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    expect(lines.map(({ decision, number }) => [decision, number])).toEqual([
      ["updated", "1"],
      ["updated", "2"],
      ["updated", "3"],
    ]);
  });

  test("refuses while there is no list, and accepts the first one", async () => {
    const policy = policyWith(server.url("root"));
    const store = await openStore(policy);
    expect(store.lacking()).toEqual([server.url("root")]);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(UNKNOWN);
    server.lists.set("root", await issue());
    await store.refresh();
    expect(store.lacking()).toEqual([]);
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
  });

  test("accepts and logs what is missing if lists are only preferred", async () => {
    const policy = policyWith(server.url("root"), "prefer");
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy)).toMatchObject({
      status: 202,
      told: expect.stringMatching(/^missing list of CN=/),
    });
  });

  test("survives a restart while the source is down", async () => {
    const policy = policyWith(server.url("root"));
    server.lists.set("root", await revoking());
    (await openStore(policy)).close();
    server.lists.set("root", 503);
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy)).toEqual(REVOKED);
    expect(lines.at(-1)).toMatchObject({ decision: "failed", crl: server.url("root"), why: /503/ });
  });

  test("logs a source without the query of its URL", async () => {
    const source = `${server.url("root")}?token=HUSH`;
    await openStore(policyWith(source));
    expect(lines.at(-1)).toMatchObject({ decision: "failed", crl: `${server.url("root")}?…` });
    expect(JSON.stringify(lines)).not.toContain("HUSH");
  });

  test("survives a restart while the source refuses connections", async () => {
    const gone = `${await refusingUrl()}/root`;
    const policy = policyWith(gone);
    const storage = openCrlDirectory(join(directory, "crls"), directory);
    await storage.write(gone, await issue());
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
  });

  test("ignores an older list, also after a restart", async () => {
    const policy = policyWith(server.url("root"));
    server.lists.set("root", await revoking({ thisUpdate: minutes(-1), number: 2 }));
    (await openStore(policy)).close();
    server.lists.set("root", await issue({ thisUpdate: minutes(-60), number: 1 }));
    const store = await openStore(policy);
    await store.refresh();
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(REVOKED);
    expect(lines.at(-1)).toMatchObject({ decision: "failed", why: expect.stringMatching(/older than the one kept/) });
  });

  test.each([301, 302, 307, 308])("does not follow a redirect with %i", async (status) => {
    server.lists.set("root", status);
    await openStore(policyWith(server.url("root")));
    expect(lines).toMatchObject([{ decision: "failed", why: `the source answered with ${status}` }]);
    expect(server.answers).toHaveLength(1);
  });

  test("asks only for what changed", async () => {
    server.lists.set("root", await issue());
    const store = await openStore(policyWith(server.url("root")));
    await store.refresh();
    expect(server.answers.map(({ status }) => status)).toEqual([200, 304]);
  });

  test("treats a damaged copy on disk as missing", async () => {
    const policy = policyWith(server.url("root"));
    server.lists.set("root", await issue());
    (await openStore(policy)).close();
    const [file] = readdirSync(join(directory, "crls"));
    writeFileSync(join(directory, "crls", file ?? ""), "damaged");
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    expect(lines.map(({ decision }) => decision)).toEqual(["updated", "failed", "updated"]);
  });

  test("judges the copy on disk by the current policy", async () => {
    const stranger = await createSenders();
    server.lists.set("root", await issue());
    (await openStore(policyWith(server.url("root")))).close();
    const policy = policyWith(server.url("root"));
    const [name] = Object.keys(policy.anchors) as [string];
    const replaced = {
      ...policy,
      anchors: { [name]: { ...(policy.anchors[name] as object), certificate: stranger.root.pem } },
    };
    await openStore(replaced as PolicyDocument);
    expect(lines.slice(1)).toMatchObject([
      { decision: "failed", why: expect.stringMatching(/not signed/) },
      { decision: "failed", why: expect.stringMatching(/not signed/) },
    ]);
  });
});

const pem = (der: Uint8Array) =>
  `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n")}\n-----END X509 CRL-----\n`;

describe("a CA that has two keys under one name", () => {
  let before: Identity;
  let now: Identity;
  let oldLeaf: Identity;
  let newLeaf: Identity;

  beforeAll(async () => {
    before = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
    now = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
    oldLeaf = await issueCertificate({ subject: subjectOf(ACME) }, before);
    newLeaf = await issueCertificate({ subject: subjectOf(ACME) }, now);
  });

  const writeLists = async (request: CrlRequest = {}) => {
    const lists = [
      await issue({ thisUpdate: minutes(-2) }),
      await issueCrl({ thisUpdate: minutes(-2), ...request }, now),
    ];
    writeFileSync(join(directory, "all.crl"), lists.map(pem).join(""));
  };

  test("signs its lists with the new one: certificates below the old one are accepted if lists are only preferred", async () => {
    const policy = policyWith("all.crl", "prefer");
    await writeLists({ revoked: [newLeaf.certificate.serialNumber] });
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy, oldLeaf, [before])).toMatchObject({
      status: 202,
      told: expect.stringMatching(/^list without the signature of CN=/),
    });
    expect(await decide(origin, policy, newLeaf, [now])).toEqual(REVOKED);
  });

  test("and its lists are valid below the old one if a certificate of the new one is an anchor of the sender", async () => {
    const base = policyWith("all.crl");
    const [root] = Object.keys(base.anchors) as [string];
    const crls = { sources: ["all.crl"], freshness: "require" as const };
    const trusting = Object.entries(base.senders).map(([name, sender]) => [
      name,
      { ...sender, ...("trust" in sender && { trust: { ...sender.trust, anchors: [root, "issuing"] } }) },
    ]);
    const policy = {
      ...base,
      anchors: { ...base.anchors, issuing: { certificate: now.pem, crls } },
      senders: Object.fromEntries(trusting),
    } as PolicyDocument;
    await writeLists();
    const store = await openStore(policy);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy, oldLeaf, [before])).toEqual(ACCEPTED);
    await writeLists({ number: 2, thisUpdate: minutes(-1), revoked: [oldLeaf.certificate.serialNumber] });
    await store.refresh();
    expect(await decide(origin, policy, oldLeaf, [before])).toEqual(REVOKED);
  });

  test("its list is valid below the new one if the policy has only the certificate of the old one", async () => {
    const base = policyWith("all.crl");
    const policy = { ...base, anchors: { ...base.anchors, lists: before.pem } } as PolicyDocument;
    await writeLists();
    const origin = await startOrigin(policy, await openStore(policy));
    expect(lines).toContainEqual(expect.objectContaining({ why: expect.stringMatching(/not signed by the key of/) }));
    expect(await decide(origin, policy, newLeaf, [now])).toEqual(ACCEPTED);
  });
});

test("a list with a negative serial number is also valid for its other serial numbers", async () => {
  const policy = policyWith("root.crl");
  writeFileSync(
    join(directory, "root.crl"),
    await revoking({ revoked: ["80", senders.acme.certificate.serialNumber] }),
  );
  const origin = await startOrigin(policy, await openStore(policy));
  expect(lines).toMatchObject([{ decision: "updated", entries: 2 }]);
  expect(await decide(origin, policy)).toEqual(REVOKED);
  expect(await decide(origin, policy, senders.acmeToo)).toEqual(ACCEPTED);
});

describe("a CA that two anchors of a sender certified", () => {
  let newRoot: Identity;
  let issuing: Identity;
  let crossed: Identity;
  let leaf: Identity;

  beforeAll(async () => {
    newRoot = await issueCertificate({ subject: subjectOf(`${MARKER} New Root`), ca: {} });
    issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
    const { keys } = issuing;
    crossed = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {}, keys }, newRoot);
    leaf = await issueCertificate({ subject: subjectOf(ACME) }, issuing);
  });

  test("a certificate that a list holds is refused by way of either, whichever asks for lists (Revoked by another way)", async () => {
    const base = policyWith("issuing.crl", "prefer");
    const [old] = Object.keys(base.anchors) as [string];
    const trusting = Object.entries(base.senders).map(([name, sender]) => [
      name,
      { ...sender, ...("trust" in sender && { trust: { ...sender.trust, anchors: [old, "new"] } }) },
    ]);
    const policy = {
      ...base,
      anchors: { ...base.anchors, new: newRoot.pem },
      senders: Object.fromEntries(trusting),
    } as PolicyDocument;
    writeFileSync(join(directory, "issuing.crl"), await issueCrl({ thisUpdate: minutes(-2) }, issuing));
    const store = await openStore(policy);
    const origin = await startOrigin(policy, store);
    const ways = [issuing, crossed];
    for (const way of ways) expect((await decide(origin, policy, leaf, [way])).status).toBe(202);
    const revoked = [leaf.certificate.serialNumber];
    writeFileSync(
      join(directory, "issuing.crl"),
      await issueCrl({ number: 2, thisUpdate: minutes(-1), revoked }, issuing),
    );
    await store.refresh();
    for (const way of ways) expect(await decide(origin, policy, leaf, [way])).toEqual(REVOKED);
  });
});

describe("a source of several lists", () => {
  let issuing: Identity;
  let below: Identity;
  let both: readonly Uint8Array[];

  beforeAll(async () => {
    issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
    below = await issueCertificate({ subject: subjectOf(ACME) }, issuing);
    both = [
      await issueCrl({ revoked: [below.certificate.serialNumber], thisUpdate: minutes(-2) }, issuing),
      await issue({ thisUpdate: minutes(-2) }),
    ];
  });

  const decideBelow = (origin: TestOrigin, policy: PolicyDocument) => decide(origin, policy, below, [issuing]);

  const forms: Readonly<Record<string, () => string | Uint8Array>> = {
    "one PEM file": () => both.map(pem).join(""),
    "PEM with a mark, CRLF and text around": () =>
      `\ufeffLists of ${MARKER}\r\n\r\n${both.map(pem).join("Root:\n").replaceAll("\n", "\r\n")}\r\nend`,
    "PEM beside the certificates of the authorities": () => `${issuing.pem}${both.map(pem).join(senders.root.pem)}`,
    "one DER file": () => Buffer.concat(both),
  };

  test.each(Object.keys(forms))(
    "uses all of them: %s, from a file and from a URL, also after a restart",
    async (name) => {
      const content = forms[name]?.() ?? "";
      writeFileSync(join(directory, "both.crl"), content);
      server.lists.set("both", Buffer.from(content));
      for (const source of ["both.crl", server.url("both")]) {
        lines = [];
        const policy = policyWith(source);
        const store = await openStore(policy);
        expect(lines).toMatchObject([
          { decision: "updated", crl: source, entries: 0 },
          { decision: "updated", crl: source, entries: 1 },
        ]);
        expect(lines.map((line) => line["form"])).toEqual(Array(2).fill(name.includes("PEM") ? "PEM" : undefined));
        const origin = await startOrigin(policy, store);
        expect(await decide(origin, policy)).toEqual(ACCEPTED);
        expect(await decideBelow(origin, policy)).toEqual(REVOKED);
        store.close();
      }
      rmSync(join(directory, "both.crl"));
      server.lists.set("both", 503);
      for (const source of ["both.crl", server.url("both")]) {
        const policy = policyWith(source);
        const origin = await startOrigin(policy, await openStore(policy));
        expect(await decide(origin, policy)).toEqual(ACCEPTED);
        expect(await decideBelow(origin, policy)).toEqual(REVOKED);
      }
    },
  );

  test("uses the good ones, and logs the broken one", async () => {
    const policy = policyWith("both.crl");
    const [first = "", second = ""] = both.map(pem);
    writeFileSync(join(directory, "both.crl"), first.slice(0, 200) + second);
    const store = await openStore(policy);
    expect(lines).toMatchObject([
      { code: "revocation_list_missing", crl: "both.crl", why: expect.stringMatching(/cut off/) },
      { decision: "updated", entries: 0 },
    ]);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    expect(await decideBelow(origin, policy)).toEqual(UNKNOWN);
  });

  test("is logged with its contents if it has no list", async () => {
    const policy = policyWith("root.crl");
    const utf16 = Buffer.from(both.map(pem).join(""), "utf16le");
    const others: readonly (readonly [content: string | Uint8Array, why: RegExp])[] = [
      ["", /but nothing: it is empty/],
      [senders.root.pem, /but a certificate: a CA's certificate goes into anchors/],
      [Buffer.from(senders.root.certificate.rawData), /but a certificate/],
      ["<!doctype html><title>Moved", /but an HTML page/],
      [utf16, /but text in UTF-16: iconv/],
      [Buffer.from(both[0] ?? []).subarray(0, 100), /cut off/],
      ["no list", /neither PEM nor DER/],
    ];
    const store = await openStore(policy);
    for (const [content, why] of others) {
      writeFileSync(join(directory, "root.crl"), content);
      await store.refresh();
      const told = { decision: "failed", code: "revocation_list_missing", crl: "root.crl" };
      expect(lines.at(-1)).toMatchObject({ ...told, why: expect.stringMatching(why) });
    }
  });
});

describe("an origin whose lists come from a file", () => {
  test("reads DER and PEM, relative to the policy, and reads a file again only when it changed", async () => {
    const policy = policyWith("root.crl");
    const file = join(directory, "root.crl");
    writeFileSync(file, await issue());
    const store = await openStore(policy);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    const storage = openCrlDirectory(join(directory, "crls"), directory);
    const { condition } = (await storage.readFile("root.crl", {})) ?? { condition: {} };
    expect(await storage.readFile("root.crl", condition)).toBeUndefined();
    writeFileSync(file, pem(await revoking({ thisUpdate: minutes(-1), number: 2 })));
    utimesSync(file, new Date(), minutes(1));
    expect(await storage.readFile("root.crl", condition)).toBeDefined();
    await store.refresh();
    expect(await decide(origin, policy)).toEqual(REVOKED);
  });

  test("keeps the list that it read before the file was removed or damaged", async () => {
    const policy = policyWith("root.crl");
    const file = join(directory, "root.crl");
    writeFileSync(file, await issue());
    const store = await openStore(policy);
    for (const broken of ["", "no list", readFileSync(file).subarray(0, 100)]) {
      writeFileSync(file, broken);
      await store.refresh();
      expect(lines.at(-1)).toMatchObject({ decision: "failed", code: "revocation_list_kept", crl: "root.crl" });
    }
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
  });

  test("logs that a file does not exist", async () => {
    await openStore(policyWith("absent.crl"));
    expect(lines).toMatchObject([{ decision: "failed", crl: "absent.crl", why: expect.stringMatching(/ENOENT/) }]);
  });
});

test("authenticate() does not start without lists if the policy names them", () => {
  const options = { issuer: "i", audience: "a", accept() {}, log() {}, findKey: () => undefined };
  expect(() => authenticate({ ...options, policy: compilePolicy(policyWith("root.crl")) })).toThrow(
    /lists: is missing/,
  );
  authenticate({ ...options, policy: compilePolicy(senders.policy) });
});
