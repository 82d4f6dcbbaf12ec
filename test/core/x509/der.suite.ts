// Tests the reader of DER values. A violation of X.690 is refused wherever it occurs.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type DerReader, formatDer, readDer } from "../../../core/x509/der.ts";
import { concat, encode, lengthOctets, oid, sequence, TAG, tlv, toHex } from "../../support/certificates/der-edit.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const skip = (value: DerReader): void => void value.read();

function refuses(
  values: Readonly<Record<string, string | Uint8Array>>,
  read: (value: DerReader) => unknown = skip,
): void {
  for (const [what, value] of Object.entries(values)) {
    assert.throws(() => readDer(typeof value === "string" ? bytesOf(value) : value, read), SyntaxError, what);
  }
}

const readHex = <T>(hex: string, read: (value: DerReader) => T): T => readDer(bytesOf(hex), read);

/** Returns `levels` SEQUENCEs, each inside the one before it. */
const nested = (levels: number): Uint8Array => {
  const headers: Uint8Array[] = [];
  let size = 0;
  for (let level = 0; level < levels; level += 1) {
    const header = Uint8Array.of(TAG.sequence, ...lengthOctets(size));
    headers.push(header);
    size += header.byteLength;
  }
  return concat(...headers.reverse());
};

export const cases: Cases = {
  "readDer() refuses headers that are cut short, indefinite, padded, or of a type of several octets": () => {
    refuses({
      nothing: "",
      "a type alone": "30",
      "a length beyond the end": "30 01",
      "a length of no octets that follows": "04 81",
      "a length that is cut short": "04 82 01",
      "an indefinite length": "30 80 00 00",
      "an indefinite length of a primitive": "04 80 00 00",
      "a long length under 128": "04 81 01 00",
      "a padded length": concat(bytesOf("04 82 00 80"), new Uint8Array(128)),
      "a length of five octets": "04 85 00 00 00 00 01 00",
      "a length of 127 octets": concat(bytesOf("04 ff"), new Uint8Array(127)),
      "4 GB": "04 84 ff ff ff ff",
      "a type of two octets": "1f 81 01 00",
      "a context type of two octets": "bf 1f 02 05 00",
      "an end of contents": "00 00",
    });
  },
  "readDer() refuses a value with bytes after it, and a member that is longer than its parent": () => {
    refuses({
      "an octet after it": "05 00 00",
      "a second value": "05 00 05 00",
      "a member over its parent's end": "30 03 04 02 00",
      "a member far over it": "30 02 04 0b 65 78 61 6d 70 6c 65 2e 63 6f 6d",
      "a member over its parent's end, within the whole": "30 06 30 02 04 02 05 00",
      "a member's header over its parent's end": "30 04 30 01 04 01",
    });
  },
  "readDer() refuses types in the wrong form": () => {
    for (const type of [1, 2, 3, 4, 5, 6, 10, 12, 18, 19, 20, 22, 23, 24, 26, 27, 28, 30]) {
      refuses({ [`constructed ${type}`]: encode(tlv(0x20 | type, [])) });
    }
    for (const type of [8, 11, 16, 17, 29]) refuses({ [`primitive ${type}`]: encode(tlv(type, [])) });
    refuses({ "a SEQUENCE within": "a4 02 10 00", "a SET within": "30 04 a0 02 11 00" });
  },
  "readDer() refuses contents that do not fit their type, even if nobody reads them": () => {
    const contents: Readonly<Record<string, string>> = {
      "a BOOLEAN of nothing": "01 00",
      "a BOOLEAN of 1": "01 01 01",
      "a BOOLEAN of two octets": "01 02 ff ff",
      "an INTEGER of nothing": "02 00",
      "a padded INTEGER": "02 02 00 7f",
      "a padded negative INTEGER": "02 02 ff 80",
      "a padded ENUMERATED": "0a 02 00 01",
      "a BIT STRING of nothing": "03 00",
      "eight unused bits": "03 02 08 00",
      "unused bits of nothing": "03 01 01",
      "unused bits that are set": "03 02 04 a8",
      "a NULL of something": "05 01 00",
      "an OID of nothing": "06 00",
      "a padded OID": "06 03 80 2a 03",
      "an OID with a padded arc": "06 03 2a 80 01",
      "an OID that is cut short": "06 02 2a 86",
      "an OID of 129 octets": toHex(encode(tlv(TAG.oid, Array(129).fill(1)))),
      "a UTCTime without seconds": "17 0b 32 37 30 31 30 31 30 30 30 30 5a",
      "a UTCTime with an offset": toHex(encode(tlv(TAG.utcTime, "270101000000+0100"))),
      "a GeneralizedTime with a fraction": toHex(encode(tlv(TAG.generalizedTime, "20270101000000.5Z"))),
      "a BMPString of three octets": "1e 03 00 61 00",
      "a UniversalString of two": "1c 02 00 61",
      "a UniversalString over the last character": "1c 04 00 11 00 00",
      "half of a surrogate pair in a UniversalString": "1c 04 00 00 d8 00",
      "half of a surrogate pair in a BMPString": "1e 02 df ff",
    };
    for (const [what, hex] of Object.entries(contents)) {
      const value = bytesOf(hex);
      refuses({ [what]: value, [`${what}, within`]: encode(tlv(0xa0, encode(tlv(TAG.sequence, value)))) });
    }
  },
  "readDer() refuses values nested over 32 deep, also 100 KB of them": () => {
    readDer(nested(33), skip);
    refuses({ "34 deep": nested(34), "20 000 deep": nested(20_000) });
  },
  "readDer() accepts contents at the limits of their types": () => {
    const good = {
      "the last character": "1c 04 00 10 ff ff",
      "the first beyond surrogate pairs": "1c 04 00 00 e0 00",
      "the same of a BMPString": "1e 02 e0 00",
      "the last before them": "1e 02 d7 ff",
      "no text": "1e 00",
      "an arc with zeros within": "06 05 2a 81 80 80 01",
      "an OID of 128 octets": toHex(encode(tlv(TAG.oid, Array(128).fill(1)))),
      "a BIT STRING of no bits": "03 01 00",
      "seven unused bits": "03 02 07 80",
    };
    for (const hex of Object.values(good)) readHex(hex, skip);
    assert.equal(
      readHex("06 05 2a 81 80 80 01", (value) => value.oid()),
      "1.2.2097153",
    );
  },
  "readDer() refuses times with characters other than digits, even if nobody reads them": () => {
    for (const text of [
      "27010100000/Z",
      "27010100000:Z",
      "2701010000aaZ",
      "2701010000000",
      "/70101000000Z",
      "27:101000000Z",
    ]) {
      refuses({ [text]: encode(tlv(TAG.utcTime, text)) });
    }
  },
  "readDer() says what is wrong": () => {
    const told = (complaint: string, hex: string, read: (value: DerReader) => unknown = skip) =>
      assert.throws(() => readHex(hex, read), { name: "SyntaxError", message: complaint });
    told("bytes follow the value", "05 00 00");
    told("not DER: an empty type, or values nested too deep", "00 00");
    told("not DER: a value is in the wrong form for its type", "10 00");
    told("not DER: a value is missing or cut short", "");
    told("not DER: a value is cut short", "30 01");
    told("not DER: a type of more than one octet", "1f 81 01 00");
    told("not DER: a length is indefinite or cut short", "30 80 00 00");
    told("not DER: a length is padded", "04 81 01 00");
    told("a NULL is not empty", "05 01 00");
    told("a text ends within a character", "1e 03 00 61 00");
    told("a text holds what is no character", "1e 02 df ff");
    told("a BOOLEAN is malformed", "01 01 01");
    told("an INTEGER is empty", "02 00");
    told("an INTEGER is padded", "02 02 00 7f");
    told("a BIT STRING is malformed", "03 00");
    told("an OID is empty or too long", "06 00");
    told("an OID is padded", "06 03 80 2a 03");
    told("an OID is cut short", "06 02 2a 86");
    told("a time is malformed", "17 00");
    told("a value is missing or of another type", "05 00", (value) => value.read(TAG.set));
    told("a value has more members than its type", "30 02 05 00", (value) => value.members(TAG.sequence, () => {}));
    told("an INTEGER is negative", "02 01 ff", (value) => value.unsigned());
    told("a BIT STRING is not one of octets", "03 02 01 02", (value) => value.bitOctets());
    told("a list of named bits ends in zeros", "03 02 00 06", (value) => value.namedBits());
    told("a time is missing or of another type", "05 00", (value) => value.time());
    told("a time is malformed", toHex(encode(tlv(TAG.utcTime, "270230000000Z"))), (value) => value.time());
  },
  "readDer() refuses a member that is left unread, and one that is missing": () => {
    const two = "30 04 05 00 05 00";
    assert.equal(readHex(two, (value) => value.list(TAG.sequence, (members) => members.read().tag)).length, 2);
    refuses({ "one left": two }, (value) => value.members(TAG.sequence, skip));
    refuses({ "the value itself left": two }, () => undefined);
    refuses({ "a third": two }, (value) => value.members(TAG.sequence, (members) => members.read().read().read()));
    refuses({ "another type": two }, (value) => value.members(TAG.set, () => undefined));
    refuses({ "an empty list": "30 00" }, (value) => value.list(TAG.sequence, skip));
  },
  "DerReader reads integers, booleans and bits": () => {
    assert.deepEqual(
      [readHex("01 01 00", (value) => value.boolean()), readHex("01 01 ff", (value) => value.boolean())],
      [false, true],
    );
    const numbers = { "02 01 00": "00", "02 01 7f": "7f", "02 02 00 80": "80", "02 03 01 00 00": "010000" };
    for (const [hex, magnitude] of Object.entries(numbers)) {
      assert.equal(toHex(readHex(hex, (value) => value.unsigned())), magnitude);
    }
    refuses({ "-1": "02 01 ff", "-128": "02 01 80" }, (value) => value.unsigned());
    assert.equal(toHex(readHex("03 03 00 12 34", (value) => value.bitOctets())), "1234");
    refuses({ "seven bits": "03 02 01 02" }, (value) => value.bitOctets());
    const bit = readHex("03 03 07 06 80", (value) => value.namedBits());
    assert.deepEqual(Array.from({ length: 20 }, (_, index) => index).filter(bit), [5, 6, 8]);
    assert.deepEqual(readHex("03 01 00", (value) => value.namedBits())(0), false);
    refuses(
      { "a zero at the end": "03 02 00 06", "an octet of zeros": "03 03 07 06 00", "no bit": "03 02 07 00" },
      (value) => value.namedBits(),
    );
  },
  "DerReader reads implicit values by the rules of their type": () => {
    refuses({ "a BOOLEAN of 1": "80 01 01" }, (value) => value.boolean(0x80));
    refuses({ "a padded INTEGER": "82 02 00 01" }, (value) => value.skipInteger(0x82));
    refuses({ "a padded number": "82 02 00 01", "no number": "82 00" }, (value) => value.unsigned(0x82));
    refuses({ "no bits": "81 00", "bits of nothing": "81 01 07" }, (value) => value.skipBits(0x81));
    refuses({ "a padded OID": "88 02 80 01" }, (value) => value.oid(0x88));
    refuses({ "bits in excess": "81 02 04 08" }, (value) => value.skipBits(0x81));
    refuses({ "bits in excess": "81 02 03 10" }, (value) => value.namedBits(0x81));
  },
  "DerReader reads OIDs with any arcs": () => {
    const known = [
      "0.0",
      "0.39",
      "1.0",
      "1.39",
      "2.0",
      "2.39",
      "2.40",
      "2.999.1",
      "1.3.6.1.5.5.7.3.2",
      `2.25.${2n ** 128n - 1n}`,
    ];
    for (const text of known)
      assert.equal(
        readDer(encode(oid(text)), (value) => value.oid()),
        text,
      );
    const arcs = fc.array(fc.bigInt({ min: 0n, max: 2n ** 70n }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.nat(2), fc.nat(39), arcs, (first, second, rest) => {
        const text = [first, second, ...rest].join(".");
        assert.equal(
          readDer(encode(oid(text)), (value) => value.oid()),
          text,
        );
      }),
      { numRuns: 200 },
    );
  },
  "DerReader reads times from 1950 to 9999, and refuses days that do not exist": () => {
    const time = (tag: number, text: string) => readDer(encode(tlv(tag, text)), (value) => value.time());
    assert.equal(time(TAG.utcTime, "491231235959Z"), Date.UTC(2049, 11, 31, 23, 59, 59) / 1000);
    assert.equal(time(TAG.utcTime, "500101000000Z"), Date.UTC(1950) / 1000);
    assert.equal(time(TAG.generalizedTime, "99991231235959Z"), Date.UTC(9999, 11, 31, 23, 59, 59) / 1000);
    assert.equal(time(TAG.generalizedTime, "20280229000000Z"), Date.UTC(2028, 1, 29) / 1000);
    for (const text of [
      "20270229000000Z",
      "20271301000000Z",
      "20270101240000Z",
      "20270101000060Z",
      "20270100000000Z",
    ]) {
      assert.throws(() => time(TAG.generalizedTime, text), SyntaxError, text);
    }
  },
  "readDer() reads or throws a SyntaxError, for any bytes": () => {
    const reads: ((value: DerReader) => unknown)[] = [
      skip,
      (value) => value.boolean(),
      (value) => value.oid(),
      (value) => value.time(),
      (value) => value.namedBits(),
      (value) => value.unsigned(),
      (value) => value.list(TAG.sequence, skip),
    ];
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(...reads),
        fc.constantFrom(1, 2, 3, 6, 23, 48),
        (bytes, read, tag) => {
          try {
            readDer(encode(tlv(tag, bytes)), read);
          } catch (error) {
            assert.ok(error instanceof SyntaxError, String(error));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  },
  "readDer() reads a value within a larger buffer": () => {
    const whole = concat(Uint8Array.of(9, 9), encode(sequence(tlv(TAG.octetString, [1, 2]))), Uint8Array.of(9));
    const content = readDer(whole.subarray(2, -1), (value) =>
      value.members(TAG.sequence, (members) => members.read(TAG.octetString).content),
    );
    assert.deepEqual([...content], [1, 2]);
  },
  "formatDer() writes the lengths that readDer() accepts": () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const text = "a".repeat(length);
      assert.equal(
        readHex(formatDer(TAG.utf8, Buffer.from(text)).toString("hex"), (value) => value.read(TAG.utf8).latin1()),
        text,
      );
    }
  },
};
