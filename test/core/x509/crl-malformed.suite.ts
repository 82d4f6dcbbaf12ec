// Tests revocation lists that must be refused. Some are malformed. Others are of a kind that does not name every revoked
// certificate, for example delta lists.

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCrl } from "../../../core/x509/crl.ts";
import {
  concat,
  decode,
  encode,
  fromBase64,
  members,
  oid,
  sequence,
  TAG,
  type Tlv,
  tlv,
} from "../../support/certificates/der-edit.ts";
import { encodeName } from "../../support/certificates/edit.ts";
import type { Cases, CrlName, Fixtures } from "../../support/scenes/certificates.ts";

interface CrlParts {
  readonly crl: Tlv[];
  readonly tbs: Tlv[];
  readonly entries: Tlv[];
  readonly extensions: Tlv[];
}

/** The index of each field in the TBSCertList of a list with entries. */
const FIELD = { version: 0, algorithm: 1, issuer: 2, thisUpdate: 3, nextUpdate: 4, revoked: 5, extensions: 6 };

/** Returns the list with one change. The signature is not changed. */
function edit({ crls }: Fixtures, change: (parts: CrlParts) => void, name: CrlName = "entries"): Uint8Array {
  const whole = decode(fromBase64(crls[name]));
  const crl = members(whole);
  const tbs = members(crl[0]);
  change({ crl, tbs, entries: members(tbs[FIELD.revoked]), extensions: members(members(tbs[FIELD.extensions])[0]) });
  return encode(whole);
}

function refuses(message: RegExp, der: Uint8Array, what = ""): void {
  assert.throws(() => parseCrl(der), { message }, what);
}

const critical = tlv(TAG.boolean, [0xff]);
const extension = (id: string, value: Tlv | Uint8Array, isCritical = true) =>
  sequence(
    oid(id),
    ...(isCritical ? [critical] : []),
    tlv(TAG.octetString, value instanceof Uint8Array ? value : encode(value)),
  );
const withExtension = (fixtures: Fixtures, added: Tlv) => edit(fixtures, ({ extensions }) => extensions.push(added));
const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
const NAME = tlv(0xa0, [tlv(0xa0, [tlv(0x86, "http://crl.example/a.crl")])]);

const entryOf = (serial: readonly number[], ...extensions: Tlv[]) =>
  sequence(
    tlv(TAG.integer, serial),
    tlv(TAG.utcTime, "261201000000Z"),
    ...(extensions.length > 0 ? [sequence(...extensions)] : []),
  );
const withEntry = (fixtures: Fixtures, entry: Tlv) => edit(fixtures, ({ entries }) => entries.push(entry));

