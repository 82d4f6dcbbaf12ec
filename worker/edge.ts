// The edge's configuration: variables and secrets of the Worker, checked as a whole and imported once per isolate.

import * as v from "valibot";
import type { Secrets } from "../core/candidate.ts";
import { ConfigurationError, describeIssues, formatPointer } from "../core/configuration-error.ts";
import { isUrl } from "../core/crl-source.ts";
import { importSigningKeys, type SigningKeys } from "../core/keys.ts";
import type { Policy } from "../core/policy.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { loadSecrets } from "../core/secrets.ts";
import { CrlCache } from "./crl-cache.ts";
import type { CrlNamespace } from "./crl-refresh.ts";

/** The bindings of wrangler.toml. Unchecked: a deployment may lack any of them. */
export interface EdgeBindings {
  readonly HOSTS?: unknown;
  readonly ISSUER?: unknown;
  readonly AUDIENCE?: unknown;
  readonly ORIGIN_URL?: unknown;
  readonly SIGNING_KEYS?: unknown;
  /** The KV namespace of the revocation lists, for a policy that names sources of them. */
  readonly CRLS?: unknown;
  /** The secrets that the policy names. */
  readonly [secret: string]: unknown;
}

export interface Edge {
  /** Lower case, as a URL prints them; with the port where it is not 443. */
  readonly hosts: ReadonlySet<string>;
  readonly issuer: string;
  readonly audience: string;
  /** Scheme, host and port of the origin. */
  readonly originUrl: string;
  readonly keys: SigningKeys;
  readonly policy: Policy;
  readonly secrets: Secrets;
  /** Undefined when the policy names no revocation lists. */
  readonly crls: CrlCache | undefined;
}

/**
 * Compiles the policy that the edge is built with.
 * @throws ConfigurationError also for what only an origin could do
 */
export function compileEdgePolicy(document: unknown): Policy {
  const policy = compilePolicy(document);
  const problems = policy.anchors.flatMap(({ name, revocation }) =>
    (revocation?.sources ?? []).flatMap((source, index) =>
      isUrl(source)
        ? []
        : [`${formatPointer(["anchors", name, "crls", "sources", index])}: there are no files on the edge`],
    ),
  );
  if (problems.length > 0) throw new ConfigurationError("policy", problems);
  return policy;
}

const isOrigin = (text: string): boolean => URL.parse(text)?.origin === text;
/** Plain HTTP never leaves the machine: loopback is for an origin that runs beside a local edge. */
const isHttpsOrLoopback = (text: string): boolean =>
  /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|$))/.test(text);

const host = v.pipe(
  v.string(),
  v.check(
    (text) => text !== "" && URL.parse(`https://${text}`)?.host === text,
    "a host name in lower case, with the port if it is not 443",
  ),
);
const BindingsSchema = v.object({
  HOSTS: v.pipe(v.array(host, "a list of host names"), v.minLength(1, "must not be empty")),
  ISSUER: v.pipe(
    v.string("an https URL"),
    v.check((text) => isOrigin(text) && text.startsWith("https://"), "https://HOST without a path"),
  ),
  AUDIENCE: v.pipe(v.string("a text"), v.minLength(1, "must not be empty")),
  ORIGIN_URL: v.pipe(
    v.string("an https URL"),
    v.check(
      (text) => isOrigin(text) && isHttpsOrLoopback(text),
      "https://HOST without a path (http:// only to loopback)",
    ),
  ),
  SIGNING_KEYS: v.pipe(
    v.string("a secret: the private JWK Set of `countersign keys new`"),
    v.minLength(1, "must not be empty"),
  ),
});

/**
 * Checks the bindings and imports the keys.
 * @throws ConfigurationError that lists every problem
 */
export async function loadEdge(bindings: EdgeBindings, policy: Policy): Promise<Edge> {
  const result = v.safeParse(BindingsSchema, bindings);
  const problems = describeIssues(result.issues ?? []);
  const keys = await importKeys(bindings.SIGNING_KEYS, problems);
  const secrets = readSecrets(bindings, policy, problems);
  const kv = findCrlStore(bindings, policy, problems);
  if (!result.success || keys === undefined || secrets === undefined || problems.length > 0)
    throw new ConfigurationError("bindings", problems);
  const { HOSTS, ISSUER, AUDIENCE, ORIGIN_URL } = result.output;
  const crls = kv && new CrlCache(kv, policy);
  const hosts = new Set(HOSTS);
  return { hosts, issuer: ISSUER, audience: AUDIENCE, originUrl: ORIGIN_URL, keys, policy, secrets, crls };
}

function readSecrets(bindings: EdgeBindings, policy: Policy, problems: string[]): Secrets | undefined {
  try {
    return loadSecrets(policy, (name) => bindings[name]);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems.map((problem) => `${problem}: npx wrangler secret put`));
    return undefined;
  }
}

/** The KV namespace of the lists; undefined when none is needed, or when it is missing, which is a problem then. */
export function findCrlStore({ CRLS }: EdgeBindings, policy: Policy, problems: string[]): CrlNamespace | undefined {
  if (policy.crlSources.length === 0) return undefined;
  const isNamespace = typeof CRLS === "object" && CRLS !== null && "getWithMetadata" in CRLS && "put" in CRLS;
  if (!isNamespace) problems.push("/CRLS: a KV namespace, because the policy names revocation lists");
  return isNamespace ? (CRLS as CrlNamespace) : undefined;
}

async function importKeys(secret: unknown, problems: string[]): Promise<SigningKeys | undefined> {
  if (typeof secret !== "string" || secret === "") return undefined;
  try {
    return await importSigningKeys(JSON.parse(secret));
  } catch (error) {
    // JSON.parse quotes what it read, and this is a secret.
    problems.push(
      ...(error instanceof ConfigurationError
        ? error.problems.map((problem) => `/SIGNING_KEYS${problem}`)
        : ["/SIGNING_KEYS: not JSON"]),
    );
    return undefined;
  }
}
