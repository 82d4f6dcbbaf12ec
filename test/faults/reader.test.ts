// Runs the differential test of our DER reader on a hundred thousand edited certificates and revocation lists. Each run has a
// different seed. To repeat a run, set SEED to the seed of that run.

import { beforeAll, expect, test } from "vitest";
import { compareEditedCertificates, compareEditedCrls } from "../differential/edited.ts";
import { makeOriginals, type Originals } from "../differential/originals.ts";
import { makeFixtures } from "../support/fixtures/fixtures.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const [CERTIFICATES, CRLS] = [75_000, 25_000];
/** The time limit of the test. It is ten times as long as the test takes on an idle machine. */
const MILLISECONDS = 1_200_000;

let originals: Originals;
beforeAll(async () => {
  console.log(`seed ${seed}`);
  originals = makeOriginals(await makeFixtures());
});

test("edited certificates are read with the same facts, or refused", { timeout: MILLISECONDS + 60_000 }, () => {
  const { same, all } = compareEditedCertificates(originals, {
    seed,
    numRuns: CERTIFICATES,
    milliseconds: MILLISECONDS,
  });
  expect(all).toBe(CERTIFICATES);
  expect(same).toBeGreaterThan(all / 10);
});

test("edited lists are read with the same facts, or refused", { timeout: MILLISECONDS + 60_000 }, () => {
  const { same, all } = compareEditedCrls(originals, { seed, numRuns: CRLS, milliseconds: MILLISECONDS });
  expect(all).toBe(CRLS);
  expect(same).toBeGreaterThan(all / 10);
});
