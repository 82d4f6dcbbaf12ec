// Who the proxy is, when it comes over TLS: one CA file and one exact subject, judged by the engine that judges senders.

import { admitByCertificate } from "../../core/admit.ts";
import { formatPem } from "../../core/certificate.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { parseDistinguishedName } from "../../core/distinguished-name.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import type { ClientCertificate } from "../../core/presented-certificate.ts";
import { Refusal } from "../../core/refusal.ts";
import { NO_LISTS } from "../../core/revocation.ts";
import { verifyTrust } from "../../core/trust.ts";
import { readPemCertificates } from "../pem.ts";

export interface ProxyIdentity {
  /** CA certificates that may certify the proxy, in PEM. */
  readonly ca: string;
  /** The proxy's whole subject, as RFC 4514 text. */
  readonly subject: string;
}

/** @throws Refusal when the certificate is not the proxy's at `now` (Unix seconds) */
export type ProveProxy = (certificate: ClientCertificate, now: number) => void;

/**
 * Compiles the identity to a policy with one sender. A CA alone would admit everything that it ever certified.
 * @throws ConfigurationError
 */
export function compileProxyIdentity({ ca, subject }: ProxyIdentity): ProveProxy {
  const problems: string[] = [];
  const attempt = (what: string, check: () => unknown) => {
    try {
      check();
    } catch (error) {
      const cause = error instanceof Refusal ? error.details["cause"] : undefined;
      problems.push(`${what}: ${cause ?? (error instanceof Error ? error.message : error)}`);
    }
  };
  attempt("the proxy's subject", () => {
    if (parseDistinguishedName(subject).length === 0) throw new SyntaxError("it is empty");
  });
  let anchors: [string, string][] = [];
  attempt("the proxy's CA", () => {
    anchors = readPemCertificates(`${ca.trim()}\n`, "newline").map((base64, index) => [
      `ca-${index}`,
      formatPem(base64),
    ]);
    if (anchors.length === 0) throw new SyntaxError("the file is empty");
  });
  if (problems.length > 0) throw new ConfigurationError("proxy", problems);
  const policy = compilePolicy({
    anchors: Object.fromEntries(anchors),
    senders: { proxy: { certificates: [{ subject }], trust: { anchors: anchors.map(([name]) => name) } } },
    routes: { "/*": { senders: ["proxy"], methods: ["GET"] } },
  });
  return (certificate, now) => {
    const facts = { deny: policy.deny, lists: NO_LISTS, now };
    admitByCertificate(verifyTrust(certificate, policy.senders, facts), policy.senders, now);
  };
}
