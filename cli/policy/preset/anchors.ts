// Finds the certificate of each anchor of a preset: in a file, in the policy, in the preset, or in Node's public roots. If the
// preset knows the fingerprint of an anchor, only the certificate with this fingerprint is accepted, wherever it was found.

import type { Certificate } from "../../../core/x509/certificate.ts";
import { UsageError } from "../../command.ts";
import { parseCertificates } from "../../files/certificates.ts";
import type { AnchorSource, Preset } from "../../presets/preset.ts";
import { type GivenAnchor, type PolicyDraft, readAnchorOption } from "../draft.ts";
import { findPublicRoot } from "./root-store.ts";

/**
 * Returns the anchors of the preset, and further anchors from files, by name.
 * @param options the options `NAME=FILE`
 * @throws UsageError
 */
export function resolveAnchors(
  document: PolicyDraft,
  { anchors: sources }: Preset,
  options: readonly string[],
): Map<string, Certificate> {
  const given = new Map(
    options.flatMap((option) => chooseAnchors(option, sources)).map(({ name, certificate }) => [name, certificate]),
  );
  const anchors = new Map<string, Certificate>();
  for (const [name, source] of Object.entries(sources))
    anchors.set(name, given.get(name) ?? knownAnchor(document, name) ?? obtain(name, source));
  for (const [name, certificate] of given) anchors.set(name, certificate);
  for (const [name, certificate] of anchors) {
    const wanted = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (wanted?.sha256 !== undefined && certificate.sha256 !== wanted.sha256)
      throw new UsageError(`the anchor ${name} must be ${describeSource(wanted)}, not ${describe(certificate)}`);
    const known = knownAnchor(document, name);
    if (known !== undefined && known.sha256 !== certificate.sha256)
      throw new UsageError(`the policy has another anchor called ${name} already: ${describe(known)}`);
  }
  return anchors;
}

/**
 * Returns the anchors of `NAME=FILE`. The file may contain a whole chain. If the preset knows the fingerprint of NAME, returns only
 * the certificate with this fingerprint. A different certificate of the chain, such as the root, would admit more senders.
 */
function chooseAnchors(option: string, sources: Preset["anchors"]): readonly GivenAnchor[] {
  const given = readAnchorOption(option);
  const name = given[0]?.name ?? "";
  const wanted = Object.hasOwn(sources, name) ? sources[name]?.sha256 : undefined;
  const chosen = given.filter(({ certificate }) => certificate.sha256 === wanted);
  return chosen.length === 0 ? given : chosen.map(({ certificate }) => ({ name, certificate }));
}

function knownAnchor({ anchors }: PolicyDraft, name: string): Certificate | undefined {
  const known = Object.hasOwn(anchors, name) ? anchors[name] : undefined;
  if (known === undefined) return undefined;
  const pem = Buffer.from(typeof known === "string" ? known : known.certificate);
  return parseCertificates(pem, `the policy's anchor ${name}`)[0];
}

/**
 * Returns the certificate that the preset or Node's public roots contain.
 * @throws UsageError that says how to get the file, if neither has the certificate
 */
function obtain(name: string, source: AnchorSource): Certificate {
  const root =
    "pem" in source
      ? parseCertificates(Buffer.from(source.pem), `the preset's anchor ${name}`)[0]
      : "subject" in source
        ? findPublicRoot(source.sha256)
        : undefined;
  if (root !== undefined || "pem" in source) return root as Certificate;
  const why = "subject" in source ? `this Node (${process.version}) does not ship it` : source.where;
  throw new UsageError(`the anchor ${name} is needed as --anchor ${name}=FILE: ${describeSource(source)}; ${why}`);
}

/** Describes an anchor: its name, and its fingerprint if one is published. */
export function describeSource(source: AnchorSource): string {
  const what = "subject" in source ? source.subject : source.what;
  return `${what} (${source.sha256 === undefined ? "no fingerprint is published" : `SHA-256 ${source.sha256}`})`;
}

function describe({ subjectText, sha256 }: Certificate): string {
  return `${subjectText} (SHA-256 ${sha256})`;
}
