// countersign policy deny: takes out the certificate of a file, by what holds whichever way it is presented.

import type { Certificate } from "../core/certificate.ts";
import { examinePolicy } from "../core/policy-examination.ts";
import { formatFinding, isFatal } from "../core/policy-finding.ts";
import { systemClock } from "../origin/clock.ts";
import { readCertificates } from "./certificate-files.ts";
import { parseOptions, UsageError } from "./command.ts";
import { parseFile, readText } from "./files.ts";
import { appendToList } from "./json-text.ts";
import { print, printJson } from "./output.ts";
import { requirePolicyObject } from "./policy-document.ts";
import { FileProblems } from "./problems.ts";
import { writeWhole } from "./written-files.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  match: { type: "string", default: "key" },
  json: { type: "boolean", default: false },
} as const;

/** The entries that deny a certificate, and what else they take out. */
const ENTRIES: Readonly<
  Record<string, (certificate: Certificate) => { entry: Record<string, string>; scope: string }>
> = {
  key: ({ spkiSha256, isCa }) => ({
    entry: { spkiSha256 },
    scope: isCa
      ? "every certificate of this CA's key, whoever issued it, and everything below it"
      : "every certificate with this key: a renewal must have a new one",
  }),
  certificate: ({ serial, issuerText: issuer, isCa }) => ({
    entry: { serial, issuer },
    scope: isCa
      ? "this certificate alone: the CA passes by another one of its key"
      : "this certificate alone: another one with the same key passes",
  }),
};

/** countersign policy deny. */
export function denyInPolicy(args: string[]): number {
  const { values, positionals } = parseOptions(args, OPTIONS, true);
  const { policy: file, match, json } = values;
  const [source] = positionals;
  if (source === undefined || positionals.length > 1) throw new UsageError("policy deny FILE: name one certificate");
  const entryFor = Object.hasOwn(ENTRIES, match) ? ENTRIES[match] : undefined;
  if (entryFor === undefined) throw new UsageError(`--match ${match} is none of ${Object.keys(ENTRIES).join(", ")}`);
  const [certificate, ...others] = readCertificates(source) as [Certificate, ...Certificate[]];
  const { entry, scope } = entryFor(certificate);
  const isNew = deny(file, certificate, entry);
  const { subjectText, issuerText, serial } = certificate;
  if (json)
    printJson({
      ...{ written: isNew, entry, scope, subject: subjectText, issuer: issuerText, serial },
      notDenied: others.map(({ subjectText: name }) => name),
    });
  else
    print([
      `${file} ${isNew ? "written" : "holds it already"}: /deny has ${JSON.stringify(entry)}`,
      `  denied   ${subjectText}, serial ${serial}, of ${issuerText}`,
      `  it is    ${scope}`,
      ...others.map(
        ({ subjectText: name }) => `  not      ${name}, which is in the file too: give it in a file of its own`,
      ),
    ]);
  return 0;
}

/** Adds the entry, unless it is there. The file changes only when the whole result is sound. */
function deny(file: string, certificate: Certificate, entry: Record<string, string>): boolean {
  const text = readText(file);
  const before: { deny?: unknown } = requirePolicyObject(file, parseFile(file, text));
  const isThere =
    Array.isArray(before.deny) && before.deny.some((one) => JSON.stringify(one) === JSON.stringify(entry));
  const after = isThere ? text : appendToList(text, "deny", entry);
  const { policy, findings } = examinePolicy(parseFile(file, after), systemClock());
  const fatal = findings.filter(isFatal);
  if (policy === undefined || fatal.length > 0) throw new FileProblems(file, fatal.map(formatFinding));
  if (!policy.deny.holds(certificate)) throw new Error("the entry does not hold for its own certificate");
  if (!isThere) writeWhole(file, after);
  return !isThere;
}
