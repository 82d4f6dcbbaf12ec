// Tests `countersign explain` as a user runs it.

import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate, issueCrl } from "../../../cli/dev/authority.ts";
import type { Explanation } from "../../../cli/explain/explanation.ts";
import type { Recorded } from "../../../cli/explain/text/recorded.ts";
import { runHere } from "../../support/command.ts";
import { listen } from "../../support/http.ts";
import { runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(file(name), content);
  return file(name);
};

const DAY = 86_400_000;
const days = (count: number) => new Date(Date.now() + count * DAY);
const SECRETS = { DOCUSIGN_KEY: "a-docusign-key-of-many-characters=", WORD: "the-password-of-acme" };
const BODY = '{"event":"x"}';

type Json = Explanation & { readonly recorded: Recorded | null };

interface Ran {
  readonly code: number;
  readonly text: string;
  readonly stderr: string;
  readonly json: Json;
}

/** Runs the command twice: with text output for people, and with JSON output. */
async function explain(args: readonly string[], secrets: Record<string, string> = {}, input = ""): Promise<Ran> {
  const given = ["explain", "--policy", file("policy.json"), ...args];
  const go = (...more: string[]) =>
    input === "" ? runHere([...given, ...more], secrets) : runCountersign([...given, ...more], input, secrets);
  const [human, machine] = await Promise.all([go(), go("--json")]);
  expect(machine.code).toBe(human.code);
  const output = human.stdout + human.stderr + machine.stdout + machine.stderr;
  for (const secret of Object.values(SECRETS)) expect(output).not.toContain(secret);
  const json = (machine.stdout === "" ? undefined : JSON.parse(machine.stdout)) as Json;
  return { code: human.code, text: human.stdout, stderr: human.stderr, json };
}

let root: Identity;
let issuing: Identity;
let acme: Identity;

beforeAll(async () => {
  root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {}, notAfter: days(3650) });
  issuing = await issueCertificate({ subject: [{ CN: ["Issuing"] }], ca: {}, notAfter: days(3000) }, root);
  const subject = [{ O: ["Acme, Inc."] }, { CN: ["hooks.acme.example"] }];
  acme = await issueCertificate({ subject, subjectAltNames: [{ type: "dns", value: "hooks.acme.example" }] }, issuing);
  const corp = await issueCertificate({ subject: [{ O: ["ACME, inc."] }, { CN: ["hooks.acme.example"] }] }, issuing);
  write("acme.pem", acme.pem + issuing.pem + acme.keyPem);
  write("alone.pem", acme.pem);
  write("corp.pem", corp.pem + issuing.pem);
  write("none.pem", acme.keyPem);
  write("strange.pem", (await issueCertificate({ subject })).pem);
  write("body.json", BODY);
  const trust = { anchors: ["root"] };
  const certificates = [
    { sha256: "00".repeat(32) },
    { subject: { CN: "hooks.acme.example", O: "Acme, Inc." }, until: "2099-01-01" },
  ];
  const crls = { sources: ["root.crl", "issuing.crl"], freshness: "require" };
  write(
    "policy.json",
    JSON.stringify({
      anchors: { root: root.pem, listed: { certificate: root.pem, crls } },
      senders: {
        acme: { certificates, trust },
        listed: { certificates, trust: { anchors: ["listed"] } },
        platform: { certificates, trust: { platform: true } },
        docusign: { signature: { scheme: "docusign", secrets: ["DOCUSIGN_KEY"] } },
        basic: { certificates, trust, basic: { username: "acme", secret: "WORD" } },
        held: { certificates, trust, token: { header: "X-Token", secrets: ["WORD"] } },
        telegram: { token: { header: "X-Token", secrets: ["WORD"] } },
        graph: { token: { pointer: "/value/*/state", secrets: ["WORD"] } },
        kept: { about: { preset: "pagerduty" }, certificates, trust, refusal: "retry" },
        other: { certificates: [{ san: { dns: ["other.example"] }, issuer: { CN: "Another" } }], trust },
      },
      routes: {
        "/hooks/acme": {
          senders: ["other", "acme"],
          methods: ["POST"],
          shadow: ["docusign"],
          maxBodyBytes: 20,
          mode: "observe",
        },
        "/hooks/listed": { senders: ["listed"], methods: ["POST"] },
        "/hooks/platform": { senders: ["platform"], methods: ["POST"] },
        "/hooks/docusign": { senders: ["docusign"], methods: ["POST"] },
        "/hooks/held": { senders: ["held"], methods: ["POST"] },
        "/hooks/telegram": { senders: ["telegram"], methods: ["POST"] },
        "/hooks/graph": { senders: ["graph"], methods: ["POST"] },
        "/hooks/kept": { senders: ["kept"], methods: ["POST"] },
        "/hooks/basic/*": { senders: ["basic"], methods: ["POST"] },
      },
    }),
  );
  write("issuing.crl", await issueCrl({}, issuing));
  write("root.crl", await issueCrl({}, root));
});

