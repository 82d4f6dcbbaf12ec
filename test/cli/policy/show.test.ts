// Tests that `countersign policy show` prints everything that a policy says about who is accepted, in words and as JSON.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { runHere } from "../../support/command.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const policyFile = join(temporaryDirectory(stack), "policy.json");
const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const ended = await issueCertificate({
  subject: [{ CN: ["Ended"] }],
  ca: {},
  notBefore: new Date("2020-01-01"),
  notAfter: new Date("2021-01-01"),
});
const digest = "ab".repeat(32);

const POLICY = {
  anchors: {
    root: { certificate: root.pem, crls: { sources: ["https://u.example/a.crl?key=HUSH"], freshness: "require" } },
    ended: ended.pem,
  },
  senders: {
    plain: {
      certificates: [{ subject: { CN: "plain", OU: ["x", "y"] }, issuer: { O: "Issuer" } }, { spkiSha256: digest }],
      trust: { anchors: ["root", "ended"], maxChainDepth: 2 },
    },
    everything: {
      about: { preset: "docusign", note: "first\nsecond" },
      certificates: [
        { subject: "CN=a\u202eb", until: "2026-01-01" },
        { san: { dns: ["a.example"], ip: ["192.0.2.1"] }, from: "2999-01-01T10:00:00Z" },
      ],
      trust: { anchors: ["root"], platform: true },
      signature: { scheme: "docusign", secrets: ["FIRST", "SECOND"], accounts: { acc: ["THIRD"] }, retired: ["OLD"] },
      basic: { username: "user", secret: "PASSWORD" },
    },
    waiting: { certificates: [], trust: { platform: true } },
    unused: {
      signature: { scheme: "github", secrets: ["UNUSED"] },
      token: { header: "X-Held", secrets: ["HELD", "HELD_OLD"] },
    },
    asking: {
      signature: { scheme: "asana", secrets: ["ASANA_KEY"] },
      token: { pointer: "/value/*/state", secrets: ["STATE"] },
      handshake: { scheme: "asana", until: "2026-12-02T10:00:00Z" },
    },
  },
  routes: {
    "/one": { senders: ["everything", "plain"], methods: ["POST", "PUT"], maxBodyBytes: 5, headers: ["X-More"] },
    "/two/*": { senders: ["waiting"], methods: ["POST"], mode: "observe", shadow: ["plain"], answer: "handler" },
    "/three": { senders: ["plain"], methods: ["POST"], delivery: "queue" },
  },
  deny: [{ serial: "0a", issuer: "CN=x" }, { spkiSha256: digest }, { sha256: digest }],
};
writeFileSync(policyFile, JSON.stringify(POLICY));
const show = (...options: string[]) =>
  runHere(["policy", "show", "--policy", policyFile, ...options], { FIRST: "HUSH", PASSWORD: "HUSH" });

