// Tests how the content of a response or of a file is divided into revocation lists.

import assert from "node:assert/strict";
import { readCrlContents } from "../../../core/x509/crl-contents.ts";
import { concat, fromBase64 } from "../../support/certificates/der-edit.ts";
import type { Cases, Fixtures } from "../../support/scenes/certificates.ts";

const octets = (text: string) => Uint8Array.from(Buffer.from(text, "utf8"));
const pemOf = (base64: string, end = "\n") =>
  `-----BEGIN X509 CRL-----${end}${base64.replace(/.{64}/g, `$&${end}`)}${end}-----END X509 CRL-----${end}`;

/** Returns three things: the lists in base64, true if the bytes were PEM, and the faults. */
function read(bytes: Uint8Array) {
  const { ders, isPem, faults } = readCrlContents(bytes);
  return [ders.map((der) => Buffer.from(der).toString("base64")), isPem, faults];
}

const both = ({ crls }: Fixtures) => [crls.root, crls.intermediate] as const;

export const cases: Cases = {
  "readCrlContents() reads lists in DER, one after the other": (fixtures) => {
    const lists = both(fixtures);
    assert.deepEqual(read(concat(...lists.map(fromBase64))), [lists, false, []]);
    assert.deepEqual(read(concat(...lists.map(fromBase64), octets("\r\n"))), [lists, false, []]);
    assert.deepEqual(read(fromBase64(lists[0])), [[lists[0]], false, []]);
  },
  "readCrlContents() reads lists in PEM, whatever is around them": (fixtures) => {
    const lists = both(fixtures);
    const certificate = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    for (const end of ["\n", "\r\n"]) {
      const [first, second] = lists.map((base64) => pemOf(base64, end));
      for (const text of [`${first}${second}`, `\ufeff${first}${certificate}Issuing CA:\n\n${second}\nend`]) {
        assert.deepEqual(read(octets(text)), [lists, true, []]);
      }
    }
    assert.deepEqual(read(octets(lists[0].replace(/.{76}/g, "$&\n"))), [[lists[0]], false, []]);
  },
  "readCrlContents() reads the other lists if one is cut off": (fixtures) => {
    const lists = both(fixtures);
    const [first, second = ""] = lists.map((base64) => pemOf(base64));
    const cut = second.slice(0, 200);
    assert.deepEqual(read(octets(`${first}${cut}`)), [
      [lists[0]],
      true,
      ["the list after 1 others is cut off or is not base64"],
    ]);
    assert.deepEqual(read(octets(`${cut}${first}`)), [
      [lists[0]],
      true,
      ["the list after 0 others is cut off or is not base64"],
    ]);
    assert.deepEqual(read(octets(pemOf("!!!!"))), [[], true, ["the list after 0 others is cut off or is not base64"]]);
    const der = concat(fromBase64(lists[0]), fromBase64(lists[1]).subarray(0, 50));
    assert.deepEqual(read(der), [[lists[0]], false, ["what follows 1 lists is cut off, or is not a list"]]);
    assert.deepEqual(read(concat(fromBase64(lists[0]), Uint8Array.of(5, 0))), [
      [lists[0]],
      false,
      ["what follows 1 lists is cut off, or is not a list"],
    ]);
  },
  "readCrlContents() finds no list if there is none": () => {
    for (const text of ["", "no list", "<html>", "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n"]) {
      assert.deepEqual(read(octets(text)), [[], false, []]);
    }
  },
  "readCrlContents() reads at most 64 lists of a source, and reads hostile responses in one pass": () => {
    const empty = (count: number) => Uint8Array.from({ length: count * 2 }, (_, index) => (index % 2 === 0 ? 0x30 : 0));
    assert.equal(readCrlContents(empty(64)).faults.length, 0);
    const { ders, faults } = readCrlContents(empty(1_000_000));
    assert.deepEqual([ders.length, faults], [64, ["there are more than 64 lists"]]);
    const pem = readCrlContents(octets(pemOf("MAAA").repeat(65)));
    assert.deepEqual([pem.ders.length, pem.faults], [64, ["there are more than 64 lists"]]);
    const begun = performance.now();
    readCrlContents(octets("-----BEGIN X509 CRL-----".repeat(200_000)));
    assert.ok(performance.now() - begun < 20_000);
  },
};