const certified = (route: string, ...more: string[]) => ["--certificate", file("acme.pem"), "--route", route, ...more];
const signature = (text: string, key: string) =>
  `X-DocuSign-Signature-1: ${createHmac("sha256", key).update(text).digest("base64")}`;

test("a refusal that asks for the event again is shown with its own status, and with how long the sender sends it", async () => {
  const certificate = await issueCertificate(
    { subject: [{ O: ["Acme, Inc."] }, { CN: ["hooks.acme.example"] }] },
    await issueCertificate({ subject: [{ CN: ["Unknown CA"] }], ca: {} }),
  );
  const args = (route: string) => ["--certificate", write("unknown.pem", certificate.pem), "--route", route];
  const { code, json, text } = await explain(args("/hooks/kept"));
  expect({ code, verdict: json.verdict, of: json.code }).toEqual({
    code: 1,
    verdict: "refused",
    of: "issuer_unknown",
  });
  expect(json.answer).toMatchObject({
    status: 503,
    headers: { "retry-after": expect.any(String) },
    problem: { status: 503, code: "unavailable" },
    keeps: true,
  });
  expect(json.keepers).toEqual([{ sender: "kept", retries: "retries for 48 hours" }]);
  expect(text).toMatch(/answer +503 "Temporarily unable to accept events", Retry-After: \d+\n/);
  expect(text).toMatch(/sent again +by kept: retries for 48 hours\n/);

  const final = await explain(args("/hooks/acme"));
  expect(final.json.answer).toMatchObject({ status: 403, keeps: false });
  expect(final.json.keepers).toEqual([]);
});

