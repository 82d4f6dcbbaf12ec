// Revocation lists at the origin: from files and URLs, kept on disk over restarts, never replaced by worse ones.

import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CrlRequest, issueCrl } from "../../cli/authority.ts";
import type { LogLine } from "../../core/decision.ts";
import { type PrivateJwk, publicJwk } from "../../core/keys.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import type { PolicyDocument } from "../../core/policy-schema.ts";
import { authenticate } from "../../origin/authenticate.ts";
import { type CrlStore, openCrlStore } from "../../origin/crl-store.ts";
import { openCrlDirectory } from "../../origin/node/crl-directory.ts";
import { type CrlServer, startCrlServer } from "../support/crl-server.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange, refusingUrl } from "../support/http.ts";
import { newSigningKey } from "../support/local-edge.ts";
import { startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { createSenders, type Senders } from "../support/senders.ts";
import { temporaryDirectory } from "../support/temporary.ts";

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

/** What the origin tells of one event: the code of its refusal, the doubt that it let pass, or `accepted`. */
async function decide(origin: TestOrigin, policy: PolicyDocument) {
  const event = { key, identity: senders.acme, policyDigest: compilePolicy(policy).digest };
  const { status } = await exchange({ url: origin.url, ...forwardedRequest(event) });
  const line = origin.lines.all.at(-1);
  return { status, told: line?.["code"] ?? line?.["revocation"] ?? line?.decision };
}

const ACCEPTED = { status: 202, told: "accepted" };
const REVOKED = { status: 403, told: "certificate_revoked" };
const UNKNOWN = { status: 503, told: "revocation_unknown" };

describe("an origin whose lists come from a URL", () => {
  test("judges each request by the list of now", async () => {
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

  test("refuses while there is none, and takes the first that comes", async () => {
    const policy = policyWith(server.url("root"));
    const store = await openStore(policy);
    const origin = await startOrigin(policy, store);
    expect(await decide(origin, policy)).toEqual(UNKNOWN);
    server.lists.set("root", await issue());
    await store.refresh();
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
  });

  test("lets pass and tells what is missing, where lists are only preferred", async () => {
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

  test("tells of it without the query of its URL", async () => {
    const source = `${server.url("root")}?token=HUSH`;
    await openStore(policyWith(source));
    expect(lines.at(-1)).toMatchObject({ decision: "failed", crl: `${server.url("root")}?…` });
    expect(JSON.stringify(lines)).not.toContain("HUSH");
  });

  test("survives a restart while nobody listens at the source", async () => {
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

  test("takes a damaged copy on disk for none", async () => {
    const policy = policyWith(server.url("root"));
    server.lists.set("root", await issue());
    (await openStore(policy)).close();
    const [file] = readdirSync(join(directory, "crls"));
    writeFileSync(join(directory, "crls", file ?? ""), "damaged");
    const origin = await startOrigin(policy, await openStore(policy));
    expect(await decide(origin, policy)).toEqual(ACCEPTED);
    expect(lines.map(({ decision }) => decision)).toEqual(["updated", "failed", "updated"]);
  });

  test("judges the copy on disk by the policy of now", async () => {
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

describe("an origin whose lists come from a file", () => {
  const pem = (der: Uint8Array) =>
    `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n")}\n-----END X509 CRL-----\n`;

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

  test("goes on with what it read before the file was gone or broken", async () => {
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

  test("tells a file that is not there", async () => {
    await openStore(policyWith("absent.crl"));
    expect(lines).toMatchObject([{ decision: "failed", crl: "absent.crl", why: expect.stringMatching(/ENOENT/) }]);
  });
});

test("authenticate() does not start without lists where the policy names them", () => {
  const options = { issuer: "i", audience: "a", accept() {}, log() {}, findKey: () => undefined };
  expect(() => authenticate({ ...options, policy: compilePolicy(policyWith("root.crl")) })).toThrow(/pass `lists`/);
  authenticate({ ...options, policy: compilePolicy(senders.policy) });
});
