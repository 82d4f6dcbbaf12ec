// Tests how RFC 4514 text is read as a distinguished name, and how a distinguished name is written as text.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DistinguishedName,
  formatDistinguishedName,
  parseDistinguishedName,
  parseDistinguishedNameDer,
} from "../../../core/x509/distinguished-name.ts";
import { character, distinguishedNames, texts } from "../../support/arbitraries.ts";
import { encode, oid, sequence, set, TAG, tlv, toHex } from "../../support/certificates/der-edit.ts";
import { encodeName, utf16 } from "../../support/certificates/edit.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const CN = "2.5.4.3";
const firstOf = (text: string) => parseDistinguishedName(text)[0]?.[0];
const formatOne = (text: string) => formatDistinguishedName([[{ type: CN, text }]]);

function refusesText(...texts: readonly string[]): void {
  for (const text of texts) assert.throws(() => parseDistinguishedName(text), SyntaxError, text);
}

/** Sorts the attributes of each RDN, because the attributes of an RDN have no order. */
function inOneOrder(name: DistinguishedName): unknown {
  return name.map((rdn) => rdn.map((attribute) => JSON.stringify(attribute)).sort());
}

export const cases: Cases = {
  "parseDistinguishedName() reads the most specific attribute first": () => {
    assert.deepEqual(parseDistinguishedName("CN=svc,O=Acme\\, Inc.,C=US"), [
      [{ type: "2.5.4.6", text: "US" }],
      [{ type: "2.5.4.10", text: "Acme, Inc." }],
      [{ type: CN, text: "svc" }],
    ]);
    assert.deepEqual(parseDistinguishedName(""), []);
  },
  "parseDistinguishedName() reads back what formatDistinguishedName() wrote": () => {
    fc.assert(
      fc.property(distinguishedNames, (name) => {
        assert.deepEqual(inOneOrder(parseDistinguishedName(formatDistinguishedName(name))), inOneOrder(name));
      }),
      { numRuns: 500 },
    );
  },
  "formatDistinguishedName() writes the same text for every form of a name that it reads": () => {
    fc.assert(
      fc.property(distinguishedNames, (name) => {
        const text = formatDistinguishedName(name);
        assert.equal(formatDistinguishedName(parseDistinguishedName(text)), text);
      }),
      { numRuns: 300 },
    );
  },
  "formatDistinguishedName() gives different names different texts": () => {
    fc.assert(
      fc.property(distinguishedNames, distinguishedNames, (a, b) => {
        const isSame = JSON.stringify(inOneOrder(a)) === JSON.stringify(inOneOrder(b));
        assert.equal(formatDistinguishedName(a) === formatDistinguishedName(b), isSame);
      }),
      { numRuns: 300 },
    );
  },
  "formatDistinguishedName() escapes characters that would end or begin a value": () => {
    assert.equal(formatOne('a,b+c"d\\e<f>g;h'), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h');
    assert.equal(formatOne("a,CN=b"), "CN=a\\,CN=b");
    assert.equal(formatOne("a=b"), "CN=a=b");
  },
  "formatDistinguishedName() escapes a space at either end and a leading #": () => {
    assert.equal(formatOne(" a "), "CN=\\ a\\ ");
    assert.equal(formatOne(" "), "CN=\\ ");
    assert.equal(formatOne("  "), "CN=\\ \\ ");
    assert.equal(formatOne("#a"), "CN=\\#a");
    assert.equal(formatOne("a#"), "CN=a#");
    assert.equal(formatOne("\\ "), "CN=\\\\\\ ");
  },
  "formatDistinguishedName() writes an unknown type as OID and hex, whatever string type it had": () => {
    const name = (tag: number) => encode(encodeName([["1.2.3.4", tag, "x"]]));
    for (const tag of [TAG.utf8, TAG.printable, TAG.ia5]) {
      assert.equal(formatDistinguishedName(parseDistinguishedNameDer(name(tag))), "1.2.3.4=#0c0178");
    }
  },
  "formatDistinguishedName() writes the attributes of one RDN always in the same order": () => {
    const text = "CN=a+OU=b+UID=c,C=US";
    for (const other of ["OU=b+CN=a+UID=c,C=US", "UID=c+OU=b+CN=a,C=US"]) {
      assert.equal(formatDistinguishedName(parseDistinguishedName(other)), text);
    }
  },
  "parseDistinguishedName() reads escaped characters and escaped octets": () => {
    assert.deepEqual(firstOf("CN=a\\2Cb\\,c\\+d"), { type: CN, text: "a,b,c+d" });
    assert.deepEqual(firstOf("CN=Lu\\C4\\8Di\\C4\\87"), { type: CN, text: "Lučić" });
    assert.deepEqual(firstOf("CN=Lučić 字 🦊"), { type: CN, text: "Lučić 字 🦊" });
    assert.deepEqual(firstOf("CN=\\ a\\20"), { type: CN, text: " a " });
    assert.deepEqual(firstOf("CN=a\\\\\\ "), { type: CN, text: "a\\ " });
    assert.deepEqual(firstOf("CN="), { type: CN, text: "" });
    assert.deepEqual(firstOf("CN=\ufeffa"), { type: CN, text: "\ufeffa" });
  },
  "parseDistinguishedName() reads a multi-valued RDN": () => {
    assert.deepEqual(parseDistinguishedName("OU=Sales+CN=J. Smith,DC=example"), [
      [{ type: "0.9.2342.19200300.100.1.25", text: "example" }],
      [
        { type: "2.5.4.11", text: "Sales" },
        { type: CN, text: "J. Smith" },
      ],
    ]);
  },
  "parseDistinguishedName() reads type names in any case, and dotted OIDs": () => {
    assert.deepEqual(parseDistinguishedName("cn=a,2.5.4.10=b"), parseDistinguishedName("CN=a,O=b"));
    assert.deepEqual(firstOf("1.2.840.113549.1.9.1=a@b"), { type: "1.2.840.113549.1.9.1", text: "a@b" });
  },
  "parseDistinguishedName() reads #hex as the DER of the value": () => {
    assert.deepEqual(firstOf("CN=#0c0161"), { type: CN, text: "a" });
    assert.deepEqual(firstOf("CN=#1e020061"), { type: CN, der: "1e020061" });
    assert.deepEqual(firstOf("1.2.3.4=#0500"), { type: "1.2.3.4", der: "0500" });
  },
  "parseDistinguishedName() refuses #hex that is not a DER value": () => {
    refusesText("CN=#", "CN=#0", "CN=#0c", "CN=#0c0261", "CN=#0c016100", "CN=#0c810161", "CN=#zz", "CN=#0c0100");
    refusesText("CN=#zz0c0161", "CN=#0c0161zz", "CN=##0c0161", "CN=#0c 0161");
  },
  "parseDistinguishedName() refuses #hex with malformed text, and half of a surrogate pair": () => {
    refusesText("CN=#0c01ff", "CN=#0C02C080", "CN=#1E0141", "CN=#1c020061", "CN=#13 01e9".replace(" ", ""));
    refusesText("CN=#0c02c285", "CN=#2c040c020061", "CN=#3080", "CN=#30030c0261", "CN=#010101", "CN=#02020001");
    refusesText("CN=\ud800", "CN=a\udc00b", "CN=\udbff\udbff", "O=\ud800,CN=a", "\ud800=a");
    assert.equal(firstOf(`CN=${"a".repeat(300_000)}`)?.type, CN);
  },
  "parseDistinguishedName() refuses C1 controls, and reads characters that change the writing direction": () => {
    refusesText("CN=a\u0080", "CN=a\u0085b", "CN=\u009b31m", "CN=\u009f", "CN=\\C2\\9B");
    for (const mark of ["\u200e", "\u200f", "\u061c", "\u202e", "\u2066", "\u2069"]) {
      assert.deepEqual(firstOf(`CN=a${mark}b`), { type: CN, text: `a${mark}b` });
    }
  },
  "parseDistinguishedName() says what is wrong, and where": () => {
    const told = (text: string, message: string) =>
      assert.throws(() => parseDistinguishedName(text), { name: "SyntaxError", message }, text);
    told("CN=\ud800", "half of a surrogate pair");
    told("CN=a,svc", 'expected an attribute type and "=" at 5, found "svc"');
    told("CN=a,XX=b", 'expected an attribute type and "=" at 5, found "XX"');
    told("=b", 'expected an attribute type and "=" at 0, found ""');
    told("x".repeat(40), `expected an attribute type and "=" at 0, found "${"x".repeat(40)}"`);
    told("x".repeat(41), `expected an attribute type and "=" at 0, found "${"x".repeat(40)}…"`);
    told('O=b,CN=a"c', 'unescaped or invalid "\\"c" at 8');
    told("CN=a;b", 'unescaped or invalid ";b" at 4');
    told("O=b,CN= a", "an unescaped space at an end of the value at 7");
    told("CN=a\\C4", "escapes are not UTF-8 at 3");
    told("CN=a\\00", "a control character in the value at 3");
    told("CN=#0", 'malformed "#0": expected # and hex pairs');
  },
  "parseDistinguishedName() refuses the slash form of OpenSSL": () => {
    refusesText("/C=US/O=Acme/CN=svc", "/CN=svc", "CN=svc,/O=Acme");
  },
  "parseDistinguishedName() refuses spaces that are not escaped": () => {
    refusesText("CN=a, O=b", "CN = a", "CN= a", "CN=a ", " CN=a", "CN=a ,O=b", "CN=\\\\ ", "CN=a\\5C ");
  },
  "parseDistinguishedName() refuses characters that must be escaped, and incomplete or unknown escapes": () => {
    refusesText('CN="a"', "CN=a;O=b", "CN=<a", "CN=a>", "CN=\\", "CN=\\x", "CN=\\4", "CN=a\\é");
  },
  "parseDistinguishedName() refuses a missing or unknown type": () => {
    refusesText(
      "svc",
      "=svc",
      "CN=a,",
      ",CN=a",
      "CN=a+",
      "CN=a,,O=b",
      "XX=a",
      "1.2.=a",
      "01.2=a",
      "3.1=a",
      "CN",
      "0.40=a",
      "1.99=a",
    );
  },
  "parseDistinguishedName() refuses control characters and octets that are not UTF-8": () => {
    refusesText("CN=a\u0000", "CN=a\\00", "CN=a\\0Ab", "CN=\n", "CN=\\7f", "CN=\\C4", "CN=\\C0\\80", "CN=\\ED\\A0\\80");
  },
  "parseDistinguishedName() either reads a name or throws a SyntaxError, for any text": () => {
    const alphabet = fc.constantFrom(..."CN=O,+ \\#\"'<>;2A0./é\u0000🦊".split(""));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: character }), fc.string({ unit: alphabet })), (text) => {
        try {
          assert.ok(formatDistinguishedName(parseDistinguishedName(text)).length > 0 || text === "");
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  },
  "parseDistinguishedNameDer() reads the same octets alike in four string types": () => {
    for (const tag of [TAG.utf8, TAG.printable, TAG.ia5, TAG.numeric]) {
      assert.deepEqual(parseDistinguishedNameDer(encode(encodeName([[CN, tag, "12 3"]]))), [
        [{ type: CN, text: "12 3" }],
      ]);
    }
  },
  "parseDistinguishedNameDer() reads any text of UTF8String": () => {
    fc.assert(
      fc.property(texts, (text) => {
        assert.deepEqual(parseDistinguishedNameDer(encode(encodeName([[CN, TAG.utf8, text]]))), [[{ type: CN, text }]]);
      }),
      { numRuns: 200 },
    );
  },
  "parseDistinguishedNameDer() keeps BMPString, TeletexString and UniversalString opaque": () => {
    for (const [tag, octets] of [
      [TAG.bmp, utf16("a")],
      [TAG.teletex, Uint8Array.of(0x61)],
      [TAG.universal, Uint8Array.of(0, 0, 0, 0x61)],
    ] as const) {
      const der = toHex(encode(tlv(tag, octets)));
      assert.deepEqual(parseDistinguishedNameDer(encode(encodeName([[CN, tag, octets]]))), [[{ type: CN, der }]]);
    }
  },
  "parseDistinguishedNameDer() refuses control characters, bad UTF-8 and non-ASCII in ASCII types": () => {
    const bad: (readonly [number, string | Uint8Array])[] = [
      [TAG.utf8, "good\u0000.evil"],
      [TAG.printable, "a\u0000"],
      [TAG.ia5, "a\u001f"],
      [TAG.utf8, "a\u007f"],
      [TAG.utf8, "a\u0080"],
      [TAG.utf8, "\u009b31m"],
      [TAG.bmp, Uint8Array.of(0x61)],
      [TAG.utf8, Uint8Array.of(0xc0, 0x80)],
      [TAG.utf8, Uint8Array.of(0xff)],
      [TAG.printable, "é"],
      [TAG.ia5, Uint8Array.of(0xe9)],
      [TAG.numeric, "1a"],
      [TAG.bmp, Uint8Array.of(0xd8, 0, 0xdc, 0)],
    ];
    for (const [tag, value] of bad) {
      const name = encode(encodeName([[CN, tag, value]]));
      assert.throws(() => parseDistinguishedNameDer(name), SyntaxError, `tag ${tag}: ${value}`);
    }
  },
  "parseDistinguishedNameDer() refuses values of types that OpenSSL does not accept in names": () => {
    for (const [tag, octets] of [
      [TAG.boolean, [0xff]],
      [TAG.integer, [1]],
      [TAG.octetString, [0x61]],
      [TAG.null, []],
      [TAG.oid, [0x2a, 3]],
      [TAG.enumerated, [1]],
      [TAG.general, [0x61]],
      [0x80, [0x61]],
      [TAG.set, []],
    ] as const) {
      const name = encode(encodeName([[CN, tag, Uint8Array.from(octets)]]));
      assert.throws(() => parseDistinguishedNameDer(name), SyntaxError, `tag ${tag}`);
    }
    const pieces = encode(encodeName([[CN, TAG.sequence, encode(tlv(TAG.utf8, "a"))]]));
    assert.ok(parseDistinguishedNameDer(pieces));
    assert.ok(parseDistinguishedNameDer(encode(encodeName([[CN, TAG.bitString, Uint8Array.of(0, 1)]]))));
  },
  "parseDistinguishedNameDer() refuses an attribute that is not exactly one type and one value": () => {
    const value = tlv(TAG.utf8, "a");
    for (const attribute of [sequence(oid(CN)), sequence(oid(CN), value, value), sequence(value, value), value]) {
      assert.throws(() => parseDistinguishedNameDer(encode(sequence(set(attribute)))), SyntaxError);
    }
  },
  "parseDistinguishedNameDer() refuses an empty RDN and values that are not a Name": () => {
    assert.throws(() => parseDistinguishedNameDer(encode(encodeName([]))), SyntaxError);
    assert.throws(() => parseDistinguishedNameDer(encode(set())), SyntaxError);
    assert.throws(() => parseDistinguishedNameDer(encode(tlv(TAG.utf8, "CN=a"))), SyntaxError);
  },
};