export const cases: Cases = {
  "parseCrl() reads the list that the cases change": (fixtures) => {
    assert.equal(parseCrl(edit(fixtures, () => {})).size, 4);
  },
  "parseCrl() refuses a list that ends at any earlier byte, or has more bytes": ({ crls }) => {
    const der = fromBase64(crls.entries);
    for (let length = 0; length < der.byteLength; length++) refuses(/./, der.subarray(0, length), `${length} bytes`);
    refuses(/bytes follow/, concat(der, Uint8Array.of(0)));
  },
  "parseCrl() refuses lengths that are BER and not DER": (fixtures) => {
    const der = fromBase64(fixtures.crls.entries);
    const [size, body] = [der.subarray(2, 4), der.subarray(4)];
    refuses(/DER/, concat(Uint8Array.of(0x30, 0x83, 0), size, body));
    refuses(/DER/, concat(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0)));
    const entry = encode(entryOf([5]));
    const padded = concat(Uint8Array.of(0x30, 0x81), entry.subarray(1));
    const raw = edit(fixtures, ({ tbs }) => {
      tbs[FIELD.revoked] = tlv(TAG.sequence, padded);
    });
    refuses(/DER/, raw);
  },
  "parseCrl() refuses versions other than v2, and fields that are missing, repeated or out of order": (fixtures) => {
    refuses(
      /v2/,
      edit(fixtures, ({ tbs }) => tbs.splice(0, 1, tlv(TAG.integer, [0]))),
    );
    refuses(
      /v2/,
      edit(fixtures, ({ tbs }) => tbs.splice(0, 1, tlv(TAG.integer, [2]))),
    );
    for (const [name, field] of Object.entries(FIELD).slice(0, 5)) {
      refuses(
        field === FIELD.version ? /v2/ : /missing/,
        edit(fixtures, ({ tbs }) => tbs.splice(field, 1)),
        name,
      );
    }
    refuses(
      /more members/,
      edit(fixtures, ({ tbs }) => tbs.push(tlv(0xa0, [sequence()]))),
    );
    refuses(
      /more members/,
      edit(fixtures, ({ tbs }) => tbs.push(tlv(0xa1, [sequence()]))),
    );
    refuses(
      /v2/,
      edit(fixtures, ({ tbs }) => tbs.reverse()),
    );
    refuses(
      /./,
      edit(fixtures, ({ crl }) => crl.push(tlv(5, []))),
    );
    refuses(
      /./,
      edit(fixtures, ({ crl }) => crl.splice(2, 1)),
    );
  },
  "parseCrl() refuses times in another form, and a list without a lifetime": (fixtures) => {
    const bad = ["2612010000Z", "261201000000+0100", "261301000000Z", "", "261201000000", "20261201000000Z"];
    for (const text of bad) {
      for (const field of [FIELD.thisUpdate, FIELD.nextUpdate]) {
        refuses(
          /time is malformed/,
          edit(fixtures, ({ tbs }) => tbs.splice(field, 1, tlv(TAG.utcTime, text))),
          text,
        );
      }
    }
    const past = tlv(TAG.utcTime, "200101000000Z");
    refuses(
      /not after/,
      edit(fixtures, ({ tbs }) => tbs.splice(FIELD.nextUpdate, 1, past)),
    );
    refuses(
      /not after/,
      edit(fixtures, ({ tbs }) => tbs.splice(FIELD.nextUpdate, 1, tbs[FIELD.thisUpdate] as Tlv)),
    );
    const later = tlv(TAG.generalizedTime, "20500101000000Z");
    assert.equal(
      parseCrl(edit(fixtures, ({ tbs }) => tbs.splice(FIELD.nextUpdate, 1, later))).nextUpdate,
      Date.UTC(2050) / 1000,
    );
  },
  "parseCrl() refuses two different signature algorithms, and algorithms that are not accepted": (fixtures) => {
    const [sha256, sha512, sha1] = ["1.2.840.10045.4.3.2", "1.2.840.10045.4.3.4", "1.2.840.10045.4.1"].map((id) =>
      sequence(oid(id)),
    ) as [Tlv, Tlv, Tlv];
    const algorithms = (inner: Tlv, outer: Tlv) =>
      edit(fixtures, ({ tbs, crl }) => {
        tbs[FIELD.algorithm] = inner;
        crl[1] = outer;
      });
    parseCrl(algorithms(sha512, sha512));
    refuses(/differ/, algorithms(sha256, sha512));
    refuses(/differ/, algorithms(sha256, sequence(oid("1.2.840.10045.4.3.2"), tlv(5, []))));
    refuses(/not accepted/, algorithms(sha1, sha1));
    const pss = sequence(oid("1.2.840.113549.1.1.10"), sequence());
    refuses(/not accepted/, algorithms(pss, pss));
    refuses(
      /BIT STRING/,
      edit(fixtures, ({ crl }) => crl.splice(2, 1, tlv(TAG.bitString, [4, 0xf0]))),
    );
  },
  "parseCrl() refuses delta, indirect and restricted lists": (fixtures) => {
    refuses(/delta/, withExtension(fixtures, extension("2.5.29.27", tlv(TAG.integer, [1]))));
    refuses(/delta/, withExtension(fixtures, extension("2.5.29.27", tlv(TAG.integer, [1]), false)));
    const scoped = (...value: Tlv[]) =>
      withExtension(fixtures, extension(ISSUING_DISTRIBUTION_POINT, sequence(...value)));
    assert.equal(parseCrl(scoped(NAME)).distributionPoints?.length, 1);
    refuses(/indirect/, scoped(NAME, tlv(0x84, [0xff])));
    for (const tag of [0x81, 0x82, 0x85]) refuses(/restricted/, scoped(NAME, tlv(tag, [0xff])), `${tag}`);
    refuses(/restricted/, scoped(NAME, tlv(0x83, [6, 0x40])));
    refuses(/no URI/, scoped());
    refuses(/no URI/, scoped(tlv(0xa0, [tlv(0xa0, [tlv(0x82, "crl.example")])])));
  },
  "parseCrl() refuses a scope or a flag in the wrong form": (fixtures) => {
    const scoped = (...value: Tlv[]) =>
      withExtension(fixtures, extension(ISSUING_DISTRIBUTION_POINT, sequence(...value)));
    const fullName = NAME.content as Tlv[];
    assert.equal(parseCrl(scoped(NAME, tlv(0x81, [0]), tlv(0x84, [0]))).distributionPoints?.length, 1);
    const bad: Readonly<Record<string, readonly Tlv[]>> = {
      "two names where there is a choice": [tlv(0xa0, [...fullName, ...fullName])],
      "something beside the choice": [tlv(0xa0, [...fullName, tlv(5)])],
      "no name where there is a choice": [tlv(0xa0)],
      "a full name of none": [tlv(0xa0, [tlv(0xa0)])],
      "a flag of 1": [NAME, tlv(0x81, [1])],
      "a flag of two octets": [NAME, tlv(0x84, [0, 0])],
      "flags in another order": [NAME, tlv(0x82, [0]), tlv(0x81, [0])],
      "the name behind a flag": [tlv(0x81, [0]), NAME],
      "a flag twice": [NAME, tlv(0x81, [0]), tlv(0x81, [0])],
      "a flag that nobody knows": [NAME, tlv(0x86, [0])],
      "reasons in excess": [NAME, tlv(0x83, [6, 0x41])],
    };
    for (const [what, value] of Object.entries(bad)) refuses(/./, scoped(...value), what);
  },
  "parseCrl() refuses an empty revokedCertificates, a missing or malformed issuer name, and a malformed signature": (
    fixtures,
  ) => {
    refuses(
      /missing/,
      edit(fixtures, ({ entries }) => entries.splice(0)),
    );
    refuses(
      /no issuer/,
      edit(fixtures, ({ tbs }) => tbs.splice(FIELD.issuer, 1, sequence())),
    );
    refuses(
      /BIT STRING/,
      edit(fixtures, ({ crl }) => crl.splice(2, 1, tlv(TAG.bitString))),
    );
    refuses(
      /control/,
      edit(fixtures, ({ tbs }) => tbs.splice(FIELD.issuer, 1, encodeName([["2.5.4.3", TAG.utf8, "CA\u009b"]]))),
    );
  },
  "parseCrl() refuses extensions that certificates also have, in the wrong form": (fixtures) => {
    const directory = tlv(0xa4, [encodeName([["2.5.4.3", TAG.utf8, "a"]])]);
    const good = { "2.5.29.18": sequence(directory), "2.5.29.46": sequence(sequence(NAME)) };
    for (const [id, value] of Object.entries(good)) {
      assert.equal(parseCrl(withExtension(fixtures, extension(id, value, false))).size, 4);
    }
    for (const id of [...Object.keys(good), "1.3.6.1.5.5.7.1.1"]) {
      refuses(/extension/, withExtension(fixtures, extension(id, sequence(), false)), id);
    }
    const keyId = (value: Tlv) =>
      edit(fixtures, ({ extensions }) => extensions.splice(0, 1, extension("2.5.29.35", value, false)));
    assert.equal(parseCrl(keyId(sequence(tlv(0x80, [1])))).size, 4);
    refuses(/extension 2\.5\.29\.35/, keyId(sequence(tlv(0x82, [1]))));
  },
  "parseCrl() refuses an entry that is not DER, and accepts the empty extensions that some libraries write": (
    fixtures,
  ) => {
    const reason = (value: Tlv | Uint8Array) => extension("2.5.29.21", value, false);
    const date = tlv(TAG.utcTime, "261201000000Z");
    assert.equal(parseCrl(withEntry(fixtures, sequence(tlv(TAG.integer, [5]), date, sequence()))).size, 5);
    const hold = extension("2.5.29.23", oid("1.2.840.10040.2.1"));
    const unknown = extension("1.2.3.4", tlv(5), false);
    for (const extensions of [[], [hold], [reason(tlv(10, [1])), hold, unknown]]) {
      assert.equal(parseCrl(withEntry(fixtures, entryOf([5], ...extensions))).size, 5);
    }
    const bad: Readonly<Record<string, Tlv>> = {
      "a padded serial number": entryOf([0, 5]),
      "a reason of another type": entryOf([5], reason(tlv(TAG.integer, [1]))),
      "a reason over its end": entryOf([5], reason(Uint8Array.of(10, 2, 1))),
      "two reasons": entryOf([5], reason(tlv(10, [1])), reason(tlv(10, [1]))),
      "two of three that are the same": entryOf([5], unknown, hold, unknown),
      "the last two the same": entryOf([5], hold, unknown, unknown),
      "an instruction of another type": entryOf([5], extension("2.5.29.23", tlv(10, [1]), false)),
      "a date of invalidity that is a text": entryOf([5], extension("2.5.29.24", tlv(TAG.ia5, "261201000000Z"), false)),
      "a critical of 1": entryOf(
        [5],
        sequence(oid("2.5.29.21"), tlv(TAG.boolean, [1]), tlv(TAG.octetString, [10, 1, 1])),
      ),
    };
    for (const [what, entry] of Object.entries(bad)) refuses(/./, withEntry(fixtures, entry), what);
  },
  "parseCrl() accepts a list whose entries have malformed dates, and finds these entries": (fixtures) => {
    const forms: readonly (readonly [tag: number, texts: readonly string[]])[] = [
      [TAG.utcTime, ["2612010000Z", "261201000000+0100", "261301000000Z", "20261201000000Z", ""]],
      [TAG.generalizedTime, ["20261201000000Z", "20261201000000.5Z", "261201000000Z"]],
    ];
    for (const [tag, texts] of forms) {
      for (const text of texts) {
        const dated = sequence(tlv(TAG.integer, [5]), tlv(tag, text));
        const invalidSince = entryOf([5], extension("2.5.29.24", tlv(tag, text), false));
        for (const entry of [dated, invalidSince]) {
          const list = parseCrl(withEntry(fixtures, entry));
          assert.deepEqual([list.size, list.lists("5")], [5, true], text);
        }
      }
    }
  },
  "parseCrl() throws a SyntaxError for every damaged list": ({ crls }) => {
    const der = fromBase64(crls.entries);
    const changes = fc.array(fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(changes, (damage) => {
        const changed = der.slice();
        for (const [at, mask] of damage) changed[at] = (changed[at] ?? 0) ^ mask;
        try {
          parseCrl(changed);
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  },
  "parseCrl() refuses an entry of another issuer": (fixtures) => {
    const issuer = sequence(tlv(0x82, "other.example"));
    for (const isCritical of [true, false]) {
      refuses(/indirect/, withEntry(fixtures, entryOf([5], extension("2.5.29.29", issuer, isCritical))));
    }
  },
  "parseCrl() refuses critical extensions that it does not know, and skips others": (fixtures) => {
    const unknown = "1.3.6.1.4.1.99999.1";
    const value = tlv(5, []);
    refuses(/critical extension 1\.3\.6.* not understood/, withExtension(fixtures, extension(unknown, value)));
    refuses(/not understood/, withEntry(fixtures, entryOf([5], extension(unknown, value))));
    assert.equal(parseCrl(withExtension(fixtures, extension(unknown, value, false))).size, 4);
    assert.equal(parseCrl(withEntry(fixtures, entryOf([5], extension(unknown, value, false)))).size, 5);
    const reason = extension("2.5.29.21", tlv(10, [1]));
    assert.equal(parseCrl(withEntry(fixtures, entryOf([5], reason, extension(unknown, value, false)))).size, 5);
  },
  "parseCrl() refuses repeated and malformed extensions": (fixtures) => {
    refuses(/repeated/, withExtension(fixtures, extension("2.5.29.20", tlv(TAG.integer, [2]), false)));
    const replaced = (value: Tlv) =>
      edit(fixtures, ({ extensions }) => extensions.splice(1, 1, extension("2.5.29.20", value, false)));
    assert.equal(parseCrl(replaced(tlv(TAG.integer, [0, 0xff]))).number, 255n);
    const longest = [0x7f, ...Array<number>(19).fill(0)];
    assert.equal(parseCrl(replaced(tlv(TAG.integer, longest))).number, 0x7fn << 152n);
    refuses(/negative/, replaced(tlv(TAG.integer, [0xff])));
    refuses(/padded/, replaced(tlv(TAG.integer, [0, 1])));
    refuses(/over 20/, replaced(tlv(TAG.integer, [1, ...Array<number>(20).fill(0)])));
    refuses(/./, replaced(tlv(TAG.octetString, [1])));
    refuses(
      /missing/,
      edit(fixtures, ({ extensions }) => extensions.splice(0)),
    );
  },
  "parseCrl() refuses malformed entries": (fixtures) => {
    const date = tlv(TAG.utcTime, "261201000000Z");
    const bad: Record<string, Tlv> = {
      "no members": sequence(),
      "a set": { ...entryOf([5]), tag: TAG.set },
      "no date": sequence(tlv(TAG.integer, [5])),
      "another date": sequence(tlv(TAG.integer, [5]), tlv(TAG.ia5, "261201000000Z")),
      "a serial of another type": sequence(tlv(TAG.octetString, [5]), date),
      "an empty serial": entryOf([]),
      "a padded negative serial": entryOf([0xff, 0x80]),
      "a padded serial": entryOf([0, 1]),
      "extensions of another type": sequence(tlv(TAG.integer, [5]), date, tlv(TAG.set, [])),
      "something after the extensions": sequence(tlv(TAG.integer, [5]), date, sequence(), tlv(5, [])),
      "an extension without a value": entryOf([5], sequence(oid("2.5.29.21"))),
      "an extension with more": entryOf([5], sequence(oid("2.5.29.21"), tlv(TAG.octetString, [0]), tlv(5, []))),
      "a BOOLEAN that is BER": entryOf(
        [5],
        sequence(oid("2.5.29.21"), tlv(TAG.boolean, [1]), tlv(TAG.octetString, [0])),
      ),
    };
    for (const [what, entry] of Object.entries(bad)) refuses(/./, withEntry(fixtures, entry), what);
  },
  "parseCrl() skips an entry with a negative serial, which differs from the positive number with the same octets": (
    fixtures,
  ) => {
    const list = parseCrl(withEntry(fixtures, entryOf([0x80])));
    assert.equal(list.size, 5);
    assert.equal(list.lists("80"), false);
    assert.equal(list.lists("ff"), true);
    assert.equal(parseCrl(withEntry(fixtures, entryOf([0, 0x80]))).lists("80"), true);
  },
  "parseCrl() reads or refuses any bytes": () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        assert.throws(() => parseCrl(concat(Uint8Array.of(0x30), bytes)), Error);
      }),
      { numRuns: 300 },
    );
  },
};
