// Functions for many suites. Some of these functions expect a refusal. Others make a policy for one certificate.

import assert from "node:assert/strict";
import { admitByCertificate } from "../../../core/admission/admit.ts";
import { ConfigurationError } from "../../../core/configuration-error.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type CertificateMatcher, compileCertificateMatcher } from "../../../core/policy/matcher.ts";
import type { Policy, Route } from "../../../core/policy/policy.ts";
import { Refusal, type RefusalCode } from "../../../core/refusal.ts";
import { NO_LISTS, type RevocationLists } from "../../../core/revocation/revocation.ts";
import { type ProvenCertificate, verifyTrust } from "../../../core/trust/verify.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { type PlatformVerdict, parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import type { CertificateName, CrlName, Fixtures } from "../fixtures/fixtures.ts";

export type { CertificateName, CrlName, Fixtures };
/** Test cases by name. Each runs in Node and in workerd. */
export type Cases = Readonly<Record<string, (fixtures: Fixtures) => void | Promise<void>>>;

/** Calls `run`, which must throw a Refusal with this code. Returns the Refusal. */
export function refused(code: RefusalCode, run: () => unknown): Refusal {
  return refusalWith(code, caught(run));
}

export async function refusedLater(code: RefusalCode, promise: Promise<unknown>): Promise<Refusal> {
  return refusalWith(
    code,
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function refusalWith(code: RefusalCode, error: unknown): Refusal {
  assert.ok(error !== undefined, `expected ${code}, but nothing was refused`);
  assert.ok(error instanceof Refusal, `expected ${code}, but it threw ${error instanceof Error ? error.stack : error}`);
  assert.equal(error.code, code, JSON.stringify(error.details));
  return error;
}

/** Calls `run`, which must throw a ConfigurationError. Returns its problems. */
export function problemsOf(run: () => unknown): readonly string[] {
  return problemsIn(caught(run));
}

export async function problemsLater(promise: Promise<unknown>): Promise<readonly string[]> {
  return problemsIn(
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

function problemsIn(error: unknown): readonly string[] {
  assert.ok(error !== undefined, "expected a ConfigurationError, but nothing was thrown");
  assert.ok(error instanceof ConfigurationError, `expected a ConfigurationError, not ${error}`);
  return error.problems;
}

export function pemOf(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`;
}

export type MatcherDocument = Parameters<typeof compileCertificateMatcher>[0];

/** Returns the members of a policy entry that do not match the certificate. */
export function failuresOf(base64: string, entry: MatcherDocument, now = 0): readonly string[] {
  const matcher: CertificateMatcher = compileCertificateMatcher(entry);
  return matcher.failures(parseCertificate(base64), now);
}

export interface PolicyParts {
  readonly certificates?: readonly MatcherDocument[];
  readonly anchors?: readonly CertificateName[];
  readonly trust?: Readonly<Record<string, unknown>>;
  readonly deny?: readonly unknown[];
}

const ANY_CLIENT: MatcherDocument = { subject: { CN: "client.example" } };

/** Returns a policy document with one sender on one route. `parts` replace its default parts. */
export function policyDocument({ certificates: all }: Fixtures, parts: PolicyParts = {}) {
  const anchors = parts.anchors ?? ["root"];
  return {
    anchors: Object.fromEntries(anchors.map((name) => [name, pemOf(all[name])])),
    senders: {
      sender: {
        certificates: parts.certificates ?? [ANY_CLIENT],
        trust: { ...(anchors.length > 0 && { anchors }), ...parts.trust },
      },
    },
    routes: { "/hooks": { senders: ["sender"], methods: ["POST"] } },
    ...(parts.deny && { deny: parts.deny }),
  };
}

export interface Presented {
  readonly leaf: CertificateName;
  readonly intermediates?: readonly CertificateName[];
  readonly platform?: PlatformVerdict;
  readonly now?: number;
  readonly lists?: RevocationLists;
}

/** Presents certificates to a policy. Runs all steps up to and including verifyTrust(). */
export function present(fixtures: Fixtures, presented: Presented, policy: Policy): ProvenCertificate {
  const { certificates, now } = fixtures;
  const client = parseClientCertificate({
    leaf: certificates[presented.leaf],
    intermediates: (presented.intermediates ?? []).map((name) => certificates[name]),
    platform: presented.platform,
  });
  return verifyTrust(client, policy.senders, {
    deny: policy.deny,
    lists: presented.lists ?? NO_LISTS,
    now: presented.now ?? now,
  });
}

/** Returns the first sender that this certificate alone admits on the route. Other factors are not judged. */
export function admit(proven: ProvenCertificate, route: Route, now: number) {
  const [candidate] = admitByCertificate(proven, route.senders, now);
  assert.ok(candidate?.certified !== undefined, "no certificate");
  return { sender: candidate.sender, ...candidate.certified };
}

/** Proves certificates under a policy that is made for them. The policy has one sender, so exactly one proof is returned. */
export function prove(fixtures: Fixtures, presented: Presented, parts: PolicyParts = {}) {
  const { proofs } = present(fixtures, presented, compilePolicy(policyDocument(fixtures, parts)));
  const [proof] = proofs.values();
  assert.ok(proof !== undefined, "no proof");
  return proof;
}

/** Checks that a text is refused as a malformed certificate. If the text is not refused, the error of the test contains `what`. */
export function malformed(what: string, base64: string): void {
  try {
    refused("certificate_malformed", () => parseCertificate(base64));
  } catch (error) {
    throw new Error(what, { cause: error });
  }
}
