// Compares our reader, OpenSSL and a library on a given number of edited inputs. A failure prints the seed, the name of the
// original input, and the octets of the edited input.

import fc from "fast-check";
import { toBase64 } from "../support/certificates/der-edit.ts";
import { compareCertificate, compareCrl, type Outcome } from "./comparison.ts";
import { isListed, LIBRARY_STRICTER, STRICTER } from "./differences.ts";
import { edits } from "./edits.ts";
import type { Originals } from "./originals.ts";

export interface Runs {
  readonly seed: number;
  readonly numRuns: number;
  /** The time limit. If it is exceeded, the test fails. */
  readonly milliseconds: number;
}

/** The number of inputs that all readers read alike, and the number of all inputs. */
export type Count = Readonly<{ same: number; all: number }>;

/** @throws Error if the readers differ in a way that differences.ts does not list */
export function requireKnown(outcome: Outcome, what: string): void {
  const { kind } = outcome;
  if (kind === "same" || kind === "refused by all") return;
  if (kind === "refused by us" && isListed(STRICTER, outcome.cause)) return;
  if (kind === "refused by the library" && isListed(LIBRARY_STRICTER, outcome.cause)) return;
  const text = JSON.stringify(outcome, (_, value) => (typeof value === "bigint" ? String(value) : value));
  throw new Error(`${what}: ${text}`);
}

function compareEdited<T>(
  sources: readonly T[],
  { seed, numRuns, milliseconds }: Runs,
  read: (source: T) => { readonly name: string; readonly der: Uint8Array },
  compare: (der: Uint8Array, source: T) => Outcome,
): Count {
  let [same, all] = [0, 0];
  const property = fc.property(fc.nat(sources.length - 1), edits, (nth, edit) => {
    const source = sources[nth] as T;
    const { name, der } = read(source);
    const edited = edit(der);
    const outcome = compare(edited, source);
    all += 1;
    if (outcome.kind === "same") same += 1;
    requireKnown(outcome, `${name}, edited: ${toBase64(edited)}`);
  });
  fc.assert(property, { seed, numRuns, interruptAfterTimeLimit: milliseconds, markInterruptAsFailure: true });
  return { same, all };
}

export function compareEditedCertificates({ certificates, roots }: Originals, runs: Runs): Count {
  return compareEdited([...certificates, ...roots], runs, (original) => original, compareCertificate);
}

export function compareEditedCrls({ crls }: Originals, runs: Runs): Count {
  return compareEdited(
    Object.entries(crls),
    runs,
    ([name, der]) => ({ name, der }),
    (der) => compareCrl(der),
  );
}
