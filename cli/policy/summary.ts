// Summarises a policy in a few lines: routes, senders with their requirements, anchors with their dates.

import type { Policy } from "../../core/policy/policy.ts";
import { showUrl } from "../../core/url.ts";
import { formatDistinguishedName } from "../../core/x509/distinguished-name.ts";
import type { Line } from "../output.ts";
import { tabulate } from "../table.ts";

/** Returns the content of a policy, for programs and for `formatSummary`. */
export function summarize({ routes, senders, anchors, intermediates, digest }: Policy) {
  return {
    digest,
    routes: routes.map(({ path, methods, senders: admitted, shadow, isObserved, maxBodyBytes }) => ({
      path,
      methods,
      senders: admitted.map(({ name }) => name),
      ...(shadow.length > 0 && { shadow: shadow.map(({ name }) => name) }),
      mode: isObserved ? "observe" : "enforce",
      maxBodyBytes,
    })),
    senders: senders.map(({ name, certificate, signature, basic, token, body }) => ({
      name,
      factors: [
        ...(certificate === undefined ? [] : ["certificate"]),
        ...(signature === undefined ? [] : ["signature"]),
        ...(basic.length === 0 ? [] : ["basic"]),
        ...(token === undefined ? [] : ["token"]),
        ...(body.length === 0 ? [] : ["body"]),
      ],
      certificates: certificate?.allowlist.matchers.length ?? 0,
      anchors: certificate?.trust.anchors.map((anchor) => anchor.name) ?? [],
      platform: certificate?.trust.platform ?? false,
      ...(certificate !== undefined && { maxChainDepth: certificate.trust.maxChainDepth }),
      ...(signature !== undefined && { scheme: signature.scheme, secrets: signature.secrets }),
    })),
    anchors: anchors.map(({ name, certificate, revocation }) => ({
      name,
      subject: formatDistinguishedName(certificate.subject),
      sha256: certificate.sha256,
      notAfter: new Date(certificate.notAfter * 1000).toISOString(),
      ...(revocation !== undefined && { crls: { ...revocation, sources: revocation.sources.map(showUrl) } }),
    })),
    ...(intermediates.length > 0 && {
      intermediates: intermediates.map(({ name, certificate }) => ({
        name,
        subject: formatDistinguishedName(certificate.subject),
        sha256: certificate.sha256,
        notAfter: new Date(certificate.notAfter * 1000).toISOString(),
      })),
    }),
  };
}

export function formatSummary({
  digest,
  routes,
  senders,
  anchors,
  intermediates = [],
}: ReturnType<typeof summarize>): Line[] {
  return [
    `policy ${digest}`,
    ...tabulate([
      ...routes.map(({ methods, path, senders: names, mode, maxBodyBytes }) => [
        "route",
        `${methods.join(",")} ${path}`,
        `senders ${names.join(", ")}  ${mode}  body up to ${maxBodyBytes} bytes`,
      ]),
      ...senders.map((sender) => [
        "sender",
        sender.name,
        `requires ${sender.factors.map((factor) => describeFactor(factor, sender)).join(" and ")}`,
      ]),
      ...anchors.map(({ name, subject, notAfter, crls }) => [
        "anchor",
        name,
        `${subject}  until ${notAfter}${crls === undefined ? "" : `  ${crls.freshness} lists of ${crls.sources.join(", ")}`}`,
      ]),
      ...intermediates.map(({ name, subject, notAfter }) => ["intermediate", name, `${subject}  until ${notAfter}`]),
    ]),
  ];
}

function describeFactor(factor: string, sender: ReturnType<typeof summarize>["senders"][number]): string {
  if (factor === "signature") return `a signature (${sender.scheme})`;
  if (factor === "basic") return "Basic credentials";
  if (factor === "token") return "a token";
  if (factor === "body") return "values of the body";
  const proof = [...sender.anchors, ...(sender.platform ? ["the platform"] : [])].join(", ");
  return `one of ${sender.certificates} accepted certificate(s) proven by ${proof}`;
}