describe("a certificate and a request", () => {
  test("that are accepted: the entry, its members, the path to the anchor, and every program", async () => {
    const { code, json, text } = await explain(certified("/hooks/acme?a=1", "--body", file("body.json")));
    expect(code).toBe(0);
    expect(json).toMatchObject({
      verdict: "accepted",
      sender: "acme",
      factors: ["mtls"],
      decidedBy: { rule: "/senders/acme/certificates/1" },
      asked: { target: "/hooks/acme?a=1", bodyBytes: BODY.length },
      route: { path: "/hooks/acme", mode: "observe", isBodyWithin: true },
      shadow: { verdict: "refused", code: "signature_missing" },
      recorded: null,
    });
    const facts = json.senders.find(({ sender }) => sender === "acme");
    expect(facts?.certificate?.entries.map(({ rule, matches }) => [rule, matches])).toEqual([
      ["/senders/acme/certificates/1", true],
      ["/senders/acme/certificates/0", false],
    ]);
    expect(facts?.certificate?.trust?.path?.certificates.map(({ role, subject, key }) => [role, subject, key])).toEqual(
      [
        ["leaf", "CN=hooks.acme.example,O=Acme\\, Inc.", "EC prime256v1"],
        ["intermediate", "CN=Issuing", "EC prime256v1"],
        ["anchor", "CN=Root", "EC prime256v1"],
      ],
    );
    expect(json.ways.map(({ way, verdict }) => [way, verdict])).toEqual([
      ["edge", "cannot start"],
      ["origin behind the edge", "not reached"],
      ["origin with its own listener", "accepted"],
      ["origin behind a proxy", "accepted"],
    ]);
    expect(json.ways[0]?.why).toContain("/anchors/listed/crls/sources/0");
    expect(text).toMatch(/^ACCEPTED {2}as acme, by mtls$/m);
    expect(text).toMatch(/sender other: refused {2}sender_not_allowed/);
    expect(text).toContain('san.dns  expected "other.example", presented ["hooks.acme.example"]');
  });

  test("that resemble an entry: the members that differ, and how", async () => {
    const { code, json, text } = await explain(["--certificate", file("corp.pem"), "--route", "/hooks/acme"]);
    expect(code).toBe(1);
    expect(json).toMatchObject({
      code: "sender_not_allowed",
      decidedBy: { rule: "/senders/acme/certificates/1", fields: ["subject.O"] },
      answer: { status: 403, problem: { code: "sender-not-allowed" } },
    });
    expect(text).toContain('subject.O  expected "Acme, Inc.", presented "ACME, inc." (differs in case alone)');
  });

  test("without the intermediate: where the path ends", async () => {
    const { json, text } = await explain(["--certificate", file("alone.pem"), "--route", "/hooks/acme"]);
    expect(json).toMatchObject({ code: "issuer_unknown", decidedBy: { rule: "/senders/other/trust/anchors" } });
    expect(json.senders[0]?.certificate?.trust?.path).toMatchObject({
      reachesAnchor: false,
      missingIssuer: "CN=Issuing",
    });
    expect(text).toContain("ENDS HERE  no certificate of CN=Issuing was sent");
  });

  test("as of another time", async () => {
    const { json, text } = await explain(certified("/hooks/acme", "--at", "2029-01-01T00:00:00Z"));
    expect(json).toMatchObject({ code: "certificate_expired", decidedBy: { rule: null, fields: ["notAfter"] } });
    const [leaf] = json.senders[0]?.certificate?.trust?.path?.certificates ?? [];
    expect(leaf?.fault?.code).toBe("certificate_expired");
    expect(text).toContain("as of 2029-01-01T00:00:00Z");
  });

  test("on no route: the routes with a similar path", async () => {
    const { code, json } = await explain(certified("/hooks/Acme"));
    expect([code, json.code, json.route.path, json.route.nearest[0]]).toEqual([
      1,
      "unknown_route",
      null,
      "/hooks/acme",
    ]);
    const denied = await explain(certified("/hooks/acme", "--method", "PUT"));
    expect(denied.json).toMatchObject({
      code: "method_not_allowed",
      decidedBy: { rule: "/routes/~1hooks~1acme/methods" },
      answer: { status: 405, headers: { allow: "POST" } },
    });
  });

  test("with a body over the limit", async () => {
    const { json } = await explain(certified("/hooks/acme", "--body", "-"), {}, "x".repeat(21));
    expect(json).toMatchObject({ code: "body_too_large", decidedBy: { rule: "/routes/~1hooks~1acme/maxBodyBytes" } });
  });

  test("under trust in Cloudflare's verdict: undecided without the verdict, and refused without the edge", async () => {
    const unknown = await explain(["--certificate", file("strange.pem"), "--route", "/hooks/platform"]);
    expect([unknown.code, unknown.json.verdict]).toEqual([2, "undecided"]);
    expect(unknown.json.why).toContain("--platform");
    const stated = await explain(certified("/hooks/platform", "--platform", "SUCCESS"));
    expect([stated.code, stated.json.sender]).toEqual([0, "platform"]);
    expect(stated.json.ways[2]).toMatchObject({ verdict: "refused", code: "platform_not_verified", differs: true });
  });

  test("a certificate's text is escaped, and a key in the same file is not shown", async () => {
    const subject = [{ CN: ["a\u202eb"] }];
    const odd = await issueCertificate({ subject }, issuing);
    write("odd.pem", odd.pem + issuing.pem + odd.keyPem);
    const { json, text } = await explain(["--certificate", file("odd.pem"), "--route", "/hooks/acme"]);
    expect(text).toContain("CN=a\\u202eb");
    expect(text).not.toContain("\u202e");
    expect(json.certificate?.leaf?.subject).toBe("CN=a\u202eb");
    expect(text).not.toContain(odd.keyPem.split("\n")[1]);
  });
});

describe("revocation lists", () => {
  const listed = (...more: string[]) => explain(certified("/hooks/listed", ...more));

  test("that are current: which list, for each certificate", async () => {
    const { code, json, text } = await listed();
    expect(code).toBe(0);
    const certificates = json.senders[0]?.certificate?.trust?.path?.certificates ?? [];
    expect(certificates.map(({ crl }) => crl?.state)).toEqual(["good", "good", undefined]);
    expect(certificates[0]?.crl).toMatchObject({
      freshness: "require",
      lists: [{ source: "issuing.crl", isSignedByIssuer: true }],
    });
    expect(text).toMatch(/^ {2}root\.crl +file: of CN=Root, /m);
  });

  test("that hold the certificate, are stale, or are missing", async () => {
    const stale = await listed("--at", days(30).toISOString());
    expect(stale.json).toMatchObject({ code: "revocation_unknown", answer: { status: 503 } });
    expect(stale.text).toMatch(/revocation \(require\): unknown, stale list/);

    write("issuing.crl", await issueCrl({ number: 2, revoked: [acme.certificate.serialNumber] }, issuing));
    const revoked = await listed();
    expect(revoked.json).toMatchObject({ code: "certificate_revoked", decidedBy: { rule: "/anchors/listed/crls" } });
    expect(revoked.text).toContain("revocation (require): revoked");
    const unasked = await explain(certified("/hooks/acme"));
    expect(unasked.json).toMatchObject({ code: "certificate_revoked", decidedBy: { rule: "/anchors/root" } });
    expect(unasked.text).toContain("  revocation: revoked");

    write("issuing.crl", "no list");
    const missing = await listed();
    expect(missing.json.code).toBe("revocation_unknown");
    expect(missing.json.revocationLists[1]).toMatchObject({ source: "issuing.crl", from: null, lists: [] });
    expect(missing.json.revocationLists[1]?.why).not.toBeNull();
  });
});

