// The edge's configuration: variables and secrets of the Worker. They are checked together, and imported once per isolate.

import type { Secrets } from "../core/admission/candidate.ts";
import { describeMissing, readAvailableSecrets } from "../core/admission/secrets.ts";
import { importSigningKeys, type SigningKeys } from "../core/assertion/keys.ts";
import { ConfigurationError, describeIssues } from "../core/configuration-error.ts";
import { check, list, notEmpty, openObject, optional, or, string, whole } from "../core/form.ts";
import { readForm } from "../core/form-reading.ts";
import { compilePolicyInWords } from "../core/policy/compile.ts";
import type { Policy, Route, Sender } from "../core/policy/policy.ts";
import { codeOf, PolicyError, type PolicyProblem, type TellProblem } from "../core/policy/problem.ts";
import { wordsOf } from "../core/policy/words.ts";
import { isUrl } from "../core/revocation/source.ts";
import { isHttpsOrLoopback } from "../core/url.ts";
import type { EventQueue } from "./bindings.ts";
import { CrlCache } from "./crls/cache.ts";
import type { CrlNamespace } from "./crls/refresh.ts";

/**
 * The variables, secrets and bindings of the Worker. wrangler.toml explains them. Their types are not known, because a deployment
 * may lack any of them. The first request reports all that are missing.
 */
export interface EdgeBindings {
  readonly HOSTS?: unknown;
  readonly ISSUER?: unknown;
  readonly AUDIENCE?: unknown;
  readonly ORIGIN_URL?: unknown;
  readonly SIGNING_KEYS?: unknown;
  /** The KV namespace of the revocation lists. It is needed if the policy names sources of revocation lists. */
  readonly CRLS?: unknown;
  /** The queue, and the R2 bucket for large bodies and dead letters. They are needed if a route of the policy queues. */
  readonly EVENTS?: unknown;
  readonly BODIES?: unknown;
  readonly RETRY_SECONDS?: unknown;
  /** A dataset of Analytics Engine. If it is bound, each decision is written to it as a data point. */
  readonly DECISIONS?: unknown;
  /** The secrets that the policy names. */
  readonly [secret: string]: unknown;
}

/** Two delays: the delay after the first failed attempt, which doubles after each further attempt, and the longest delay. */
export type RetrySeconds = readonly [first: number, longest: number];

/** 72 retries take three days: nine in the first hour and a half, and then one per hour. */
export const DEFAULT_RETRY_SECONDS: RetrySeconds = [10, 3600];

export interface Edge {
  /** The hosts in lower case, as in `URL.host`, with the port unless it is 443. */
  readonly hosts: ReadonlySet<string>;
  readonly issuer: string;
  readonly audience: string;
  /** Scheme, host and port of the origin. */
  readonly originUrl: string;
  readonly keys: SigningKeys;
  readonly policy: Policy;
  readonly secrets: Secrets;
  /**
   * The routes that lack a secret or a binding, each with a list of what it lacks. These routes refuse every request. Other routes
   * are not affected.
   */
  readonly lacks: ReadonlyMap<Route, readonly string[]>;
  /** Undefined if the policy names no revocation lists. */
  readonly crls: CrlCache | undefined;
  /** Undefined if no queue is bound. It is always defined if a route queues and is not in `lacks`. */
  readonly queue: EventQueue | undefined;
  readonly retrySeconds: RetrySeconds;
}

/**
 * Compiles the policy for the edge. It is for programs that print the policy's problems in words.
 * @throws ConfigurationError, also if the policy needs something that only an origin can do
 */
export function compileEdgePolicy(document: unknown): Policy {
  return compileInWords(document, wordsOf);
}

/**
 * Compiles the policy in the worker. In the error, problems are codes, because the worker's bundle does not contain the words for
 * them.
 */
export function compileDeployedPolicy(document: unknown): Policy {
  return compileInWords(document, codeOf);
}

function compileInWords(document: unknown, tell: TellProblem): Policy {
  const policy = compilePolicyInWords(document, tell);
  requireFetchedLists(policy, tell);
  return policy;
}

/**
 * Checks that an edge can do everything that the policy needs.
 * @throws ConfigurationError that lists what an edge cannot do
 */
export function requireEdgePolicy(policy: Policy): void {
  requireFetchedLists(policy, wordsOf);
}

function requireFetchedLists({ anchors }: Policy, tell: TellProblem): void {
  const problems = anchors.flatMap(({ name, revocation }) =>
    (revocation?.sources ?? []).flatMap((source, index): PolicyProblem[] =>
      isUrl(source) ? [] : [{ at: ["anchors", name, "crls", "sources", index], code: "source_is_file" }],
    ),
  );
  if (problems.length > 0) throw new PolicyError(problems, tell);
}

const isOrigin = (text: string): boolean => URL.parse(text)?.origin === text;

const host = string(
  check(
    (text) => text !== "" && URL.parse(`https://${text}`)?.host === text,
    "a host name in lower case, with the port if it is not 443",
  ),
);
/**
 * The longest delay that may be configured. deliver.ts makes a delay up to a quarter longer, so the 72 retries of wrangler.toml
 * take less than twelve days. The queue deletes a message after fourteen days, without a dead letter.
 */
