// Compares the verdicts of two policies on stored requests.

import { formatTime } from "../../../core/x509/crl.ts";
import type { TrialCase } from "./cases.ts";
import { type TrialVerdict, type TriedPolicy, tryPolicy } from "./verdict.ts";

/** A request that the two policies judge differently, or that cannot be judged. */
export interface Difference {
  readonly what: "REFUSED" | "ACCEPTED" | "OTHER SENDER" | "UNKNOWN";
  readonly kind: TrialCase["kind"];
  readonly id: string;
  readonly at: string;
  readonly method: string;
  readonly target: string;
  readonly today: TrialVerdict;
  readonly changed: TrialVerdict;
}

export interface Trial {
  readonly today: { readonly file: string; readonly digest: string };
  readonly changed: { readonly file: string; readonly digest: string };
  readonly events: number;
  readonly certificates: number;
  readonly same: number;
  /**
   * The number of requests in `same` whose signature or credentials could not be verified again. The signature and the credentials
   * of such a request count as valid.
   */
  readonly takenOver: number;
  readonly refusedByBoth: number;
  readonly differences: readonly Difference[];
}

/** Judges each request by both policies, and keeps the differences. */
export class Tally {
  readonly #today: TriedPolicy;
  readonly #changed: TriedPolicy;
  readonly #differences: Difference[] = [];
  readonly #counts = { events: 0, certificates: 0, same: 0, takenOver: 0, refusedByBoth: 0 };

  constructor(today: TriedPolicy, changed: TriedPolicy) {
    this.#today = today;
    this.#changed = changed;
  }

  async add(one: TrialCase): Promise<void> {
    const counts = this.#counts;
    const today = recordedWhereUnknown(one, await tryPolicy(one, this.#today, this.#changed));
    const changed = await tryPolicy(one, this.#changed, this.#today);
    counts[one.kind === "event" ? "events" : "certificates"] += 1;
    const what = compare(today, changed);
    if (what !== undefined) {
      const { kind, id, at, request } = one;
      const target = request.url.replace(/^[^/]*\/\/[^/]*/, "");
      this.#differences.push({ what, kind, id, at: formatTime(at), method: request.method, target, today, changed });
      return;
    }
    counts.same += 1;
    if (changed.isTakenOver) counts.takenOver += 1;
    if (changed.verdict === "refused") counts.refusedByBoth += 1;
  }

  result(): Trial {
    const name = ({ file, policy }: TriedPolicy) => ({ file, digest: policy.digest });
    return { today: name(this.#today), changed: name(this.#changed), ...this.#counts, differences: this.#differences };
  }
}

/**
 * Returns the verdict of the current policy. If this policy cannot judge an event again, the event counts as accepted, because an
 * inbox contains only accepted events. If no policy can judge the event (`lacking`), the verdict stays `unknown`.
 */
function recordedWhereUnknown({ event, lacking }: TrialCase, verdict: TrialVerdict): TrialVerdict {
  if (verdict.verdict !== "unknown" || event === undefined || lacking !== undefined) return verdict;
  return { verdict: "accepted", sender: event.sender, code: null, why: null, isTakenOver: true };
}

/** Returns how the verdicts differ, or undefined if they are the same. Two refusals are the same, even if their reasons differ. */
function compare(today: TrialVerdict, changed: TrialVerdict): Difference["what"] | undefined {
  if (changed.verdict === "refused") return today.verdict === "refused" ? undefined : "REFUSED";
  if (changed.verdict === "unknown" || today.verdict === "unknown") return "UNKNOWN";
  if (today.verdict === "refused") return "ACCEPTED";
  const isSame = today.sender === changed.sender || today.sender === null || changed.sender === null;
  return isSame ? undefined : "OTHER SENDER";
}
