// Name constraints (RFC 5280 §4.2.1.10): what an issuer lets the certificates below it be named.
// A constraint of a kind that is not understood permits nothing.

import type { DerReader } from "./der.ts";
import { constructed, TAG } from "./der-tags.ts";
import { isWithinSubtree } from "./distinguished-name.ts";
import { canonicalIpAddress, type GeneralName, readGeneralName } from "./general-name.ts";
import { MAX_NAME_COMPARISONS } from "./wire.ts";

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

const SUBTREES = { permitted: constructed(0), excluded: constructed(1) };

/** Reads the extension's value. @throws SyntaxError when malformed, empty, or with minimum or maximum distances */
export function readNameConstraints(values: DerReader): NameConstraints {
  return values.members(TAG.sequence, (parts) => {
    if (!parts.hasMore) throw new SyntaxError("NameConstraints is empty");
    const subtrees = (tag: number) => (parts.nextIs(tag) ? parts.list(tag, readSubtree) : []);
    return { permitted: subtrees(SUBTREES.permitted), excluded: subtrees(SUBTREES.excluded) };
  });
}

/** One base name: distances are not written where they have their defaults, and have no others (RFC 5280 §4.2.1.10). */
function readSubtree(subtrees: DerReader): GeneralName {
  return subtrees.members(TAG.sequence, readGeneralName);
}

/**
 * Whether every name obeys: none inside an excluded subtree, and each inside a permitted one where its kind has any.
 * More names and constraints than can be compared in a moment obey nothing.
 */
export function satisfiesNameConstraints(names: readonly GeneralName[], constraints: NameConstraints): boolean {
  const bases = [...constraints.permitted, ...constraints.excluded];
  if (names.length * bases.length > MAX_NAME_COMPARISONS) return false;
  if (!bases.every(isUnderstood)) return false;
  return names.every((name) => {
    if (!bases.some(({ kind }) => kind === name.kind)) return true;
    const permitted = constraints.permitted.filter(({ kind }) => kind === name.kind);
    return (
      isJudgeable(name) &&
      !constraints.excluded.some((base) => isWithin(name, base)) &&
      (permitted.length === 0 || permitted.some((base) => isWithin(name, base)))
    );
  });
}

function isUnderstood(base: GeneralName): boolean {
  if (base.kind === "ip") return base.octets.byteLength === 8 || base.octets.byteLength === 32;
  return base.kind !== "other";
}

/** A name without the part that a constraint speaks of (the host of a URI, of a mailbox) is outside and inside nothing. */
function isJudgeable(name: GeneralName): boolean {
  if (name.kind === "email") return name.value.indexOf("@") > 0 && !name.value.endsWith(".");
  if (name.kind === "dns") return name.value !== "" && !name.value.endsWith(".");
  if (name.kind === "uri") return hasHostName(name.value);
  if (name.kind === "ip") return name.octets.byteLength === 4 || name.octets.byteLength === 16;
  return name.kind !== "other";
}

/** RFC 5280 §4.2.1.10: a URI constraint is about fully qualified host names; an address or no host at all is refused. */
function hasHostName(uri: string): boolean {
  const host = URL.parse(uri)?.hostname ?? "";
  return host !== "" && !host.endsWith(".") && !host.startsWith("[") && canonicalIpAddress(host) === undefined;
}

function isWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.kind === "directory" && base.kind === "directory") return isWithinSubtree(name.name, base.name);
  if (name.kind === "ip" && base.kind === "ip") return isWithinNetwork(name.octets, base.octets);
  if (name.kind === "dns" && base.kind === "dns") return isWithinDomain(name.value, base.value);
  if (name.kind === "email" && base.kind === "email") return isWithinMailbox(name.value, base.value);
  if (name.kind === "uri" && base.kind === "uri") return isWithinUriHost(name.value, base.value);
  return false;
}

/** `example.com` and its subdomains are within `example.com`, its subdomains alone within `.example.com`. */
function isWithinDomain(name: string, base: string): boolean {
  if (base === "" || base.startsWith(".")) return name.toLowerCase().endsWith(base.toLowerCase());
  return isSameHost(name, base) || name.toLowerCase().endsWith(`.${base.toLowerCase()}`);
}

/** A base is one mailbox (`a@b`), all of one host (`b`), or all hosts below a domain (`.b`). */
function isWithinMailbox(name: string, base: string): boolean {
  const at = name.lastIndexOf("@");
  const host = name.slice(at + 1);
  if (base.includes("@")) {
    const baseAt = base.lastIndexOf("@");
    return name.slice(0, at) === base.slice(0, baseAt) && isSameHost(host, base.slice(baseAt + 1));
  }
  return base === "" || isWithinHostRule(host, base);
}

function isWithinUriHost(name: string, base: string): boolean {
  return base === "" || isWithinHostRule(URL.parse(name)?.hostname ?? "", base);
}

function isWithinHostRule(host: string, base: string): boolean {
  return base.startsWith(".") ? host.toLowerCase().endsWith(base.toLowerCase()) : isSameHost(host, base);
}

function isSameHost(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** A base is an address followed by its mask, both of the length of the address. */
function isWithinNetwork(address: Uint8Array, base: Uint8Array): boolean {
  const size = address.byteLength;
  if (base.byteLength !== size * 2) return false;
  return address.every((octet, i) => ((octet ^ (base[i] ?? 0)) & (base[size + i] ?? 0xff)) === 0);
}
