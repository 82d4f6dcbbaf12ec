// Tests the form in which names, and the bases of name constraints, are compared.

import assert from "node:assert/strict";
import { parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../../core/x509/general-name.ts";
import { formOf, subtreeOf } from "../../../core/x509/subtree.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const named =
  (kind: "dns" | "email" | "uri") =>
  (value: string): GeneralName => ({ kind, value });
const [dns, email, uri] = [named("dns"), named("email"), named("uri")];
const ip = (...octets: number[]): GeneralName => ({ kind: "ip", octets: Uint8Array.from(octets) });
const zeros = (count: number) => Array<number>(count).fill(0);
const opaque = (der: string): GeneralName => ({ kind: "directory", name: [[{ type: "2.5.4.45", der }]] });

function haveNone(...names: readonly GeneralName[]): void {
  for (const name of names) assert.equal(formOf(name), undefined, JSON.stringify(name));
}

/** Is true if the name is within this base. The test fails if the name or the base cannot be compared. */
function isWithin(base: GeneralName, name: GeneralName): boolean {
  const [subtree, form] = [subtreeOf(base), formOf(name)];
  assert.ok(subtree !== undefined && form !== undefined);
  return subtree(form);
}

/** Returns a host name of 253 + `more` characters. */
const longHost = (more = 0) => `${"a".repeat(49)}.`.repeat(5) + "b".repeat(3 + more);

export const cases: Cases = {
  "formOf() returns host names in lower case, with the kind of the name": () => {
    assert.deepEqual(formOf(dns("A.Example")), { kind: "dns", host: "a.example" });
    assert.deepEqual(formOf(dns("*.A.Example")), { kind: "dns", host: "*.a.example" });
    assert.deepEqual(formOf(uri("HTTPS://A.Example")), { kind: "uri", host: "a.example" });
    assert.deepEqual(formOf(email("Ops@A.Example")), { kind: "email", host: "a.example", local: "Ops" });
    assert.deepEqual(formOf(email('"O\\p\\\\s"@a.example')), { kind: "email", host: "a.example", local: "Op\\s" });
    const name = parseDistinguishedName("CN=a,O=Acme");
    assert.equal(formOf({ kind: "directory", name })?.kind, "directory");
  },
  "formOf() returns the same object for a name each time, and always undefined for a name without a form": () => {
    for (const name of [dns("a.example"), email("a@a.example")]) assert.equal(formOf(name), formOf(name));
    const none = dns("a b");
    assert.deepEqual([formOf(none), formOf(none)], [undefined, undefined]);
  },
  "formOf() returns undefined for kinds that are not compared with constraints": () => {
    haveNone({ kind: "other", tag: 0 }, ip(), ip(192, 0, 2), ip(...zeros(8)), ip(...zeros(17)));
    assert.equal(formOf(ip(...zeros(4)))?.kind, "ip");
    assert.equal(formOf(ip(...zeros(16)))?.kind, "ip");
  },
  "formOf() accepts as a host a name of up to 253 characters that does not end in a number": () => {
    for (const text of ["a", "1a", "1.a", "a.2b.example", "0x.a", "a.0xg", "a-b_c.example", "a".repeat(63), longHost()])
      assert.ok(formOf(dns(text)) !== undefined, text);
    haveNone(...["1", "12", "a.1", "a.12", "0x", "0x1f", "a.0x1f", "a".repeat(64), longHost(1)].map(dns));
    haveNone(...["-a", "a-", "a.-b", "a.b-", "a..b", ".a", "a.", "", "a/b", "a:1"].map(dns));
  },
  "formOf() accepts as a URI a text with a scheme, an authority and a host": () => {
    for (const text of [
      "a://b",
      "h2+x-y.z://b/",
      "https://u:p%20@b",
      "https://b:443",
      "https://b:",
      "https://b?q#f",
      "a://b/[x]",
    ])
      assert.deepEqual(formOf(uri(text)), { kind: "uri", host: "b" }, text);
    const bad = [
      "1https://b/",
      " https://b",
      "x https://b",
      "https:/b",
      "https://b c",
      "https://b/ c",
      "https://b:x",
      "://b",
    ];
    haveNone(
      ...[...bad, "https://", "https://@b@c", "https://b\\", "https://[b]", "https://b/é", "https://b:1:2"].map(uri),
    );
  },
  "formOf() returns undefined for a directory name with a text in an encoding that is not read": () => {
    haveNone(...["140161", "1c0400000061", "1e020061"].map(opaque));
    for (const der of ["03020780", "0303001e14", "3003140161"])
      assert.equal(formOf(opaque(der))?.kind, "directory", der);
  },
  "subtreeOf() compares each kind only with a base of the same kind": () => {
    assert.ok(isWithin(dns(""), dns("a")) && isWithin(dns("a"), dns("b.a")) && !isWithin(dns("a"), dns("ba")));
    assert.ok(isWithin(uri("a"), uri("x://a")) && !isWithin(uri("a"), uri("x://b.a")));
    assert.ok(isWithin(email("a"), email("x@a")) && !isWithin(email("a"), email("x@b.a")));
    assert.ok(isWithin(email("x@a"), email("x@A")) && !isWithin(email("x@a"), email("x@b")));
    assert.ok(!isWithin(email("x@a"), email("y@a")));
    assert.equal(subtreeOf({ kind: "other", tag: 0 }), undefined);
  },
  "subtreeOf() distinguishes addresses of different lengths": () => {
    const [v4, v6] = [ip(192, 0, 2, 0, 255, 255, 255, 0), ip(192, 0, 2, ...zeros(13), 255, 255, 255, ...zeros(13))];
    assert.ok(isWithin(v4, ip(192, 0, 2, 7)) && isWithin(v6, ip(192, 0, 2, ...zeros(13))));
    assert.ok(!isWithin(v4, ip(192, 0, 2, ...zeros(13))) && !isWithin(v6, ip(192, 0, 2, 7)));
  },
  "subtreeOf() accepts only masks of ones followed by zeros": () => {
    for (const octet of [0, 128, 254, 255]) assert.ok(subtreeOf(ip(192, 0, 2, 0, 255, 255, 255, octet)), `${octet}`);
    for (const octet of [1, 2, 127, 253]) assert.equal(subtreeOf(ip(192, 0, 2, 0, 255, 255, 255, octet)), undefined);
    assert.equal(subtreeOf(ip(192, 0, 2, 0, 0, 255, 0, 0)), undefined);
  },
  "subtreeOf() contains a name if the base is its ancestor, and not if it is its descendant": () => {
    const directory = (text: string): GeneralName => ({ kind: "directory", name: parseDistinguishedName(text) });
    assert.ok(isWithin(directory("O=a"), directory("CN=b,O=A")) && isWithin(directory(""), directory("CN=b")));
    assert.ok(
      !isWithin(directory("CN=b,O=a"), directory("O=a")) && !isWithin(directory("CN=b"), directory("CN=b,O=a")),
    );
  },
};