describe("in words", async () => {
  const { code, stdout } = await show();
  /** Returns the paragraph of the output that begins with this text. */
  const part = (begin: string) => stdout.split(/\n\n/).find((text) => text.startsWith(begin)) ?? "";

  test("has the file, the digest, and no secret", () => {
    expect(code).toBe(0);
    expect(stdout).toContain(`${policyFile}, as of 20`);
    expect(stdout).toContain(`digest ${compilePolicy(POLICY).digest}`);
    expect(stdout).not.toContain("HUSH");
  });

  test.each<readonly [string, readonly string[]]>([
    [
      'route "/one", POST, PUT',
      [
        "senders    1. everything  2. plain  (the first whose every check passes)",
        "mode       enforce: whoever is not admitted is refused",
        "body       at most 5 bytes",
        'forwarded  "X-More", beside the usual headers',
        "answer     202 once the event is stored",
      ],
    ],
    [
      'route "/two/*", POST',
      [
        "observe: whoever is not admitted is refused, and",
        "observed  plain: judged in the place",
        "what the handler answers",
      ],
    ],
    ['route "/three", POST', ["202 once the event is in the edge's queue"]],
    [
      'sender plain, on "/one", "/three"; observed only on "/two/*"',
      [
        "must prove this with each request:",
        "proven by  a path to one of these CAs, of at most 2 CA certificate(s): root, ended",
        'plain/0  subject CN "plain" and OU "x" then "y"; issuer O "Issuer"',
        `plain/1  key with SHA-256 ${digest}; also if it is a CA certificate, and then nothing that it issued`,
      ],
    ],
    [
      'sender everything, on "/one"',
      [
        "must prove all of this with each request:",
        "CA certificate(s): root; and Cloudflare's verdict SUCCESS",
        'everything/0  subject the whole name "CN=a\\u202eb"; until 2026-01-01T00:00:00Z  (over: accepts nobody)',
        'everything/1  alternative name dns "a.example" and ip "192.0.2.1"; from 2999-01-01T10:00:00Z  (not yet: accepts nobody)',
        "a signature of the body, by the scheme docusign, with one of the secrets named FIRST, SECOND",
        'account "acc": with one of the secrets named THIRD',
        "refused: the secrets named OLD, which are retired",
        'Basic credentials: user "user" with the secret named PASSWORD',
        'about: preset "docusign"; note "first\\nsecond"',
      ],
    ],
    [
      'sender waiting, on "/two/*"',
      ["proven by  Cloudflare's verdict SUCCESS", "nobody's yet: no certificate is accepted, and each is refused"],
    ],
    [
      "sender unused, no route admits it",
      ["by the scheme github", "a token in x-held, one of the secrets named HELD or HELD_OLD"],
    ],
    [
      "sender asking, no route admits it",
      [
        "a token at /value/*/state of the body, one of the secrets named STATE",
        "gets an answer to its challenges: asana, until 2026-12-02T10:00:00Z",
      ],
    ],
    [
      "CA root, trusted for plain, everything",
      [
        `SHA-256     ${parseCertificate(root.base64).sha256}`,
        'looked up in "https://u.example/a.crl?…"',
        "without a current list it is refused",
      ],
    ],
    ["CA ended, trusted for plain", ["(over: proves nothing)", "no list is asked for below this CA"]],
    [
      "denied, of a sender or of a CA",
      [
        '0  the certificate with serial number "0a" of the issuer "CN=x"',
        `1  every certificate with the key of SHA-256 "${digest}"`,
        `2  the certificate with SHA-256 "${digest}"`,
      ],
    ],
  ])("has the %s", (begin, lines) => {
    for (const line of lines) expect(part(begin)).toContain(line);
  });

  test("escapes everything, and keeps each text within its line", () => {
    expect(stdout).not.toMatch(/\u202e/);
    expect(stdout).not.toMatch(/^second/m);
  });
});

test("as JSON", async () => {
  const { code, stdout } = await show("--json");
  expect(code).toBe(0);
  const statement = JSON.parse(stdout);
  expect(statement).toMatchObject({
    ok: true,
    digest: compilePolicy(POLICY).digest,
    routes: [
      { path: "/one", rule: "/routes/~1one", senders: ["everything", "plain"], mode: "enforce", maxBodyBytes: 5 },
      { path: "/two/*", mode: "observe", shadow: ["plain"], answer: "handler", delivery: "direct" },
      { path: "/three", delivery: "queue" },
    ],
    senders: [
      { name: "plain", routes: ["/one", "/three"], shadowOf: ["/two/*"], accepts: [{ number: 0 }, { number: 1 }] },
      {
        name: "everything",
        factors: ["certificate", "signature", "basic"],
        accepts: [
          { rule: "/senders/everything/certificates/0", entry: { subject: "CN=a\u202eb" }, currency: "over" },
          { from: "2999-01-01T10:00:00Z", until: null, currency: "not yet" },
        ],
        secrets: ["FIRST", "SECOND"],
        accounts: { acc: ["THIRD"] },
        retired: ["OLD"],
        basic: [{ username: "user", secret: "PASSWORD" }],
        about: { preset: "docusign" },
      },
      { name: "waiting", accepts: [], platform: true },
      {
        name: "unused",
        routes: [],
        factors: ["signature", "token"],
        token: { header: "x-held", secrets: ["HELD", "HELD_OLD"] },
      },
      {
        name: "asking",
        token: { pointer: "/value/*/state", secrets: ["STATE"] },
        handshake: { scheme: "asana", until: "2026-12-02T10:00:00Z" },
      },
    ],
    anchors: [
      { name: "root", crls: { sources: ["https://u.example/a.crl?…"], freshness: "require" }, currency: "current" },
      { name: "ended", currency: "over", trustedBy: ["plain"] },
    ],
    deny: [{ number: 0, rule: "/deny/0" }, { entry: { spkiSha256: digest } }, { entry: { sha256: digest } }],
  });
  expect(stdout).not.toContain("HUSH");
});
