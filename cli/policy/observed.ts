// `countersign policy observed` prints the certificates that were presented at observed routes, the entries that accept them, and
// notes on what to consider before an entry is used.

import { rootCertificates } from "node:tls";
import { type Certificate, formatPem, parseCertificate } from "../../core/x509/certificate.ts";
import { CLIENT_AUTH } from "../../core/x509/certificate-extensions.ts";
import { foldName } from "../../core/x509/distinguished-name.ts";
import { OBSERVATIONS } from "../../origin/service/observations.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { parseOptions, UsageError } from "../command.ts";
import { type Observation, readObservations } from "../log/observations.ts";
import { type Line, print, printJson, printText } from "../output.ts";
import { bad, good, tabulate, whole } from "../table.ts";
import { matcherFor, ONLY_BY_DIGEST } from "./draft.ts";
import { compilePolicyFile } from "./load.ts";

const OPTIONS = {
  policy: { type: "string" },
  route: { type: "string" },
  pem: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

const EXPIRES_SOON_DAYS = 45;
const DAY_SECONDS = 86_400;

interface Row {
  readonly route: string;
  readonly at: string | undefined;
  readonly verdict: string;
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly matcher: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

export function showObserved(args: string[]): number {
  const { values, positionals } = parseOptions(args, OPTIONS, true);
  const files = positionals.length > 0 ? positionals : [OBSERVATIONS];
  const observations = files
    .flatMap(readObservations)
    .filter(({ route }) => values.route === undefined || route === values.route);
  if (values.pem !== undefined) {
    if (values.json) throw new UsageError("--json has no effect beside --pem, which prints PEM");
    printText(pemOf(observations, values.pem.replaceAll(":", "").toLowerCase()));
    return 0;
  }
  const now = Math.floor(Date.now() / 1000);
  const rows = observations.map((observation, index) => describe(observation, observations.slice(0, index), now));
  if (values.json) printJson({ observed: rows });
  else print(formatRows(rows, namesFor(values.policy, positionals)));
  return 0;
}

/** Standard input cannot be read again, so the printed command has a placeholder. */
const fileOf = (log: string) => (log === "-" ? "LOG" : shellWord(log));

/** The parts of the printed commands that are taken from the policy and from the logs. */
interface Names {
  /** The option `--policy` with the file, as a text for a command. A space comes first. Empty if no policy is given. */
  readonly option: string;
  /** The names of the logs that were read, as a text for a command. A space comes before each name. */
  readonly from: string;
  senderOf(route: string): string;
}

/**
 * Returns the names for the printed commands. If no policy is given, or if the route does not have exactly one sender, the commands
 * contain a placeholder for the sender.
 * @throws UsageError, ConfigurationError
 */
function namesFor(file: string | undefined, logs: readonly string[]): Names {
  const from = logs.map((log) => ` ${fileOf(log)}`).join("");
  if (file === undefined) return { option: "", from, senderOf: () => "NAME" };
  const { routes } = compilePolicyFile(file);
  return {
    option: ` --policy ${shellWord(file)}`,
    from,
    senderOf(path) {
      const [sender, ...others] = routes.find((route) => route.path === path)?.senders ?? [];
      return sender === undefined || others.length > 0 ? "NAME" : sender.name;
    },
  };
}

/**
 * Finds the only observed certificate whose SHA-256 begins with this prefix. Returns this certificate and its intermediates in PEM.
 */
function pemOf(observations: readonly Observation[], prefix: string): string {
  const found = new Map(
    observations
      .filter(({ certificate }) => certificate.leaf.sha256.startsWith(prefix))
      .map(({ certificate }) => [certificate.leaf.sha256, certificate]),
  );
  const [certificate] = found.values();
  if (certificate === undefined || found.size > 1)
    throw new UsageError(`--pem ${prefix}: ${found.size} certificates have a SHA-256 that begins like this`);
  return [certificate.leaf, ...certificate.intermediates].map(({ base64 }) => formatPem(base64)).join("");
}

function describe(observation: Observation, earlier: readonly Observation[], now: number): Row {
  const { route, at, verdict, certificate } = observation;
  const { leaf } = certificate;
  return {
    route,
    at,
    verdict,
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    names: namesOf(leaf),
    notBefore: formatDay(leaf.notBefore),
    notAfter: formatDay(leaf.notAfter),
    sha256: leaf.sha256,
    spkiSha256: leaf.spkiSha256,
    matcher: leaf.subject.length > 0 || leaf.isCa ? matcherFor(leaf) : { san: sanOf(leaf), issuer: leaf.issuerText },
    warnings: [...warningsOf(observation, now), ...comparisons(leaf, earlier)],
  };
}

function* warningsOf({ certificate, isProven, isReason }: Observation, now: number): Generator<string> {
  const { leaf, intermediates } = certificate;
  if (!isReason)
    yield "the request was accepted by other factors, and no certificate was required, so the verdict says nothing about this certificate";
  if (!isProven)
    yield "not proven: it was not certified by an anchor of the route's senders, so anybody may have made it. Add the CA if you know that it is the sender's";
  if (leaf.isCa) yield `a CA certificate, ${ONLY_BY_DIGEST}. Nothing that this CA issued is accepted by this entry`;
  if (isPublic(leaf, intermediates))
    yield "public CA: it certifies others too, so never accept less than the whole subject, and compare it with what the sender publishes";
  if ([leaf.subjectText, ...namesOf(leaf)].some((name) => name.includes("*")))
    yield "a * in its name: the * matches only a *, and no other name";
  if (leaf.extendedKeyUsage?.includes(CLIENT_AUTH) !== true)
    yield leaf.extendedKeyUsage === undefined
      ? "no extended key usage: it may be a certificate for any use"
      : "its extended key usage lacks clientAuth: it is refused, ask the sender for one that has it";
  const days = Math.floor((leaf.notAfter - now) / DAY_SECONDS);
  if (days < 0) yield `expired on ${formatDay(leaf.notAfter)}: it is refused`;
  else if (days <= EXPIRES_SOON_DAYS) yield `expires in ${days} days: ask the sender for the next one, and accept both`;
}

function* comparisons(leaf: Certificate, earlier: readonly Observation[]): Generator<string> {
  const others = earlier.map(({ certificate }) => certificate.leaf).filter(({ sha256 }) => sha256 !== leaf.sha256);
  const sameKey = others.findLast(({ spkiSha256 }) => spkiSha256 === leaf.spkiSha256);
  if (sameKey !== undefined) yield `key unchanged since ${sameKey.sha256.slice(0, 16)}: a renewal of the same sender`;
  const sameName = others.findLast(({ subjectText }) => subjectText === leaf.subjectText);
  if (sameName !== undefined && sameKey === undefined)
    yield `the subject of ${sameName.sha256.slice(0, 16)} with another key: a renewal, or somebody else`;
}

const publicNames = new Set<string>();

/**
 * Returns true if a public root in Node's store is the issuer of the certificate or of one of its intermediates. Compares only the
 * names.
 */
function isPublic(leaf: Certificate, intermediates: readonly Certificate[]): boolean {
  if (publicNames.size === 0) {
    for (const pem of rootCertificates) {
      const root = parseRoot(pem);
      if (root !== undefined) publicNames.add(foldName(root.subject));
    }
  }
  return [leaf, ...intermediates].some(({ foldedIssuer }) => publicNames.has(foldedIssuer));
}

/** Returns undefined for some public roots, because our parser refuses them. */
function parseRoot(pem: string): Certificate | undefined {
  try {
    return parseCertificate(pem.replace(/-----[A-Z ]+-----|\s+/g, ""));
  } catch {
    return undefined;
  }
}

function namesOf({ subjectAltNames }: Certificate): string[] {
  return subjectAltNames.flatMap((name) => ("value" in name ? [`${name.kind}:${name.value}`] : []));
}

function sanOf({ subjectAltNames }: Certificate): Record<string, string[]> {
  const san: Record<string, string[]> = {};
  for (const name of subjectAltNames) {
    if ("value" in name) san[name.kind] = [...(san[name.kind] ?? []), name.value];
  }
  return san;
}

function formatDay(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

function formatRows(rows: readonly Row[], names: Names): Line[] {
  if (rows.length === 0) return ["no certificate was observed yet"];
  return rows.flatMap((row, index) => [...(index === 0 ? [] : [""]), ...formatRow(row, names)]);
}

function formatRow(row: Row, { option, from, senderOf }: Names): Line[] {
  const short = row.sha256.slice(0, 16);
  const verdict = row.verdict === "accepted" ? good(row.verdict) : bad(row.verdict);
  return [
    ...tabulate([[row.route, verdict, row.at === undefined ? "" : `first seen ${row.at}`]]),
    ...tabulate([
      ["  subject", row.subject],
      ["  issuer", row.issuer],
      ...(row.names.length > 0 ? [["  names", row.names.join(", ")]] : []),
      ["  valid", `${row.notBefore} to ${row.notAfter}`],
      ["  sha256", row.sha256],
      ["  key", row.spkiSha256],
      ...row.warnings.map((warning) => ["  note", warning]),
      ["  matcher", whole(JSON.stringify(row.matcher))],
      [
        "  accept",
        whole(
          `countersign policy observed${from} --pem ${short} > ${short}.pem && countersign policy add${option} --sender ${senderOf(row.route)} --route ${shellWord(row.route)} --certificate ${short}.pem`,
        ),
      ],
    ]),
  ];
}