test("a list with a URL is fetched only with --fetch-crls", async () => {
  const list = await issueCrl({}, root);
  const url = await listen(stack, (_, answer) => answer.end(list));
  const policy = {
    anchors: { root: { certificate: root.pem, crls: { sources: [`${url}/root.crl`], freshness: "require" } } },
    senders: { direct: { certificates: [{ subject: { CN: "direct" } }], trust: { anchors: ["root"] } } },
    routes: { "/hooks": { senders: ["direct"], methods: ["POST"] } },
  };
  write("direct.pem", (await issueCertificate({ subject: [{ CN: ["direct"] }] }, root)).pem);
  const args = [
    "--policy",
    write("fetching.json", JSON.stringify(policy)),
    "--certificate",
    file("direct.pem"),
    "--route",
    "/hooks",
  ];
  const without = await explain(args);
  expect(without.json).toMatchObject({ code: "revocation_unknown" });
  expect(without.json.revocationLists[0]?.why).toContain("--fetch-crls");
  const fetched = await explain([...args, "--fetch-crls"]);
  expect(fetched.json).toMatchObject({ verdict: "accepted", revocationLists: [{ from: "fetched" }] });
  expect(fetched.json.ways.map(({ verdict }) => verdict)).toEqual(Array(4).fill("accepted"));
});

test("without the program openssl, explain says that openssl's and Cloudflare's verdicts are missing", async () => {
  const { json, code } = await explain(certified("/hooks/acme"), { PATH: directory });
  expect(code).toBe(0);
  expect(json.platform).toMatchObject({ from: "assumed" });
  expect(json.ways[2]?.notes.join()).toContain("was not asked: there is no program openssl here");
});

