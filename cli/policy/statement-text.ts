// Formats the statement of a policy in words that somebody can sign. Every text from the policy is in quotes, so that nobody
// mistakes such a text for our own words.

import type { PolicyDocument } from "../../core/policy/schema.ts";
import { placeOfToken } from "../../origin/token-place.ts";
import type { Line } from "../output.ts";
import { tabulate } from "../table.ts";
import type { AcceptedEntry, Currency, Statement } from "./statement.ts";

type Routes = Statement["routes"];
type Senders = Statement["senders"];
type Anchors = Statement["anchors"];

export function formatStatement(file: string, statement: Statement): Line[] {
  const { digest, at, routes, senders, anchors, intermediates = [], deny } = statement;
  return [
    `${file}, as of ${at}`,
    `digest ${digest}`,
    "",
    "A request is admitted on these routes alone, and only as one of the senders of its route.",
    ...routes.flatMap((route) => ["", ...formatRoute(route)]),
    ...senders.flatMap((sender) => ["", ...formatSender(sender)]),
    ...anchors.flatMap((anchor) => ["", ...formatAnchor(anchor)]),
    ...formatIntermediates(intermediates),
    "",
    ...formatDenied(deny.map(({ entry }) => entry)),
  ];
}

function formatRoute({
  path,
  methods,
  senders,
  shadow = [],
  mode,
  maxBodyBytes,
  delivery,
  answer,
  headers,
}: Routes[number]) {
  const order = senders.map((name, index) => `${index + 1}. ${name}`).join("  ");
  return [
    `route ${quote(path)}, ${methods.join(", ")}`,
    ...tabulate([
      ["  senders", `${order}${senders.length > 1 ? "  (the first whose every check passes)" : ""}`],
      [
        "  mode",
        mode === "observe"
          ? "observe: whoever is not admitted is refused, and each certificate is recorded"
          : "enforce: whoever is not admitted is refused",
      ],
      ...(shadow.length === 0
        ? []
        : [
            [
              "  observed",
              `${shadow.join(", ")}: judged in the place of the senders and only logged; nobody is admitted by it`,
            ],
          ]),
      ["  body", `at most ${maxBodyBytes} bytes`],
      ...(headers.length === 0 ? [] : [["  forwarded", `${headers.map(quote).join(", ")}, beside the usual headers`]]),
      ["  answer", answerOf(delivery, answer)],
    ]),
  ];
}

function answerOf(delivery: string, answer: Statement["routes"][number]["answer"]): string {
  if (delivery === "queue") return "202 once the event is in the edge's queue";
  if (typeof answer === "object") {
    const { status, type, body } = answer;
    const content =
      body === undefined ? "without a body" : `and ${quote(body)}${type === undefined ? "" : ` as ${type}`}`;
    return `${status} ${content}, once the event is stored`;
  }
  return answer === "handler" ? "what the handler answers" : "202 once the event is stored";
}

function formatSender(sender: Senders[number]): Line[] {
  const { name, routes, shadowOf, factors, about, basic, token, body, handshake } = sender;
  const where = routes.length === 0 ? "no route admits it" : `on ${routes.map(quote).join(", ")}`;
  const also = shadowOf.length === 0 ? "" : `; observed only on ${shadowOf.map(quote).join(", ")}`;
  const credentials = basic.map(({ username, secret }) => `user ${quote(username)} with the secret named ${secret}`);
  return [
    `sender ${name}, ${where}${also}`,
    factors.length > 1 ? "  must prove all of this with each request:" : "  must prove this with each request:",
    ...(factors.includes("certificate") ? formatCertificate(sender) : []),
    ...(factors.includes("signature") ? formatSignature(sender) : []),
    ...(credentials.length === 0 ? [] : [`  - Basic credentials: ${credentials.join(", or ")}`]),
    ...(token === null
      ? []
      : [
          `  - a token ${placeOfToken(token)}, one of the secrets named ${token.secrets.join(" or ")}: it does not sign the body`,
        ]),
    ...body.map(
      ({ pointer, in: values }) => `  - in a JSON body at ${quote(pointer)} one of ${values.map(quote).join(", ")}`,
    ),
    ...(handshake === null ? [] : [`  gets an answer to its challenges: ${formatHandshake(handshake)}`]),
    ...(about === null ? [] : [`  about: ${formatAbout(about)}`]),
  ];
}

function formatHandshake({ scheme, secret, until }: NonNullable<Senders[number]["handshake"]>): string {
  const key = secret === undefined ? "" : `, with the secret named ${secret}`;
  return `${scheme}${key}${until === null ? "" : `, until ${until}`}`;
}

function formatCertificate({ accepts, anchors, platform, maxChainDepth, name }: Senders[number]): Line[] {
  const path = `a path to one of these CAs, of at most ${maxChainDepth} CA certificate(s): ${anchors.join(", ")}`;
  const verdict = "Cloudflare's verdict SUCCESS";
  const proof = [...(anchors.length > 0 ? [path] : []), ...(platform ? [verdict] : [])].join("; and ");
  const whose =
    accepts.length === 0
      ? "nobody's yet: no certificate is accepted, and each is refused"
      : "what one of these says, each value exact and whole:";
  return [
    "  - a client certificate",
    ...tabulate([
      ["      proven by", proof],
      ["      that is", whose],
    ]),
    ...tabulate(accepts.map((entry) => [`        ${name}/${entry.number}`, formatEntry(entry)])),
  ];
}

