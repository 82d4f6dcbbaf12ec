// Tests known attacks with certificates, with the deployed bundle and the origin's own listener. docs/design/known-attacks.md lists
// the tests by name.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCertificate, SERVER_AUTH } from "../../cli/dev/authority.ts";
import { oid, sequence, TAG, type Tlv, tlv } from "../support/certificates/der-edit.ts";
import { type EncodedAttribute, encodeName, setExtension, withOtherSignature } from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { CLIENT, createWorld, type Presented, SPECIAL, type World } from "./world.ts";

const NAME_CONSTRAINTS = "2.5.29.30";

const stack = new AsyncDisposableStack();
let world: World;
beforeAll(async () => {
  world = await createWorld(stack);
});
afterAll(() => stack.disposeAsync());

const verdict: World["verdict"] = (...presented) => world.verdict(...presented);
const withNames: World["withNames"] = (...names) => world.withNames(...names);
const withSubject: World["withSubject"] = (...rdns) => world.withSubject(...rdns);

const cn = (text: string): EncodedAttribute => ["2.5.4.3", TAG.utf8, text];
const email = (text: string) => tlv(0x81, text);
const dns = (text: string) => tlv(0x82, text);
const uri = (text: string) => tlv(0x86, text);
const NAMED: Readonly<Record<string, (text: string) => Tlv>> = { dns, email, uri };

test("the routes accept what they name", async () => {
  expect(await verdict("cn", world.plain)).toBe("accepted");
  expect(await verdict("dns", withNames(dns(CLIENT)))).toBe("accepted");
  expect(await verdict("email", withNames(email(`ops@${CLIENT}`)))).toBe("accepted");
  expect(await verdict("uri", withNames(uri(`https://${CLIENT}/`)))).toBe("accepted");
  expect(await verdict("ip", withNames(tlv(0x87, [192, 0, 2, 7])))).toBe("accepted");
  expect(await verdict("pin", world.plain)).toBe("accepted");
});

describe("CVE-2021-44531: a URI is not a DNS name,", () => {
  test.each([CLIENT, `https://${CLIENT}`, `dns:${CLIENT}`, `//${CLIENT}/`])("even if it is %s", async (text) => {
    expect(await verdict("dns", withNames(uri(text)))).toBe("sender_not_allowed");
  });
});

describe("CVE-2021-44532: no text within a name is another name:", () => {
  const printed = [
    `x,DNS:${CLIENT}`,
    `x", DNS:${CLIENT}`,
    `x\u0000, DNS:${CLIENT}`,
    `x\nDNS:${CLIENT}`,
    `x,email:ops@${CLIENT}`,
    `https://x/,URI:https://${CLIENT}/`,
    `"${CLIENT}"`,
  ];
  test.each(printed)("%j", async (text) => {
    for (const kind of Object.values(NAMED)) {
      const leaf = withNames(kind(text));
      for (const route of Object.keys(NAMED)) {
        expect(await verdict(route, leaf)).toMatch(/^(sender_not_allowed|certificate_malformed)$/);
      }
    }
  });
});

describe("CVE-2021-44533: a common name is not part of another attribute, nor one of several:", () => {
  const subjects: [string, () => Presented][] = [
    ["two in one RDN", () => withSubject([cn("evil.example"), cn(CLIENT)])],
    ["two in two RDNs", () => withSubject([cn(CLIENT)], [cn("evil.example")])],
    ["in a text with a plus", () => withSubject([cn(`evil.example+CN=${CLIENT}`)])],
    ["in an organization", () => withSubject([["2.5.4.10", TAG.utf8, `x, CN=${CLIENT}`]], [cn("evil.example")])],
    ["behind a line feed", () => withSubject([cn(`evil.example\nCN=${CLIENT}`)])],
    ["in slashes", () => withSubject([["2.5.4.10", TAG.utf8, `x/CN=${CLIENT}`]], [cn("evil.example")])],
  ];
  test.each(subjects)("%s", async (_, make) => {
    expect(await verdict("cn", make())).toMatch(/^(sender_not_allowed|certificate_malformed)$/);
  });
});

test("CVE-2025-66220: a NUL does not end a name of any kind", async () => {
  for (const [route, text] of [
    ["dns", CLIENT],
    ["email", `ops@${CLIENT}`],
    ["uri", `https://${CLIENT}/`],
  ] as const) {
    for (const ending of ["\0", "\0.evil.example", "\0\0", ".\0"]) {
      const name = NAMED[route]?.(`${text}${ending}`) as Tlv;
      expect(await verdict(route, withNames(name))).toBe("certificate_malformed");
      expect(await verdict(route, withNames(dns("evil.example"), name))).toBe("certificate_malformed");
    }
  }
  expect(await verdict("ip", withNames(tlv(0x87, [192, 0, 2, 7, 0])))).toBe("sender_not_allowed");
  expect(await verdict("cn", withSubject([cn(`${CLIENT}\0.evil.example`)]))).toBe("certificate_malformed");
});

