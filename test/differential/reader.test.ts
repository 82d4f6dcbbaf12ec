// Compares our DER reader with OpenSSL and with the library @peculiar/asn1-x509. The inputs are certificates and revocation lists,
// and randomly edited copies of them. Our reader must refuse every input that OpenSSL or the library refuses. If all three accept
// an input, they must read the same facts. The only allowed differences are listed in differences.ts. `npm run test:faults` tests
// fifty times as many edited copies.

import { beforeAll, expect, test } from "vitest";
import { askShared } from "../support/ask-shared.ts";
import { toHex } from "../support/certificates/der-edit.ts";
import { compareCertificate, compareCrl } from "./comparison.ts";
import { compareEditedCertificates, compareEditedCrls, requireKnown } from "./edited.ts";
import { makeOriginals, type Originals } from "./originals.ts";

const RUNS = { seed: 690, numRuns: 1_000, milliseconds: 120_000 };

/** The object identifiers in hex, each with its tag and length. */
const [ECDSA_WITH_SHA256, UNKNOWN] = ["06082a8648ce3d040302", "06082a8648ce39040302"];

let originals: Originals;
beforeAll(async () => {
  originals = makeOriginals(await askShared("fixtures"));
}, 240_000);

test("every public root is read, with the same facts", () => {
  expect(originals.roots.length).toBeGreaterThan(100);
  for (const root of originals.roots) expect(compareCertificate(root.der, root), root.name).toEqual({ kind: "same" });
});

test("every certificate of the suites is read with the same facts, or refused for a listed reason", () => {
  for (const original of originals.certificates) {
    const outcome = compareCertificate(original.der, original);
    requireKnown(outcome, original.name);
    if (original.name.startsWith("with ")) expect(outcome, original.name).toEqual({ kind: "same" });
  }
});

test("a certificate that names an unknown signature algorithm in both places is read with the same facts", () => {
  const original = originals.certificates.find(({ name }) => name === "depth3Client");
  if (original === undefined) throw new Error("there is no certificate depth3Client");
  const named = toHex(original.der).split(ECDSA_WITH_SHA256);
  expect(named).toHaveLength(3);
  const edited = Buffer.from(named.join(UNKNOWN), "hex");
  expect(compareCertificate(edited, original)).toEqual({ kind: "same" });
});

test("every list of the suites is read, with the same facts", () => {
  for (const [name, der] of Object.entries(originals.crls)) expect(compareCrl(der), name).toEqual({ kind: "same" });
});

test("edited certificates are read with the same facts, or refused", () => {
  const { same, all } = compareEditedCertificates(originals, RUNS);
  expect(all).toBe(RUNS.numRuns);
  expect(same).toBeGreaterThan(all / 10);
}, 150_000);

test("edited lists are read with the same facts, or refused", () => {
  const { same, all } = compareEditedCrls(originals, RUNS);
  expect(all).toBe(RUNS.numRuns);
  expect(same).toBeGreaterThan(all / 10);
}, 150_000);
