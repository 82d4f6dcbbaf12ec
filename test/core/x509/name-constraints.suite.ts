// Tests name constraints (RFC 5280 §4.2.1.10), one constraint at a time.

import assert from "node:assert/strict";
import { readDer } from "../../../core/x509/der.ts";
import { parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../../core/x509/general-name.ts";
import {
  type NameConstraints,
  readNameConstraints,
  satisfiesNameConstraints,
} from "../../../core/x509/name-constraints.ts";
import { encode, sequence, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import { type Cases, prove, refused } from "../../support/scenes/certificates.ts";

const dns = (value: string): GeneralName => ({ kind: "dns", value });
const email = (value: string): GeneralName => ({ kind: "email", value });
const uri = (value: string): GeneralName => ({ kind: "uri", value });
const ip = (...octets: number[]): GeneralName => ({ kind: "ip", octets: Uint8Array.from(octets) });
const directory = (text: string): GeneralName => ({ kind: "directory", name: parseDistinguishedName(text) });

const permits = (base: GeneralName, ...names: GeneralName[]) =>
  satisfiesNameConstraints(names, { permitted: [base], excluded: [] });
const excludes = (base: GeneralName, ...names: GeneralName[]) =>
  !satisfiesNameConstraints(names, { permitted: [], excluded: [base] });

/** Checks that each name is inside the base. So a permitted base permits the name, and an excluded base excludes it. */
function inside(base: GeneralName, ...names: GeneralName[]): void {
  for (const name of names) {
    assert.ok(permits(base, name), `permits ${JSON.stringify(name)}`);
    assert.ok(excludes(base, name), `excludes ${JSON.stringify(name)}`);
  }
}

function outside(base: GeneralName, ...names: GeneralName[]): void {
  for (const name of names) {
    assert.ok(!permits(base, name), `does not permit ${JSON.stringify(name)}`);
    assert.ok(!excludes(base, name), `does not exclude ${JSON.stringify(name)}`);
  }
}

/**
 * Checks names that cannot be compared with the base of a constraint. Such a name is not permitted by a permitted base, and is
 * excluded by an excluded base.
 */
function unjudged(base: GeneralName, ...names: GeneralName[]): void {
  for (const name of names) {
    assert.ok(!permits(base, name), `does not permit ${JSON.stringify(name)}`);
    assert.ok(excludes(base, name), `excludes ${JSON.stringify(name)}`);
  }
}

const read = (value: Tlv): NameConstraints => readDer(encode(value), readNameConstraints);

export const cases: Cases = {
  "satisfiesNameConstraints() compares a DNS name with a domain and its subdomains": () => {
    inside(dns("client.example"), dns("client.example"), dns("a.b.client.example"), dns("CLIENT.Example"));
    outside(dns("client.example"), dns("notclient.example"), dns("client.example.evil"), dns("example"));
    inside(dns(""), dns("anything.example"));
  },
  "satisfiesNameConstraints() reads a leading dot as only the subdomains": () => {
    inside(dns(".client.example"), dns("a.client.example"));
    outside(dns(".client.example"), dns("client.example"), dns("notclient.example"));
    inside(email(".client.example"), email("ops@mail.client.example"));
    outside(email(".client.example"), email("ops@client.example"));
    inside(uri(".client.example"), uri("https://a.client.example/x"));
    outside(uri(".client.example"), uri("https://client.example/x"));
  },
  "satisfiesNameConstraints() cannot be bypassed with a trailing dot in a DNS name": () => {
    assert.ok(excludes(dns("evil.example"), dns("evil.example.")));
    assert.ok(excludes(email("evil.example"), email("ops@evil.example.")));
    assert.ok(excludes(uri("evil.example"), uri("https://evil.example./x")));
  },
  "satisfiesNameConstraints() compares an e-mail address with a mailbox or a host": () => {
    inside(email("ops@client.example"), email("ops@CLIENT.example"));
    outside(email("ops@client.example"), email("OPS@client.example"), email("other@client.example"));
    inside(email("client.example"), email("any@client.example"), email('"a@b"@client.example'));
    outside(email("client.example"), email("any@mail.client.example"), email("client.example@evil.example"));
    unjudged(email("client.example"), email("client.example"), email("@client.example"));
  },
  "satisfiesNameConstraints() compares the host of a URI": () => {
    inside(
      uri("client.example"),
      uri("https://client.example/x"),
      uri("spiffe://CLIENT.example/x"),
      uri("https://u@client.example:8443/"),
    );
    outside(
      uri("client.example"),
      uri("https://client.example.evil/"),
      uri("https://client.example@evil.example/"),
      uri("https://a.client.example/"),
    );
    unjudged(
      uri("client.example"),
      uri("urn:client.example"),
      uri("mailto:a@client.example"),
      uri("client.example"),
      uri("file:///x"),
    );
  },
  "satisfiesNameConstraints() refuses a URI whose host is an IP address if there is a constraint on URIs": () => {
    unjudged(uri("client.example"), uri("https://192.0.2.7/"), uri("https://[2001:db8::7]/"));
  },
  "satisfiesNameConstraints() compares an IP address with a network": () => {
    const network = ip(192, 0, 2, 0, 255, 255, 255, 0);
    inside(network, ip(192, 0, 2, 7), ip(192, 0, 2, 255));
    outside(network, ip(192, 0, 3, 7));
    const ipv6 = ip(...[0x20, 1, 0xd, 0xb8], ...Array(12).fill(0), ...Array(4).fill(255), ...Array(12).fill(0));
    inside(ipv6, ip(0x20, 1, 0xd, 0xb8, ...Array(12).fill(9)));
    outside(ipv6, ip(0x20, 1, 0xd, 0xb9, ...Array(12).fill(9)), ip(192, 0, 2, 7));
    unjudged(network, ip(192, 0, 2), ip());
  },
  "satisfiesNameConstraints() refuses an IP constraint that is neither 8 nor 32 octets": () => {
    for (const base of [ip(), ip(192, 0, 2, 0), ip(192, 0, 2, 0, 255, 255, 255)]) {
      unjudged(base, ip(192, 0, 2, 7));
    }
  },
  "satisfiesNameConstraints() compares a directory name with a subtree": () => {
    inside(directory("O=Acme,C=US"), directory("CN=a,O=ACME,C=us"));
    outside(directory("O=Acme,C=US"), directory("CN=a,O=Acme2,C=US"), directory("O=Acme,C=US,DC=x"));
  },
  "satisfiesNameConstraints() does not restrict kinds for which there is no constraint": () => {
    assert.ok(permits(dns("client.example"), email("any@evil.example"), directory("CN=any"), ip(1, 2, 3, 4)));
    assert.ok(!permits(dns("client.example"), dns("client.example"), dns("evil.example")));
  },
  "satisfiesNameConstraints() prefers an exclusion to a permission": () => {
    const constraints = { permitted: [dns("example")], excluded: [dns("evil.example")] };
    assert.ok(satisfiesNameConstraints([dns("client.example")], constraints));
    assert.ok(!satisfiesNameConstraints([dns("client.example"), dns("a.evil.example")], constraints));
  },
  "satisfiesNameConstraints() needs only one of several permitted subtrees": () => {
    const constraints = { permitted: [dns("a.example"), dns("b.example")], excluded: [] };
    assert.ok(satisfiesNameConstraints([dns("a.example"), dns("x.b.example")], constraints));
    assert.ok(!satisfiesNameConstraints([dns("c.example")], constraints));
  },
  "satisfiesNameConstraints() refuses everything if a constraint has a kind that is not understood": () => {
    const other: GeneralName = { kind: "other", tag: 0 };
    assert.ok(!permits(other, dns("client.example")));
    assert.ok(excludes(other, dns("client.example")));
    assert.ok(excludes(other));
  },
  "satisfiesNameConstraints() refuses everything under a base that can be no name's (Constraints in vain)": () => {
    const bad: GeneralName[] = [
      ...[
        "example.com.",
        "*.example.com",
        "..example.com",
        ".",
        "a..b",
        "a b",
        "-a",
        "192.0.2.7",
        `${"a".repeat(64)}.b`,
      ].map(dns),
      ...["", "@example.com", "a@b@example.com", "example.com.", "a@", "a@.example.com", ".", "a b@example.com"].map(
        email,
      ),
      ...[
        "",
        "http://example.com",
        "example.com/",
        "example.com:80",
        "u@example.com",
        "192.0.2.7",
        "[2001:db8::7]",
      ].map(uri),
      ip(192, 0, 2, 0, 255, 0, 255, 0),
      ip(192, 0, 2, 0, 255, 255, 255, 253),
      { kind: "directory", name: [[{ type: "2.5.4.10", der: "1e0a004100630065006d0065" }]] },
    ];
    for (const base of bad) {
      unjudged(base, dns("client.example"), email("any@client.example"), uri("https://client.example/"));
      assert.ok(!satisfiesNameConstraints([], { permitted: [], excluded: [base] }), JSON.stringify(base));
    }
  },
  "satisfiesNameConstraints() refuses a malformed name if there is a constraint of its kind": () => {
    const host = "client.example";
    unjudged(dns(host), ...["", ".", `.${host}`, `a..b.${host}`, `evil.example/.${host}`, `a b.${host}`].map(dns));
    unjudged(dns(host), ...[`*.*.${host}`, `a*.${host}`, `-a.${host}`, `${"a".repeat(64)}.${host}`].map(dns));
    unjudged(dns(host), dns(`${"a.".repeat(130)}${host}`), dns("192.0.2.7"), dns("0x7f.1"), dns("a.0x7f000001"));
    unjudged(email(host), ...[`a@b@${host}`, `@${host}`, `a b@${host}`, `"a@${host}`, `a..b@${host}`].map(email));
    unjudged(email(host), ...[`a@${host}.`, "a@[192.0.2.7]", `a@.${host}`, `a@b/.${host}`].map(email));
    unjudged(uri(host), ...[`https://a@b@${host}/`, `https://${host}\\@evil.example/`, `https://${host}%2f/`].map(uri));
    unjudged(uri(host), ...[`https://.${host}/`, `https://${host}:8o/`, `//${host}/`, `https:${host}`].map(uri));
    const opaque: GeneralName = {
      kind: "directory",
      name: [[{ type: "2.5.4.10", der: "1e080045007600690006c" }]],
    };
    unjudged(directory("O=Evil"), opaque);
    // A constraint of one kind says nothing about names of another kind.
    assert.ok(permits(email(host), dns("a..b"), uri("urn:x"), opaque));
  },
  "satisfiesNameConstraints() treats a mailbox with unnecessary quotes like the one without": () => {
    inside(email("ops@client.example"), email('"ops"@client.example'), email('"o\\ps"@client.example'));
    outside(email("ops@client.example"), email('"ops."@client.example'));
  },
  "satisfiesNameConstraints() limits the octets that are compared, for any number of names": () => {
    const long = directory(`CN=${"a".repeat(100_000)}`);
    assert.ok(satisfiesNameConstraints(Array(5).fill(directory("CN=b")), { permitted: [], excluded: [long] }));
    assert.ok(!satisfiesNameConstraints(Array(6).fill(directory("CN=b")), { permitted: [], excluded: [long] }));
    const host = dns(`${"a".repeat(60)}.`.repeat(4).concat("example"));
    assert.ok(satisfiesNameConstraints(Array(2000).fill(dns("b.example")), { permitted: [], excluded: [host] }));
    assert.ok(!satisfiesNameConstraints(Array(2200).fill(dns("b.example")), { permitted: [], excluded: [host] }));
  },
  "satisfiesNameConstraints() compares only a limited number of names": () => {
    const many = (count: number, value: string) => Array.from({ length: count }, () => dns(value));
    const excluded = { permitted: [], excluded: many(128, "evil.example") };
    assert.ok(satisfiesNameConstraints(many(64, "client.example"), excluded));
    assert.ok(!satisfiesNameConstraints(many(65, "client.example"), excluded));
    const permitted = { permitted: many(128, "client.example"), excluded: [] };
    assert.ok(!satisfiesNameConstraints(many(65, "client.example"), permitted));
  },
  "readNameConstraints() reads permitted and excluded subtrees": () => {
    const base = (text: string) => sequence(tlv(0x82, text));
    assert.deepEqual(read(sequence(tlv(0xa0, [base("a")]), tlv(0xa1, [base("b"), base("c")]))), {
      permitted: [dns("a")],
      excluded: [dns("b"), dns("c")],
    });
  },
  "readNameConstraints() refuses an empty value, distances, and parts in the wrong order": () => {
    const base = sequence(tlv(0x82, "a"));
    const distant = (tag: number) => sequence(tlv(0x82, "a"), tlv(tag, [1]));
    const bad = [
      sequence(),
      sequence(tlv(0xa1, [base]), tlv(0xa0, [base])),
      sequence(tlv(0xa0, [base]), tlv(0xa0, [base])),
      sequence(tlv(0xa2, [base])),
      sequence(base),
      sequence(tlv(0xa0, [distant(0x80)])),
      sequence(tlv(0xa0, [distant(0x81)])),
      sequence(tlv(0xa0, [sequence()])),
      tlv(0x82, "a"),
    ];
    for (const value of bad) assert.throws(() => read(value), SyntaxError, Buffer.from(encode(value)).toString("hex"));
  },
  "readNameConstraints() says that a value is empty": () => {
    assert.throws(() => read(sequence()), { message: "NameConstraints is empty" });
  },
  "readNameConstraints() refuses subtrees that are present and empty": () => {
    assert.throws(() => read(sequence(tlv(0xa0, []))), SyntaxError);
    assert.throws(() => read(sequence(tlv(0xa1, []))), SyntaxError);
  },
  "verifyTrust() applies name constraints of the issuer to the leaf": (fixtures) => {
    const verdict = (leaf: "dnsCaGood" | "dnsCaPlainCommonName") => prove(fixtures, { leaf, intermediates: ["dnsCa"] });
    assert.equal(verdict("dnsCaGood").chainDepth, 2);
    assert.equal(verdict("dnsCaPlainCommonName").chainDepth, 2);
    for (const [leaf, ca] of [
      ["dnsCaBadSan", "dnsCa"],
      ["evilCaBad", "evilCa"],
      ["nameCaBad", "nameCa"],
      ["nameCaBadSan", "nameCa"],
    ] as const) {
      refused("name_not_permitted", () => prove(fixtures, { leaf, intermediates: [ca] }));
    }
    assert.equal(prove(fixtures, { leaf: "nameCaGood", intermediates: ["nameCa"] }).chainDepth, 2);
    assert.equal(prove(fixtures, { leaf: "evilCaGood", intermediates: ["evilCa"] }).chainDepth, 2);
  },
  "verifyTrust() applies e-mail constraints to e-mail addresses in the subject": (fixtures) => {
    assert.equal(prove(fixtures, { leaf: "emailCaGood", intermediates: ["emailCa"] }).chainDepth, 2);
    refused("name_not_permitted", () => prove(fixtures, { leaf: "emailCaBad", intermediates: ["emailCa"] }));
  },
  "verifyTrust() applies DNS constraints to a common name that is a host name": (fixtures) => {
    refused("name_not_permitted", () => prove(fixtures, { leaf: "dnsCaBadCommonName", intermediates: ["dnsCa"] }));
  },
  "verifyTrust() applies IP constraints, and no others, to a common name that is an IP address": (fixtures) => {
    assert.equal(prove(fixtures, { leaf: "dnsCaAddress", intermediates: ["dnsCa"] }).chainDepth, 2);
    assert.equal(prove(fixtures, { leaf: "ipCaGood", intermediates: ["ipCa"] }).chainDepth, 2);
    for (const leaf of ["ipCaBad", "ipCaBadIpv6"] as const) {
      refused("name_not_permitted", () => prove(fixtures, { leaf, intermediates: ["ipCa"] }));
    }
  },
  "verifyTrust() applies DNS constraints to a common name even if there is a permitted DNS name": (fixtures) => {
    // An entry of a policy may match the CN of a certificate, even if the certificate has alternative names. So name constraints
    // also apply to the CN.
    refused("name_not_permitted", () =>
      prove(fixtures, { leaf: "dnsCaBadCommonNameGoodSan", intermediates: ["dnsCa"] }),
    );
  },
  "verifyTrust() applies name constraints of an issuer to the CAs below it": (fixtures) => {
    refused("name_not_permitted", () => prove(fixtures, { leaf: "dnsSubClient", intermediates: ["dnsSub", "dnsCa"] }));
  },
  "verifyTrust() exempts a self-issued CA from the constraints, but nothing below it": (fixtures) => {
    const intermediates = ["selfCaNew", "selfCa"] as const;
    assert.equal(prove(fixtures, { leaf: "selfCaNewClient", intermediates }).chainDepth, 3);
  },
  "verifyTrust() refuses a constraint of a kind that is not understood": (fixtures) => {
    refused("name_not_permitted", () => prove(fixtures, { leaf: "oddCaClient", intermediates: ["oddCa"] }));
  },
};
