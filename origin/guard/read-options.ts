// Converts the user's options into the options that a guard works with. If there are problems, one error lists all of them.

import type { Secrets } from "../../core/admission/candidate.ts";
import { loadHeldSecrets, type ReadSecret } from "../../core/admission/secrets.ts";
import type { FindVerificationKey } from "../../core/assertion/keys.ts";
import { BoundedCache } from "../../core/bounded-cache.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { formatLogLine, type LogLine, stampLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { type AuthenticateOptions, findMissing } from "../options.ts";
import { loadSecrets } from "../secrets.ts";
import { findFormProblems, isWithoutEdge } from "./form.ts";
import { keysOf, nameKeySource } from "./key-source.ts";
import type { BehindEdge, GuardOptions, KeySource, VerifierOptions, WithoutEdge } from "./options.ts";

type Log = AuthenticateOptions["log"];
type Given = GuardOptions & (BehindEdge | WithoutEdge);
type Kind = Parameters<typeof findFormProblems>[1];
type Members = Partial<GuardOptions & BehindEdge & WithoutEdge> & {
  readonly route?: string;
  readonly servesEveryRoute?: boolean;
};

/**
 * The largest number of key sources whose keys are cached. A guard has several sources only if its options are made for each
 * request.
 */
const MAX_KEY_SOURCES = 16;

/**
 * Reads the options of one guard, once or for each request. Results that take long to make are cached: policies and secrets by the
 * object from which they were made, and keys by the name of their source.
 */
export class OptionsReader {
  readonly #kind: Kind;
  readonly #policies = new WeakMap<object, Policy>();
  readonly #secrets = new WeakMap<Policy, WeakMap<object, Secrets>>();
  readonly #keys = new BoundedCache<string, FindVerificationKey>(MAX_KEY_SOURCES);

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  /** @throws ConfigurationError that lists every problem */
  read(given: Given | VerifierOptions): AuthenticateOptions {
    const problems = findFormProblems(given, this.#kind);
    if (typeof given !== "object" || given === null) throw new ConfigurationError(SUBJECTS[this.#kind], problems);
    const options: Members = given;
    const take = <T>(member: keyof Members, read: () => T): T | undefined => {
      if (problems.some((problem) => problem.startsWith(`/${member}:`))) return undefined;
      try {
        return read();
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        problems.push(...error.problems.map((problem) => `/${member}${problem.replace(/^\/:/, ":")}`));
        return undefined;
      }
    };
    const { onDecision = printDecision } = options;
    // `onDecision` gets only the line, not the further facts of a refused request.
    const log: Log = (line) => onDecision(line);
    const policy = take("policy", () => this.#policyOf(options.policy as object));
    const findKey = isWithoutEdge(options)
      ? undefined
      : take("keys", () => this.#keysOf(options.keys as KeySource, log));
    const secrets = policy && take("secrets", () => this.#secretsOf(policy, options));
    if (policy !== undefined) {
      problems.push(...findMissing(policy, options, findKey !== undefined));
      if (this.#kind === "verifier") problems.push(...findRouteProblems(policy, options));
    }
    if (policy === undefined || problems.length > 0) throw new ConfigurationError(SUBJECTS[this.#kind], problems);
    const { accept, lists, clock, readCertificate, crossCheck, issuer, audience, servesEveryRoute } = options;
    const judging = {
      ...{ policy, log, accept, servesEveryRoute: servesEveryRoute === true },
      ...(secrets && { secrets }),
      ...(lists && { lists }),
      ...(clock && { clock }),
      ...(findKey ? { findKey, issuer, audience } : { readCertificate, ...(crossCheck && { crossCheck }) }),
    };
    return judging as AuthenticateOptions;
  }

  #policyOf(given: object): Policy {
    const policy = this.#policies.get(given) ?? (isCompiled(given) ? given : compilePolicy(given));
    this.#policies.set(given, policy);
    return policy;
  }

  #keysOf(source: KeySource, log: Log): FindVerificationKey {
    const name = nameKeySource(source);
    const kept = name === undefined ? undefined : this.#keys.get(name);
    if (kept !== undefined) return kept;
    const find = keysOf(source, (reason) => log({ decision: "failed", code: "keys_unavailable", reason }));
    if (name !== undefined) this.#keys.set(name, find);
    return find;
  }

  #secretsOf(policy: Policy, options: Members): Secrets | undefined {
    const { secrets: given } = options;
    if (given === undefined) return undefined;
    const ofPolicy = this.#secrets.get(policy) ?? new WeakMap<object, Secrets>();
    this.#secrets.set(policy, ofPolicy);
    const find =
      typeof given === "function" ? (given as ReadSecret) : (name: string) => (given as Record<string, unknown>)[name];
    const secrets = ofPolicy.get(given) ?? (isWithoutEdge(options) ? loadSecrets : loadHeldSecrets)(policy, find);
    ofPolicy.set(given, secrets);
    return secrets;
  }
}

const SUBJECTS: Readonly<Record<Kind, string>> = { guard: "countersign()", verifier: "createVerifier()" };

/** The default of `onDecision`. */
export function printDecision(line: LogLine): void {
  console.log(formatLogLine(stampLine(line, Date.now())));
}

/** Returns true for a compiled policy. A policy document comes from JSON, so it has no functions. */
function isCompiled(policy: object): policy is Policy {
  return typeof (policy as Partial<Policy>).findRival === "function";
}

function findRouteProblems({ routes }: Policy, { route, servesEveryRoute }: Members): string[] {
  if (route === undefined)
    return servesEveryRoute === true
      ? []
      : ["/route: is missing: the policy's route that your code serves, or servesEveryRoute: true for all of them"];
  if (servesEveryRoute === true) return ["/route: cannot be combined with servesEveryRoute"];
  const paths = routes.map(({ path }) => path);
  return paths.includes(route) ? [] : [`/route: is not a route of the policy, which has ${paths.join(", ")}`];
}