const delaySeconds = whole(1, 10_800);
const RETRY_SECONDS_FORM = "the first delay and the longest, in seconds";
/** The form of the variables and secrets that every edge needs, with any policy. */
export const BindingsSchema = openObject(
  {
    HOSTS: or(list(host, notEmpty()), "a list of host names"),
    ISSUER: or(
      string(check((text) => isOrigin(text) && text.startsWith("https://"), "https://HOST without a path")),
      "an https URL",
    ),
    AUDIENCE: or(string(notEmpty()), "a text"),
    ORIGIN_URL: or(
      string(
        check(
          // Plain HTTP to loopback is accepted for a local edge with an origin on the same machine.
          (text) => isOrigin(text) && isHttpsOrLoopback(new URL(text)),
          "https://HOST without a path (http:// only to loopback)",
        ),
      ),
      "an https URL",
    ),
    SIGNING_KEYS: or(string(notEmpty()), "a secret: the private JWK Set of `countersign keys new`"),
    RETRY_SECONDS: optional(
      or(
        list(
          delaySeconds,
          check(({ length }) => length === 2, RETRY_SECONDS_FORM),
        ),
        RETRY_SECONDS_FORM,
      ),
    ),
  },
  "dropped",
);

/**
 * Checks the bindings and imports the keys. If something is missing that only some routes need, `lacks` names it, and the other
 * routes work.
 * @throws ConfigurationError that lists every problem, if something is missing or malformed that every route needs
 */
export async function loadEdge(bindings: EdgeBindings, policy: Policy): Promise<Edge> {
  const read = readForm(BindingsSchema, bindings);
  const problems = describeIssues(read.problems);
  const keys = await importKeys(bindings.SIGNING_KEYS, problems);
  const { secrets, missing } = readAvailableSecrets(policy, (name) => bindings[name]);
  const ofLists: string[] = [];
  const ofQueue: string[] = [];
  const kv = findCrlStore(bindings, policy, ofLists);
  const queue = findEventQueue(bindings, policy, ofQueue);
  const lacks = new Map<Route, readonly string[]>();
  for (const route of policy.routes) {
    const lacking = [
      ...route.senders.flatMap((sender) => describeMissing(sender, missing)),
      ...(route.senders.some(asksLists) ? ofLists : []),
      ...(route.isQueued ? ofQueue : []),
    ];
    if (lacking.length > 0) lacks.set(route, lacking);
  }
  if (read.output === undefined || keys === undefined || problems.length > 0)
    throw new ConfigurationError("bindings", [...problems, ...new Set([...lacks.values()].flat())]);
  const { HOSTS, ISSUER, AUDIENCE, ORIGIN_URL, RETRY_SECONDS } = read.output;
  const crls = kv && new CrlCache(kv, policy);
  const hosts = new Set(HOSTS);
  const shared = {
    issuer: ISSUER,
    audience: AUDIENCE,
    originUrl: ORIGIN_URL,
    retrySeconds: (RETRY_SECONDS as unknown as RetrySeconds | undefined) ?? DEFAULT_RETRY_SECONDS,
  };
  return { ...shared, hosts, keys, policy, secrets, lacks, crls, queue };
}

/** True if an anchor of the sender has a rule for revocation lists. */
function asksLists({ certificate }: Sender): boolean {
  return certificate?.trust.anchors.some(({ revocation }) => revocation !== undefined) ?? false;
}

/**
 * Returns the KV namespace of the lists, or undefined if the policy names no lists. If the namespace is missing, adds a problem to
 * `problems`.
 */
export function findCrlStore({ CRLS }: EdgeBindings, policy: Policy, problems: string[]): CrlNamespace | undefined {
  if (policy.crlSources.length === 0) return undefined;
  const isNamespace = hasMembers(CRLS, "getWithMetadata", "put");
  if (!isNamespace) problems.push("/CRLS: a KV namespace, because the policy names revocation lists");
  return isNamespace ? (CRLS as CrlNamespace) : undefined;
}

/**
 * Returns the queue, if it is bound. It may be bound even if no route queues any more, because messages that still wait in it must
 * be delivered. If a route queues and a binding is missing, adds a problem to `problems`.
 */
export function findEventQueue({ EVENTS, BODIES }: EdgeBindings, policy: Policy, problems: string[]) {
  const hasQueue = hasMembers(EVENTS, "send");
  const hasBucket = hasMembers(BODIES, "get", "put", "delete", "list");
  if (policy.routes.some(({ isQueued }) => isQueued)) {
    if (!hasQueue) problems.push("/EVENTS: a queue, because a route has delivery: queue");
    if (!hasBucket) problems.push("/BODIES: an R2 bucket, because a route has delivery: queue");
  }
  return hasQueue && hasBucket ? ({ events: EVENTS, bodies: BODIES } as EventQueue) : undefined;
}

function hasMembers(binding: unknown, ...names: readonly string[]): boolean {
  return typeof binding === "object" && binding !== null && names.every((name) => name in binding);
}

async function importKeys(secret: unknown, problems: string[]): Promise<SigningKeys | undefined> {
  if (typeof secret !== "string" || secret === "") return undefined;
  try {
    return await importSigningKeys(JSON.parse(secret));
  } catch (error) {
    // The error of `JSON.parse` is not used, because it would quote its input, which is a secret.
    problems.push(
      ...(error instanceof ConfigurationError
        ? error.problems.map((problem) => `/SIGNING_KEYS${problem}`)
        : ["/SIGNING_KEYS: not JSON"]),
    );
    return undefined;
  }
}
