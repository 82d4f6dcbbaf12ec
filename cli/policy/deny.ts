// `countersign policy deny` denies a certificate or a key. The value that it writes into the policy does not depend on how the
// certificate is presented.

import { isDeepStrictEqual } from "node:util";
import { normalizeHex } from "../../core/policy/matcher.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import { parseChoice } from "../arguments/values.ts";
import { parseOptions, refuseUnread, UsageError } from "../command.ts";
import { readCertificates } from "../files/certificates.ts";
import { print, printJson } from "../output.ts";
import type { DenyDraft } from "./draft.ts";
import { describeEdit, EDIT_OPTIONS, editPolicy, fileToChange, formatEdit, writeEdit } from "./edit.ts";

const OPTIONS = {
  ...EDIT_OPTIONS,
  match: { type: "string", default: "key" },
  sha256: { type: "string" },
  key: { type: "string" },
  serial: { type: "string" },
  issuer: { type: "string" },
} as const;

type Values = ReturnType<typeof parse>["values"];

/** The entry to add, a text that says what the entry denies, and the certificate if a file was given. */
interface Denial {
  readonly entry: DenyDraft;
  readonly scope: string;
  readonly certificate?: Certificate;
  /** The other certificates in the file. The entry does not deny them. */
  readonly others: readonly Certificate[];
}

const SCOPES = {
  key: "every certificate with this key: a renewed certificate must have a new key",
  keyOfCa: "every certificate with this CA's key, whoever issued it, and every certificate below it",
  certificate: "only this certificate: another certificate with the same key is still accepted",
  certificateOfCa: "only this certificate: another certificate of the same CA and key is still accepted",
} as const;

export function denyInPolicy(args: string[]): number {
  const { values, positionals, given } = parse(args);
  const denial = readDenial(values, positionals, given);
  const { entry, scope, certificate, others } = denial;
  const isDryRun = values["dry-run"];
  const edit = editPolicy(fileToChange(values, given), (draft) => {
    if (!draft.deny?.some((one) => isDeepStrictEqual(one, entry))) draft.deny = [...(draft.deny ?? []), entry];
  });
  if (certificate !== undefined && !edit.policy.deny.holds(certificate))
    throw new Error("the entry does not hold for its own certificate");
  writeEdit(edit, isDryRun);
  if (values.json)
    printJson({
      ...{ ...describeEdit(edit, isDryRun), entry, scope },
      ...(certificate && {
        subject: certificate.subjectText,
        issuer: certificate.issuerText,
        serial: certificate.serial,
      }),
      notDenied: others.map(({ subjectText }) => subjectText),
    });
  else print([...formatEdit(edit, isDryRun), "", ...formatDenial(denial)]);
  return 0;
}

function parse(args: string[]) {
  return parseOptions(args, OPTIONS, true);
}

function formatDenial({ entry, scope, certificate, others }: Denial): string[] {
  const what =
    certificate === undefined
      ? JSON.stringify(entry)
      : `${certificate.subjectText}, serial ${certificate.serial}, of ${certificate.issuerText}`;
  return [
    `  denied   ${what}`,
    `  it is    ${scope}`,
    ...others.map(
      ({ subjectText }) =>
        `  not      ${subjectText}, which is also in the file: to deny it, give it in a separate file`,
    ),
  ];
}

/** Reads what is to be denied. @throws UsageError unless exactly one certificate or key is given */
function readDenial(values: Values, positionals: readonly string[], given: ReadonlySet<string>): Denial {
  const { sha256, key, serial, issuer } = values;
  const [file] = positionals;
  const named = [file, sha256, key, serial ?? issuer].filter((one) => one !== undefined);
  if (named.length !== 1 || positionals.length > 1)
    throw new UsageError("policy deny: name one certificate, by FILE, --key, --sha256, or --serial with --issuer");
  if (file !== undefined) return readFileDenial(file, parseChoice("--match", values.match, ["key", "certificate"]));
  refuseUnread(new Set(given.has("match") ? ["match"] : []), [], "without FILE");
  if (key !== undefined) return { entry: { spkiSha256: parseDigest("key", key) }, scope: SCOPES.key, others: [] };
  if (sha256 !== undefined)
    return { entry: { sha256: parseDigest("sha256", sha256) }, scope: SCOPES.certificate, others: [] };
  if (serial === undefined || issuer === undefined) throw new UsageError("--serial and --issuer go together");
  return { entry: { serial, issuer }, scope: SCOPES.certificate, others: [] };
}

function readFileDenial(file: string, match: "key" | "certificate"): Denial {
  const [certificate, ...others] = readCertificates(file) as [Certificate, ...Certificate[]];
  const { spkiSha256, serial, issuerText: issuer, isCa } = certificate;
  const entry: DenyDraft = match === "key" ? { spkiSha256 } : { serial, issuer };
  return { entry, scope: SCOPES[isCa ? (`${match}OfCa` as const) : match], certificate, others };
}

function parseDigest(option: string, text: string): string {
  const digest = normalizeHex(text);
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new UsageError(`--${option} ${text} is no SHA-256: 64 hex digits, with or without colons`);
  return digest;
}
