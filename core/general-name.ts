// GeneralName (RFC 5280 §4.2.1.6): the typed names of subjectAltName and of name constraints.
// Types are never mixed: a DNS name equal to the text of an e-mail address is another name.

import { type AsnType, Sequence } from "asn1js";
import { childrenOf, contentOctets } from "./der.ts";
import { type DistinguishedName, parseDistinguishedNameDer } from "./distinguished-name.ts";

export type GeneralName =
  | { readonly kind: "dns" | "email" | "uri"; readonly value: string }
  | { readonly kind: "ip"; readonly octets: Uint8Array }
  | { readonly kind: "directory"; readonly name: DistinguishedName }
  /** otherName, x400Address, ediPartyName, registeredID: present, but not understood. */
  | { readonly kind: "other"; readonly tag: number };

const CONTEXT_SPECIFIC = 3;
const TEXT_KINDS = new Map([
  [1, "email"],
  [2, "dns"],
  [6, "uri"],
] as const);
/** otherName, x400Address, directoryName, ediPartyName. */
const CONSTRUCTED_TAGS: ReadonlySet<number> = new Set([0, 3, 4, 5]);
const VISIBLE_ASCII = /^[\u0021-\u007e]*$/;

/**
 * Reads one GeneralName.
 * @throws SyntaxError when a text holds NUL, a space, a control or a non-ASCII character, or the form is wrong
 */
export function readGeneralName(element: AsnType): GeneralName {
  const { tagClass, tagNumber, isConstructed } = element.idBlock;
  if (tagClass !== CONTEXT_SPECIFIC || tagNumber > 8) {
    throw new SyntaxError("GeneralName has no context-specific tag");
  }
  // Tagging is implicit, so only the directory name, a CHOICE, wraps another value (RFC 5280 Appendix A.2).
  if (isConstructed !== CONSTRUCTED_TAGS.has(tagNumber)) throw new SyntaxError("GeneralName is in the wrong form");
  const kind = TEXT_KINDS.get(tagNumber as 1 | 2 | 6);
  if (kind !== undefined) return { kind, value: readAscii(contentOctets(element)) };
  if (tagNumber === 7) return { kind: "ip", octets: contentOctets(element) };
  if (tagNumber === 4) return { kind: "directory", name: parseDistinguishedNameDer(contentOctets(element)) };
  return { kind: "other", tag: tagNumber };
}

/** Reads GeneralNames, the value of subjectAltName. It must not be empty. */
export function readGeneralNames(element: AsnType): GeneralName[] {
  const names = element instanceof Sequence ? childrenOf(element) : [];
  if (names.length === 0) throw new SyntaxError("GeneralNames is not a SEQUENCE with members");
  return names.map(readGeneralName);
}

/** An IP address in its canonical text (RFC 5952 for IPv6), or undefined when it has neither 4 nor 16 octets. */
export function formatIpAddress(octets: Uint8Array): string | undefined {
  if (octets.byteLength === 4) return octets.join(".");
  if (octets.byteLength !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0)).toString(16),
  );
  return canonicalIpv6(groups.join(":"));
}

/** The canonical text of an IP address written by hand, or undefined when it is none. */
export function canonicalIpAddress(text: string): string | undefined {
  if (/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) {
    return text.split(".").every((octet) => Number(octet) <= 255) ? text : undefined;
  }
  return /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text) ? canonicalIpv6(text) : undefined;
}

function canonicalIpv6(text: string): string | undefined {
  const url = URL.parse(`http://[${text}]/`);
  return url === null ? undefined : url.hostname.slice(1, -1);
}

function readAscii(octets: Uint8Array): string {
  const text = String.fromCharCode(...octets);
  if (!VISIBLE_ASCII.test(text)) throw new SyntaxError("a name holds a character outside visible ASCII");
  return text;
}
