// How strictly the mutation tester judges each file of core.

/** Files that decide about a request. Each change in them must be noticed, or be listed as equivalent. */
export const DECIDING: readonly string[] = [
  "admit",
  "algorithms",
  "allowlist",
  "assertion",
  "authorities",
  "basic",
  "certificate-matcher",
  "crl-keeping",
  "crl-source",
  "delivery",
  "es256",
  "name-constraints",
  "path",
  "path-checks",
  "policy",
  "presented-again",
  "presented-signatures",
  "request-host",
  "request-target",
  "revocation",
  "route-rivals",
  "signature",
  "signature-key",
  "signature-schemes",
  "signed-headers",
  "signed-request",
  "subtree",
  "trust",
].map((name) => `core/${name}.ts`);

/** Of the changes in every other file of core, so many of a hundred must be noticed. */
export const NOTICED_ELSEWHERE_PERCENT = 90;

/** Files that are not yet that good. Their survivors are printed, and fail no run. A file that is left out here stays out. */
export const PENDING: readonly string[] = [
  "body-respellings",
  "crl-authorities",
  "encoded-values",
  "legacy-texts",
  "policy-compiler",
  "policy-remedies",
  "policy-schema",
  "signature-diagnosis",
  "wire",
].map((name) => `core/${name}.ts`);

/** The files of core among those that changed: those that decide first, those that are not yet good enough last. */
export function changedFiles(changed: readonly string[]): readonly string[] {
  const rank = (file: string) => (PENDING.includes(file) ? 2 : DECIDING.includes(file) ? 0 : 1);
  return changed.filter((file) => /^core\/[^/]+\.ts$/.test(file)).sort((a, b) => rank(a) - rank(b));
}
