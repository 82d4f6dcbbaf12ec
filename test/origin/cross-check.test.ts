// Tests which candidates a cross-check keeps.

import { expect, test } from "vitest";
import type { Candidate } from "../../core/admission/candidate.ts";
import { OriginRefusal } from "../../core/refusal.ts";
import { crossCheckCandidates } from "../../origin/cross-check.ts";

const candidate = (isCertified: boolean) => ({ certified: isCertified ? {} : undefined }) as unknown as Candidate;
const [certified, bare] = [candidate(true), candidate(false)];
const refuse = () => {
  throw new OriginRefusal("listener_disagrees");
};

test("a check that passes keeps every candidate", () => {
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  expect(crossCheckCandidates([certified, bare], count)).toEqual([certified, bare]);
  expect(calls).toBe(1);
});

test("candidates without a certificate are not checked", () => {
  expect(crossCheckCandidates([bare], refuse)).toEqual([bare]);
  expect(crossCheckCandidates([], refuse)).toEqual([]);
});

test("a check that refuses leaves the candidates that need no certificate", () => {
  expect(crossCheckCandidates([certified, bare], refuse)).toEqual([bare]);
  expect(() => crossCheckCandidates([certified], refuse)).toThrow(OriginRefusal);
});

test("an error that is no refusal leaves no candidate", () => {
  const fail = () => {
    throw new Error("a fault");
  };
  expect(() => crossCheckCandidates([certified, bare], fail)).toThrow("a fault");
});
