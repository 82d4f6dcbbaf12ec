// Tests names and bases of constraints in the form in which they are compared.

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

/** Is true if a name is within this base. Both must be of a form that can be judged. */
function isWithin(base: GeneralName, name: GeneralName): boolean {
  const [subtree, form] = [subtreeOf(base), formOf(name)];
  assert.ok(subtree !== undefined && form !== undefined);
  return subtree(form);
}

/** Returns a host name of 253 characters, or of `more` additional characters. */
const longHost = (more = 0) => `${"a".repeat(49)}.`.repeat(5) + "b".repeat(3 + more);

export const cases: Cases = {
  "formOf() gives host names in lower case, with the kind of the name": () => {
    assert.deepEqual(formOf(dns("A.Example")), { kind: "dns", host: "a.example" });
    assert.deepEqual(formOf(dns("*.A.Example")), { kind: "dns", host: "*.a.example" });
    assert.deepEqual(formOf(uri("HTTPS://A.Example")), { kind: "uri", host: "a.example" });
    assert.deepEqual(formOf(email("Ops@A.Example")), { kind: "email", host: "a.example", local: "Ops" });
    assert.deepEqual(formOf(email('"O\\p\\\\s"@a.example')), { kind: "email", host: "a.example", local: "Op\\s" });
    const name = parseDistinguishedName("CN=a,O=Acme");
    assert.equal(formOf({ kind: "directory", name })?.kind, "directory");
  },
  "formOf() gives the same form for a name each time, and none again for what has none": () => {
    for (const name of [dns("a.example"), email("a@a.example")]) assert.equal(formOf(name), formOf(name));
    const none = dns("a b");
    assert.deepEqual([formOf(none), formOf(none)], [undefined, undefined]);
  },
  "formOf() has none for kinds that no constraint is compared with": () => {
    haveNone({ kind: "other", tag: 0 }, ip(), ip(192, 0, 2), ip(...zeros(8)), ip(...zeros(17)));
    assert.equal(formOf(ip(...zeros(4)))?.kind, "ip");
    assert.equal(formOf(ip(...zeros(16)))?.kind, "ip");
  },
  "formOf() takes for a host what ends in no number, up to 253 characters": () => {
    for (const text of ["a", "1a", "1.a", "a.2b.example", "0x.a", "a.0xg", "a-b_c.example", "a".repeat(63), longHost()])
      assert.ok(formOf(dns(text)) !== undefined, text);
    haveNone(...["1", "12", "a.1", "a.12", "0x", "0x1f", "a.0x1f", "a".repeat(64), longHost(1)].map(dns));
    haveNone(...["-a", "a-", "a.-b", "a.b-", "a..b", ".a", "a.", "", "a/b", "a:1"].map(dns));
  },
  "formOf() takes for a URI what has a scheme, an authority and a host": () => {
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
  "formOf() has none for a directory name with a text in an encoding that is not read": () => {
    haveNone(...["140161", "1c0400000061", "1e020061"].map(opaque));
    for (const der of ["03020780", "0303001e14", "3003140161"])
      assert.equal(formOf(opaque(der))?.kind, "directory", der);
  },
  "subtreeOf() holds each kind to a base of its own kind": () => {
    assert.ok(isWithin(dns(""), dns("a")) && isWithin(dns("a"), dns("b.a")) && !isWithin(dns("a"), dns("ba")));
    assert.ok(isWithin(uri("a"), uri("x://a")) && !isWithin(uri("a"), uri("x://b.a")));
    assert.ok(isWithin(email("a"), email("x@a")) && !isWithin(email("a"), email("x@b.a")));
    assert.ok(isWithin(email("x@a"), email("x@A")) && !isWithin(email("x@a"), email("x@b")));
    assert.ok(!isWithin(email("x@a"), email("y@a")));
    assert.equal(subtreeOf({ kind: "other", tag: 0 }), undefined);
  },
  "subtreeOf() keeps addresses of one length apart from those of the other": () => {
    const [v4, v6] = [ip(192, 0, 2, 0, 255, 255, 255, 0), ip(192, 0, 2, ...zeros(13), 255, 255, 255, ...zeros(13))];
    assert.ok(isWithin(v4, ip(192, 0, 2, 7)) && isWithin(v6, ip(192, 0, 2, ...zeros(13))));
    assert.ok(!isWithin(v4, ip(192, 0, 2, ...zeros(13))) && !isWithin(v6, ip(192, 0, 2, 7)));
  },
  "subtreeOf() takes masks of ones before zeros alone": () => {
    for (const octet of [0, 128, 254, 255]) assert.ok(subtreeOf(ip(192, 0, 2, 0, 255, 255, 255, octet)), `${octet}`);
    for (const octet of [1, 2, 127, 253]) assert.equal(subtreeOf(ip(192, 0, 2, 0, 255, 255, 255, octet)), undefined);
    assert.equal(subtreeOf(ip(192, 0, 2, 0, 0, 255, 0, 0)), undefined);
  },
  "subtreeOf() takes an ancestor of a name, and no descendant": () => {
    const directory = (text: string): GeneralName => ({ kind: "directory", name: parseDistinguishedName(text) });
    assert.ok(isWithin(directory("O=a"), directory("CN=b,O=A")) && isWithin(directory(""), directory("CN=b")));
    assert.ok(
      !isWithin(directory("CN=b,O=a"), directory("O=a")) && !isWithin(directory("CN=b"), directory("CN=b,O=a")),
    );
  },
};
