// Converts names and subtrees of names (RFC 5280 §4.2.1.10) into a form for comparison, each only once. A name without such a form
// cannot be judged, and name-constraints.ts refuses it.

import { cachedFor } from "../weak-cache.ts";
import { type DistinguishedName, rdnKeysOf } from "./distinguished-name.ts";
import type { GeneralName } from "./general-name.ts";

/** A name for comparison. The parts in which case has no meaning are in lower case. */
export type NameForm =
  | { readonly kind: "dns" | "uri"; readonly host: string }
  | { readonly kind: "email"; readonly host: string; readonly local: string }
  | { readonly kind: "ip"; readonly octets: Uint8Array }
  | { readonly kind: "directory"; readonly rdns: readonly string[] };

/** True if a name is inside the subtree. The name must be of the same kind as the base. */
export type Subtree = (name: NameForm) => boolean;

type Form<Kind extends NameForm["kind"]> = Extract<NameForm, { readonly kind: Kind }>;
type HostForm = Extract<NameForm, { readonly host: string }>;
/**
 * Tests whether a name of one kind is inside a subtree. Undefined if the base of the subtree is malformed or of an unknown kind.
 */
type Within<Names extends NameForm> = ((name: Names) => boolean) | undefined;

/**
 * Returns the name in the form for comparison. Undefined if the name is malformed, or has no part to which a constraint can apply.
 */
export const formOf = cachedFor((name: GeneralName): NameForm | undefined => {
  if (name.kind === "email") return readMailbox(name.value);
  if (name.kind === "uri") return readUri(name.value);
  if (name.kind === "directory") return readDirectory(name.name);
  if (name.kind === "ip") return [4, 16].includes(name.octets.byteLength) ? name : undefined;
  if (name.kind !== "dns") return undefined;
  // The first label may be a wildcard. It is compared as the text `*`, as everywhere in this project, so only the other labels must
  // form a host.
  const host = readHost(name.value.replace(/^\*\./, ""));
  return host === undefined ? undefined : { kind: "dns", host: name.value.toLowerCase() };
});

export function subtreeOf(base: GeneralName): Within<NameForm> {
  return readBase(base) as Subtree | undefined;
}

function readBase(base: GeneralName): Within<never> {
  if (base.kind === "dns") return withinDomain(base.value);
  if (base.kind === "email") return withinMailbox(base.value);
  if (base.kind === "uri") return withinHostRule(base.value);
  if (base.kind === "ip") return withinNetwork(base.octets);
  return base.kind === "directory" ? withinDirectory(base.name) : undefined;
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST = new RegExp(`^(?:${LABEL}\\.)*${LABEL}$`);
/** Matches a host whose last label is a number, because other programs may read such a host as an IPv4 address. */
const NUMERIC_END = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;
const MAX_HOST_CHARACTERS = 253;

/**
 * Returns a host name in lower case. Accepts the host names of RFC 1034 §3.5, and also underscores, which are common. Undefined for
 * an IP address and for any other text.
 */
function readHost(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_HOST_CHARACTERS) return undefined;
  const host = text.toLowerCase();
  return HOST.test(host) && !NUMERIC_END.test(host) ? host : undefined;
}

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const MAILBOX = new RegExp(`^(?:(${ATOM}(?:\\.${ATOM})*)|"((?:[^"\\\\]|\\\\.)*)")@([^@"]+)$`);

/** Reads a Mailbox (RFC 5321 §4.1.2). Superfluous quotes do not change the mailbox. */
function readMailbox(text: string): Form<"email"> | undefined {
  const match = MAILBOX.exec(text);
  if (match === null) return undefined;
  const [, atoms, quoted, domain] = match;
  const host = readHost(domain);
  return host === undefined ? undefined : { kind: "email", host, local: atoms ?? unquote(String(quoted)) };
}

const unquote = (text: string): string => text.replace(/\\(.)/g, "$1");

/**
 * Matches a URI with an authority (RFC 3986 §3.2): scheme, user information, host, port, and then path, query and fragment. The
 * group is the host.
 */
const URI =
  /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?([^/?#:@[\]]*)(?::[0-9]*)?(?:[/?#][!#-;=?-Z_a-z~[\]]*)?$/;

/**
 * Reads the host name of a URI. Returns undefined if the URI has no host name, or has an IP address as its host. Such a URI is
 * refused if there are constraints on URIs.
 */
function readUri(text: string): NameForm | undefined {
  const host = readHost(URI.exec(text)?.[1]);
  return host === undefined ? undefined : { kind: "uri", host };
}

/**
 * Returns undefined if a text is in a string type that is not decoded (TeletexString, UniversalString, BMPString), because the text
 * could be any name.
 */
function readDirectory(name: DistinguishedName): Form<"directory"> | undefined {
  const isOpaque = name.flat().some((attribute) => "der" in attribute && /^(?:14|1c|1e)/.test(attribute.der));
  return isOpaque ? undefined : { kind: "directory", rdns: rdnKeysOf(name) };
}

/**
 * Base `example.com` contains this host and its subdomains. Base `.example.com` contains only the subdomains of `example.com`. An
 * empty base contains all hosts.
 */
function withinDomain(base: string): Within<HostForm> {
  if (base === "") return () => true;
  const host = readHost(base.replace(/^\./, ""));
  if (host === undefined) return undefined;
  const isBelow = (name: HostForm) => name.host.endsWith(`.${host}`);
  return base.startsWith(".") ? isBelow : (name) => name.host === host || isBelow(name);
}

/** The base is one host (`b`), or a domain (`.b`) that contains every host below it. */
function withinHostRule(base: string): Within<HostForm> {
  if (base.startsWith(".")) return withinDomain(base);
  const host = readHost(base);
  return host === undefined ? undefined : (name) => name.host === host;
}

/**
 * The base is one mailbox (`a@b`), a host (`b`) with all its mailboxes, or a domain (`.b`) with the mailboxes of hosts below it.
 */
function withinMailbox(base: string): Within<Form<"email">> {
  if (!base.includes("@")) return withinHostRule(base);
  const mailbox = readMailbox(base);
  if (mailbox === undefined) return undefined;
  return (name) => name.host === mailbox.host && name.local === mailbox.local;
}

/** The base is an address followed by a mask of the same length (RFC 4632). */
function withinNetwork(base: Uint8Array): Within<Form<"ip">> {
  const size = base.byteLength / 2;
  const [address, mask] = [base.subarray(0, size), base.subarray(size)];
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, "0")).join("");
  if (![4, 16].includes(size) || bits.includes("01")) return undefined;
  return (name) =>
    name.octets.byteLength === size &&
    name.octets.every((octet, i) => ((octet ^ (address[i] as number)) & (mask[i] as number)) === 0);
}

/** The base contains each name that begins with all RDNs of the base. */
function withinDirectory(base: DistinguishedName): Within<Form<"directory">> {
  const ancestor = readDirectory(base)?.rdns;
  if (ancestor === undefined) return undefined;
  return (name) => ancestor.every((rdn, index) => name.rdns[index] === rdn);
}
