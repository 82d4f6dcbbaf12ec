// countersign policy: checks, shows and extends a policy file.

import { ConfigurationError } from "../core/configuration-error.ts";
import { formatDistinguishedName } from "../core/distinguished-name.ts";
import type { Policy } from "../core/policy.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { type Command, parseOptions, UsageError } from "./command.ts";
import { formatJson, readJson } from "./files.ts";
import { extendPolicy } from "./policy-addition.ts";
import { formatPresets } from "./preset-text.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  preset: { type: "string" },
  anchor: { type: "string", multiple: true },
  sender: { type: "string" },
  certificate: { type: "string", multiple: true },
  match: { type: "string", default: "name" },
  route: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export const command: Command = {
  summary: "check, show and extend the policy file",
  help: `
countersign policy check [--policy FILE]   name every problem, or say that there is none
countersign policy show  [--policy FILE]   routes, senders, anchors with their dates, digest
countersign policy add   [--policy FILE]   add, all at once or one by one, and keep the file only if it is sound:
    --preset NAME             a known sender in full: anchors, accepted certificates, signature, route;
                              --sender and --route name it otherwise, --anchor and --certificate complete it
    --anchor NAME=FILE        a CA certificate in PEM; with --sender also an anchor of that sender's trust
    --sender NAME --certificate FILE [--match name|key|certificate]
                              accept this certificate from the sender (made if it is new):
                              by subject and issuer, by key, or this very certificate
    --route PATH              with --sender: the sender may POST there
countersign policy presets [NAME]          the known senders, or one with all that is known and not known of it

--policy defaults to policy.json. With --json the result is one JSON document.
`,
  run([action, ...args]) {
    const { values, positionals } = parseOptions(args, OPTIONS, action === "presets");
    if (action === "presets") return Promise.resolve(presets(positionals, values.json));
    if (action === "check" || action === "show") return Promise.resolve(show(values.policy, action, values.json));
    if (action === "add") {
      const { policy, next } = extendPolicy(values.policy, {
        preset: values.preset,
        anchors: values.anchor ?? [],
        sender: values.sender,
        certificates: values.certificate ?? [],
        match: values.match,
        route: values.route,
      });
      process.stdout.write(
        values.json
          ? formatJson({ ...summarize(policy), next })
          : `${values.policy} written\n${formatSummary(summarize(policy))}${formatSteps(next)}`,
      );
      return Promise.resolve(0);
    }
    throw new UsageError("policy check, show, add or presets; see countersign policy --help");
  },
};

function presets(names: readonly string[], asJson: boolean): number {
  if (names.length > 1) throw new UsageError("policy presets takes one name at most");
  process.stdout.write(formatPresets(names[0], asJson));
  return 0;
}

function formatSteps(steps: readonly string[]): string {
  return steps.length === 0 ? "" : `\nnext steps\n${steps.map((step) => `  - ${step}`).join("\n")}\n`;
}

function show(file: string, action: "check" | "show", asJson: boolean): number {
  try {
    const policy = compilePolicy(readJson(file));
    const summary = summarize(policy);
    if (asJson) process.stdout.write(formatJson({ ok: true, problems: [], ...summary }));
    else
      process.stdout.write(
        action === "check"
          ? `${file} is sound: ${policy.routes.length} route(s), digest ${policy.digest}\n`
          : formatSummary(summary),
      );
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !asJson) throw error;
    process.stdout.write(formatJson({ ok: false, problems: error.problems }));
    return 2;
  }
}

function summarize({ routes, senders, anchors, digest }: Policy) {
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
    senders: senders.map(({ name, certificate, signature, basic }) => ({
      name,
      factors: [
        ...(certificate === undefined ? [] : ["certificate"]),
        ...(signature === undefined ? [] : ["signature"]),
        ...(basic.length === 0 ? [] : ["basic"]),
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
      ...(revocation !== undefined && { crls: revocation }),
    })),
  };
}

function formatSummary({ digest, routes, senders, anchors }: ReturnType<typeof summarize>): string {
  const lines = [
    `policy ${digest}`,
    ...routes.map(
      (route) =>
        `route   ${route.methods.join(",")} ${route.path}  senders ${route.senders.join(", ")}  ${route.mode}  body up to ${route.maxBodyBytes} bytes`,
    ),
    ...senders.map(
      (sender) =>
        `sender  ${sender.name}  requires ${sender.factors.map((factor) => describeFactor(factor, sender)).join(" and ")}`,
    ),
    ...anchors.map(
      (anchor) =>
        `anchor  ${anchor.name}  ${anchor.subject}  until ${anchor.notAfter}${anchor.crls === undefined ? "" : `  ${anchor.crls.freshness} lists of ${anchor.crls.sources.join(", ")}`}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function describeFactor(factor: string, sender: ReturnType<typeof summarize>["senders"][number]): string {
  if (factor === "signature") return `a signature (${sender.scheme})`;
  if (factor === "basic") return "Basic credentials";
  const proof = [...sender.anchors, ...(sender.platform ? ["the platform"] : [])].join(", ");
  return `one of ${sender.certificates} accepted certificate(s) proven by ${proof}`;
}