describe("signatures and credentials", () => {
  const signed = (header: string, ...more: string[]) => [
    "--route",
    "/hooks/docusign",
    "--header",
    header,
    "--body",
    file("body.json"),
    ...more,
  ];

  test("a signature by a key of the policy", async () => {
    const { code, json } = await explain(signed(signature(BODY, SECRETS.DOCUSIGN_KEY)), SECRETS);
    expect([code, json.sender, json.factors]).toEqual([0, "docusign", ["hmac"]]);
    expect(json.senders[0]?.signature).toMatchObject({ keys: ["DOCUSIGN_KEY"], headers: ["x-docusign-signature-1"] });
  });

  test("a key without its last =: the hint", async () => {
    const whole = SECRETS.DOCUSIGN_KEY;
    const { code, json, text } = await explain(signed(signature(BODY, whole)), { DOCUSIGN_KEY: whole.slice(0, -1) });
    expect([code, json.code]).toEqual([1, "signature_mismatch"]);
    expect(json.senders[0]?.signature?.fault?.details).toMatchObject({ wouldMatch: "key 0 with = at its end" });
    expect(text).toContain("key 0 with = at its end");
  });

  test("a secret that is not set, or a body that is not given, leaves the verdict undecided", async () => {
    const unset = await explain(signed(signature(BODY, SECRETS.DOCUSIGN_KEY)));
    expect([unset.code, unset.json.verdict]).toEqual([2, "undecided"]);
    expect(unset.text).toContain("cannot be checked: secret DOCUSIGN_KEY is not set");
    const header = signature(BODY, SECRETS.DOCUSIGN_KEY);
    const bodiless = await explain(["--route", "/hooks/docusign", "--header", header], SECRETS);
    expect([bodiless.code, bodiless.json.why]).toEqual([2, "cannot be checked: no --body was given"]);
    const missing = await explain(["--route", "/hooks/docusign"]);
    expect([missing.code, missing.json.code]).toEqual([1, "signature_missing"]);
  });

  test("Basic credentials are judged and not shown", async () => {
    const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString("base64")}`;
    const go = (text: string) => explain(certified("/hooks/basic/1", "--header", basic(text)), SECRETS);
    const right = await go(`acme:${SECRETS.WORD}`);
    expect([right.code, right.json.factors]).toEqual([0, ["mtls", "basic"]]);
    const wrong = await go("acme:guess");
    expect([wrong.code, wrong.json.code, wrong.json.answer?.status]).toEqual([1, "basic_mismatch", 401]);
    expect(wrong.text + JSON.stringify(wrong.json)).not.toContain(basic("acme:guess").slice(-8));
  });

  test("a token in the body is judged and not shown, and undecided without the body", async () => {
    const type = ["--header", "Content-Type: application/json"];
    const go = (text?: string) =>
      explain(["--route", "/hooks/graph", ...type, ...(text === undefined ? [] : ["--body", "-"])], SECRETS, text);
    const state = (text: string) => JSON.stringify({ value: [{ state: text }] });
    const right = await go(state(SECRETS.WORD));
    expect([right.code, right.json.factors]).toEqual([0, ["token"]]);
    const pointer = "/value/*/state";
    expect(right.json.senders?.[0]?.token).toMatchObject({ verdict: "accepted", header: null, pointer });
    expect(right.text).toContain("at /value/*/state of the body, one of WORD");
    expect(right.json.decidedBy).toEqual({ rule: "/senders/graph/token", fields: ["token"] });
    const wrong = await go(state("a-guess-of-the-token"));
    expect([wrong.code, wrong.json.code, wrong.json.answer?.status]).toEqual([1, "token_mismatch", 401]);
    expect(wrong.json.decidedBy).toEqual({ rule: "/senders/graph/token", fields: ["token"] });
    expect(wrong.text + JSON.stringify(wrong.json)).not.toContain("a-guess");
    const missing = await go('{"value":[]}');
    expect([missing.code, missing.json.code]).toEqual([1, "json_value_missing"]);
    expect(missing.json.decidedBy).toEqual({ rule: "/senders/graph/token", fields: ["token"] });
    const unknown = await go(undefined);
    expect([unknown.code, unknown.json.why]).toEqual([2, "cannot be checked: no --body was given"]);
    const unset = await explain(["--route", "/hooks/graph", ...type, "--body", "-"], {}, state(SECRETS.WORD));
    expect([unset.code, unset.json.verdict]).toEqual([2, "undecided"]);
  });

  test("a token is judged and not shown", async () => {
    const go = (text: string, route = "/hooks/held") =>
      explain(certified(route, "--header", `X-Token: ${text}`), SECRETS);
    const right = await go(SECRETS.WORD);
    expect([right.code, right.json.factors]).toEqual([0, ["mtls", "token"]]);
    expect(right.json.senders?.[0]?.token).toMatchObject({ verdict: "accepted", header: "x-token", secrets: ["WORD"] });
    expect(right.text).toContain("in x-token, one of WORD");
    const wrong = await go("a-guess-of-the-token");
    expect([wrong.code, wrong.json.code, wrong.json.answer?.status]).toEqual([1, "token_mismatch", 401]);
    expect(wrong.json.decidedBy).toEqual({ rule: "/senders/held/token", fields: ["token"] });
    expect(wrong.text + JSON.stringify(wrong.json)).not.toContain("a-guess");
    const alone = await go(SECRETS.WORD, "/hooks/telegram");
    expect(alone.json.decidedBy).toEqual({ rule: "/senders/telegram/token", fields: ["token"] });
    const unset = await explain(certified("/hooks/held", "--header", "X-Token: a-guess-of-the-token"));
    expect([unset.code, unset.json.verdict]).toEqual([2, "undecided"]);
    expect(unset.text).toContain("secret WORD is not set");
  });
});

describe("faults of the user", () => {
  test.each([
    ["no route", ["--certificate", "acme.pem"], "--route"],
    [
      "a file without a certificate",
      ["--certificate", "none.pem", "--route", "/"],
      "holds no certificate, but a private key",
    ],
    ["a time that is none", ["--route", "/", "--at", "yesterday"], "--at yesterday"],
    ["half of a pair", ["--event", "x"], "--inbox"],
    ["a header that is none", ["--route", "/", "--header", "x"], "--header"],
    ["a file that is not there", ["--route", "/", "--body", "missing.json"], "cannot read"],
  ])("%s", async (_, args, said) => {
    const named = args.map((argument) => (/\.(pem|json)$/.test(argument) ? file(argument) : argument));
    const { code, stderr } = await explain(named);
    expect(code).toBe(2);
    expect(stderr).toContain(said);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