describe("CVE-2022-21656: a name matches as the type that it is,", () => {
  const otherName = (text: string) => tlv(0xa0, [oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xa0, [tlv(TAG.utf8, text)])]);
  const directory = (text: string) => tlv(0xa4, [encodeName([cn(text)])]);

  test("in an entry of a policy", async () => {
    const impostors = [email(CLIENT), uri(CLIENT), otherName(CLIENT), directory(CLIENT)];
    for (const name of impostors) expect(await verdict("dns", withNames(name))).toBe("sender_not_allowed");
    expect(await verdict("email", withNames(dns(`ops@${CLIENT}`)))).toBe("sender_not_allowed");
    expect(await verdict("ip", withNames(dns("192.0.2.7")))).toBe("sender_not_allowed");
    expect(await verdict("ip", withNames(tlv(0x87, Buffer.from("192.0.2.7"))))).toBe("sender_not_allowed");
  });

  test("in a name constraint", async () => {
    const ca = await issueCertificate({ subject: [{ CN: ["Constrained"] }], ca: {} }, world.root);
    const permitted = (...bases: Tlv[]) =>
      sequence(
        tlv(
          0xa0,
          bases.map((base) => sequence(base)),
        ),
      );
    const constrained = (...bases: Tlv[]): Presented => ({
      ...ca,
      base64: resign(ca, world.root, (parts) => setExtension(parts, NAME_CONSTRAINTS, permitted(...bases), true)),
    });
    const below = await world.issueLeaf({ subjectAltNames: [{ type: "dns", value: CLIENT }] }, ca);
    expect(await verdict("dns", below, constrained(dns(CLIENT)))).toBe("accepted");
    expect(await verdict("dns", below, constrained(dns("other.example"), email(CLIENT)))).toBe("name_not_permitted");
    expect(await verdict("dns", below, constrained(dns("other.example"), uri(CLIENT)))).toBe("name_not_permitted");
  });
});

test("CVE-2022-21657: a client cannot use a certificate for servers, or one below a CA for servers", async () => {
  const codes: string[] = [];
  for (const extendedKeyUsage of [[SERVER_AUTH], ["1.3.6.1.5.5.7.3.3"], ["2.5.29.37.0"]]) {
    codes.push(await verdict("cn", await world.issueLeaf({ extendedKeyUsage })));
  }
  const ca = await issueCertificate(
    { subject: [{ CN: ["TLS CA"] }], ca: {}, extendedKeyUsage: [SERVER_AUTH] },
    world.root,
  );
  codes.push(await verdict("cn", await world.issueLeaf({}, ca), ca));
  expect(codes).toEqual(Array(4).fill("wrong_extended_key_usage"));
});

describe("CVE-2025-1097: an entry of a policy is text,", () => {
  test.each(SPECIAL)("and no expression, template or directive: %s", async (text) => {
    expect(await verdict("special", withSubject([cn(text)]))).toBe("accepted");
    for (const other of [CLIENT, "client.x", "id", "a", `${text}x`, text.slice(1)]) {
      expect(await verdict("special", withSubject([cn(other)]))).toBe("sender_not_allowed");
    }
  });

  test("so that nothing in a certificate makes it slow", async () => {
    const started = Date.now();
    expect(await verdict("special", withSubject([cn(`${"a".repeat(3_000)}!`)]))).toBe("sender_not_allowed");
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});

test("Google Cloud allowlisted certificates, AWS ALB ignored expiry: an entry with digest or key proves nothing by itself", async () => {
  expect(await verdict("pin", world.expired)).toBe("certificate_expired");
  const again = await issueCertificate({ subject: [{ CN: [CLIENT] }], keys: world.expired.keys });
  expect(await verdict("pin", again)).toBe("issuer_unknown");
  expect(
    await verdict("pin", await world.issueLeaf({ keys: world.expired.keys, extendedKeyUsage: [SERVER_AUTH] })),
  ).toBe("wrong_extended_key_usage");
});

test("Second digest of a certificate: a certificate denied by digest stays denied when its ECDSA signature is written as (r, n - s)", async () => {
  const { denied, deniedCa, belowDeniedCa } = world;
  const other = (one: Presented) => ({ ...one, base64: withOtherSignature(one.base64) });
  expect(await verdict("cn", denied)).toBe("certificate_denied");
  expect(await verdict("cn", other(denied))).toBe("certificate_denied");
  expect(await verdict("cn", belowDeniedCa, deniedCa)).toBe("certificate_denied");
  expect(await verdict("cn", belowDeniedCa, other(deniedCa))).toBe("certificate_denied");
  expect(await verdict("cn", other(world.plain))).toBe("accepted");
  // In a sender's entry, unlike in `deny`, a digest matches only a certificate with exactly the same bytes.
  expect(await verdict("pin", other(world.plain))).toBe("sender_not_allowed");
});
