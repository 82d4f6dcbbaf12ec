// Parses the option `--client-certificates`. The option says whether a listener requests a certificate from clients, for all of
// its hosts or for a single host.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { HANDSHAKE_SCHEMES } from "../../core/handshake/schemes.ts";
import { type Policy, placeOf } from "../../core/policy/policy.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { ClientCertificates } from "../../origin/node/tls/listener.ts";
import { requireCertificates } from "../../origin/node/tls/policy.ts";
import { parseChoice } from "../arguments/values.ts";
import { requireOption } from "../command.ts";
import { type Finding, warningAt } from "../policy/check/finding.ts";
import { loadPresetsOf } from "../policy/check/presets.ts";

export interface AskedOfClients {
  /** The mode of every host that `hosts` does not name. */
  readonly others: ClientCertificates;
  readonly hosts: ReadonlyMap<string, ClientCertificates>;
}

const MODES = ["request", "require", "none"] as const;

/** `values` must have one MODE, and may have any number of HOST=MODE. @throws UsageError */
export function parseClientCertificates(values: readonly string[] = []): AskedOfClients {
  const pairs = values.map((value) => value.split("=", 2) as [string, string?]);
  const [others] = pairs.findLast(([, mode]) => mode === undefined) ?? [];
  const meaning = "request, require or none; HOST=MODE besides for a host of its own";
  const parse = (mode: string) => parseChoice("--client-certificates", mode, MODES);
  return {
    others: parse(requireOption(others, "client-certificates", meaning)),
    hosts: new Map(pairs.flatMap(([host, mode]) => (mode === undefined ? [] : [[host, parse(mode)] as const]))),
  };
}

export function askedAt({ others, hosts }: AskedOfClients, host: string): ClientCertificates {
  return hosts.get(host) ?? others;
}

/**
 * Checks the modes against the hosts and the policy. `served` has the hosts of the listener, or is undefined if the listener's
 * certificates could not be read.
 * @throws ConfigurationError for a host that is not served, and for senders that no host can admit
 */
export function requireAdmissible(asked: AskedOfClients, served: readonly string[] | undefined, policy: Policy): void {
  const unknown = served === undefined ? [] : [...asked.hosts.keys()].filter((host) => !served.includes(host));
  const problems = unknown.map(
    (host) => `--client-certificates ${host}=…: no certificate has this name; served are ${served?.join(", ")}`,
  );
  const modes = new Set(served?.map((host) => askedAt(asked, host)) ?? [asked.others, ...asked.hosts.values()]);
  const needing = policy.routes
    .flatMap(({ senders }) => senders)
    .filter(({ certificate }) => certificate !== undefined);
  if (modes.size === 1 && modes.has("none") && needing.length > 0)
    problems.push(
      `--client-certificates none: no host asks for a certificate, and ${needing[0]?.name} has to present one`,
    );
  if (problems.length > 0) throw new ConfigurationError("listener", problems);
  if (modes.size === 1 && modes.has("require")) requireCertificates(policy);
}

/**
 * Warns of senders that lose events or challenges on hosts that require certificates. On such a host, a failed TLS handshake has no
 * HTTP response, so nothing asks the sender to send the event again. A challenge that comes without a certificate also fails there.
 * The document is read only if a host requires certificates.
 */
export async function inspectRequired(
  asked: AskedOfClients,
  readDocument: () => PolicyDocument | undefined,
): Promise<Finding[]> {
  const isRequired = [asked.others, ...asked.hosts.values()].includes("require");
  const document = isRequired ? readDocument() : undefined;
  if (document === undefined) return [];
  const presetOf = await loadPresetsOf(document);
  const requiring = Object.entries(document.routes).filter(([path]) => {
    const [host] = placeOf({ path });
    return host === "" || askedAt(asked, host) === "require";
  });
  return [...new Set(requiring.flatMap(([, { senders }]) => senders))].flatMap((name) => {
    const sender = document.senders[name];
    if (sender?.certificates === undefined) return [];
    const after = presetOf(sender)?.behaviour.afterRefusal;
    const isLost = after?.isFinal === true || after?.isHandshakeFinal === true;
    const remedy = "use --client-certificates request for its host";
    const problem = isLost
      ? "drops an event for good at a 4xx or if the handshake fails, and --client-certificates require lets it fail without an answer"
      : 'has a "refusal" that asks for the event again, and --client-certificates require ends the handshake without an answer';
    return [
      ...(isLost || sender.refusal?.startsWith("retry") ? [warningAt(["senders", name], problem, remedy)] : []),
      ...(isAskedWithoutCertificate(sender) ? [warningAt(["senders", name, "handshake"], UNANSWERED, remedy)] : []),
    ];
  });
}

const UNANSWERED =
  "is asked without a certificate, so with --client-certificates require its challenge gets no answer, and the URL cannot be registered";

/** Returns true if the sender presents no certificate with its challenge, although it presents one with its events. */
function isAskedWithoutCertificate({ handshake }: PolicyDocument["senders"][string]): boolean {
  return handshake !== undefined && HANDSHAKE_SCHEMES[handshake.scheme].proof === "token";
}
