// Says how strictly the mutation tester judges each file of core.

/**
 * Files that decide about a request. A test must notice each change that the mutation tester makes in them, or the change must be
 * listed in equivalent.json.
 */
export const DECIDING: readonly string[] = [
  "admission/admit",
  "admission/basic",
  "admission/body",
  "admission/credential",
  "admission/token",
  "assertion/assertion",
  "assertion/es256",
  "delivery/delivery",
  "delivery/receive",
  "delivery/signed-headers",
  "handshake/question",
  "handshake/schemes",
  "policy/allowlist",
  "policy/deny-list",
  "policy/handshake-keys",
  "policy/matcher",
  "policy/policy",
  "policy/route-rivals",
  "request/host",
  "request/quotes",
  "request/strict-json",
  "request/target",
  "signature/key",
  "signature/read",
  "signature/schemes",
  "signature/signed-request",
  "signature/verify",
  "trust/authorities",
  "revocation/keeping",
  "revocation/source",
  "trust/issuer",
  "trust/path",
  "trust/presented-again",
  "revocation/revocation",
  "trust/verify",
  "weak-cache",
  "x509/algorithms",
  "x509/issuance",
  "x509/name-constraints",
  "x509/subtree",
].map((name) => `core/${name}.ts`);

/**
 * In each file of core that is not in DECIDING, tests must notice at least this percentage of the changes. A change that is listed
 * in equivalent.json counts as noticed.
 */
export const NOTICED_ELSEWHERE_PERCENT = 90;

/**
 * Files that do not reach NOTICED_ELSEWHERE_PERCENT yet. If no test notices a change in one of them, the change is printed, but the
 * run does not fail. Do not add any more files to this list.
 */
export const PENDING: readonly string[] = [
  "policy/compile",
  "policy/schema",
  "signature/body-respellings",
  "signature/diagnose",
  "revocation/authorities",
  "wire",
  "x509/encoded-values",
  "x509/legacy-texts",
].map((name) => `core/${name}.ts`);

/** Returns the changed files of core. The files of DECIDING come first, the files of PENDING come last. */
export function changedFiles(changed: readonly string[]): readonly string[] {
  const rank = (file: string) => (PENDING.includes(file) ? 2 : DECIDING.includes(file) ? 0 : 1);
  return changed.filter((file) => /^core\/.+\.ts$/.test(file)).sort((a, b) => rank(a) - rank(b));
}