function formatEntry({ entry, from, until, currency }: AcceptedEntry): string {
  const { subject, issuer, san = {}, sha256, spkiSha256 } = entry;
  const names = Object.entries(san).flatMap(([kind, values = []]) => values.map((value) => `${kind} ${quote(value)}`));
  const parts = [
    ...(subject === undefined ? [] : [`subject ${formatName(subject)}`]),
    ...(issuer === undefined ? [] : [`issuer ${formatName(issuer)}`]),
    ...(names.length === 0 ? [] : [`alternative name ${names.join(" and ")}`]),
    ...(spkiSha256 === undefined ? [] : [`key with SHA-256 ${spkiSha256}`]),
    ...(sha256 === undefined ? [] : [`certificate with SHA-256 ${sha256}`]),
    ...((subject ?? issuer ?? entry.san) === undefined
      ? ["also if it is a CA certificate, and then nothing that it issued"]
      : []),
    ...(from === null ? [] : [`from ${from}`]),
    ...(until === null ? [] : [`until ${until}`]),
  ];
  return `${parts.join("; ")}${noteOf(currency)}`;
}

function noteOf(currency: Currency): string {
  if (currency === "current") return "";
  return currency === "over" ? "  (over: accepts nobody)" : "  (not yet: accepts nobody)";
}

/** Formats the name in an entry. A text is a whole name. An object lists single attributes. */
function formatName(name: NonNullable<AcceptedEntry["entry"]["subject"]>): string {
  if (typeof name === "string") return `the whole name ${quote(name)}`;
  const each = Object.entries(name).map(([type, value]) => `${type} ${[value].flat().map(quote).join(" then ")}`);
  return each.join(" and ");
}

function formatSignature({ scheme, secrets = [], accounts, retired }: Senders[number]): string[] {
  const others = Object.entries(accounts).map(
    ([id, names]) => `      account ${quote(id)}: with one of the secrets named ${names.join(", ")}`,
  );
  return [
    `  - a signature of the body, by the scheme ${scheme}${secrets.length === 0 ? "" : `, with one of the secrets named ${secrets.join(", ")}`}`,
    ...others,
    ...(retired.length === 0 ? [] : [`      refused: the secrets named ${retired.join(", ")}, which are retired`]),
  ];
}

function formatAbout(about: NonNullable<Senders[number]["about"]>): string {
  const { preset, checked, sources = [], note } = about;
  const parts = [
    ...(preset === undefined ? [] : [`preset ${quote(preset)}`]),
    ...(checked === undefined ? [] : [`checked ${quote(checked)}`]),
    ...(sources.length === 0 ? [] : [`sources ${sources.map(quote).join(", ")}`]),
    ...(note === undefined ? [] : [`note ${quote(note)}`]),
  ];
  return parts.join("; ");
}

function formatAnchor({
  name,
  subject,
  sha256,
  notBefore,
  notAfter,
  currency,
  trustedBy,
  crls,
}: Anchors[number]): Line[] {
  const dates = `${notBefore} to ${notAfter.replace(".000", "")}`;
  const state = currency === "current" ? "" : `  (${currency}: proves nothing)`;
  return [
    `CA ${name}, ${trustedBy.length === 0 ? "trusted by no sender" : `trusted for ${trustedBy.join(", ")}`}`,
    ...tabulate([
      ["  subject", quote(subject)],
      ["  valid", `${dates}${state}`],
      ["  SHA-256", sha256],
      ["  revocation", formatRevocation(crls)],
    ]),
  ];
}

function formatIntermediates(intermediates: NonNullable<Statement["intermediates"]>): Line[] {
  if (intermediates.length === 0) return [];
  const rows = intermediates.map(({ name, subject, notAfter, sha256 }) => [
    `  ${name}`,
    `${quote(subject)}, until ${notAfter.replace(".000", "")}, SHA-256 ${sha256}`,
  ]);
  return ["", "CAs that senders need not present on the path to one of those; they prove nothing:", ...tabulate(rows)];
}

function formatRevocation(crls: Anchors[number]["crls"]): string {
  if (crls === undefined) return "no list is asked for below this CA";
  const missing = crls.freshness === "require" ? "refused" : "passed, and logged";
  return `every certificate below is looked up in ${crls.sources.map(quote).join(", ")}; what a list holds is refused; without a current list it is ${missing}`;
}

function formatDenied(entries: NonNullable<PolicyDocument["deny"]>): Line[] {
  if (entries.length === 0) return ["denied: nothing"];
  return [
    "denied, of a sender or of a CA, whatever else is said of it:",
    ...tabulate(entries.map((entry, index) => [`  ${index}`, describeDenied(entry)])),
  ];
}

function describeDenied(entry: NonNullable<PolicyDocument["deny"]>[number]): string {
  if ("sha256" in entry) return `the certificate with SHA-256 ${quote(entry.sha256)}`;
  if ("spkiSha256" in entry) return `every certificate with the key of SHA-256 ${quote(entry.spkiSha256)}`;
  return `the certificate with serial number ${quote(entry.serial)} of the issuer ${quote(entry.issuer)}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
