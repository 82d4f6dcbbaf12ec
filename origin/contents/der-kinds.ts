// Finds the kind of a DER value by the shape of its outer SEQUENCE. The shape is enough to name the contents of a file.

import { type Header, readHeader } from "../../core/x509/encoded-values.ts";

/** Returns the headers of the complete members, at most ten. Ten are enough to distinguish the kinds. */
function membersOf(content: Buffer): Header[] {
  const members: Header[] = [];
  for (let at = 0; at < content.length && members.length < 10; ) {
    const member = readHeader(content, at);
    if (member === undefined) break;
    members.push(member);
    at = member.end;
  }
  return members;
}

/** Prefix of the object identifiers of PKCS #7: 1.2.840.113549.1.7. */
const PKCS7 = Buffer.from("2a864886f70d0107", "hex");

export type DerKind =
  | "certificate"
  | "list"
  | "request"
  | "key"
  | "lockedKey"
  | "publicKey"
  | "pkcs7"
  | "pkcs12"
  | "other";

/** The kind for each shape. A shape matches the tags of the first members, in hex. */
const SHAPES: readonly (readonly [shape: RegExp, kind: DerKind])[] = [
  [/^02 30 04/, "key"], // PKCS #8
  [/^02 04/, "key"], // SEC 1
  [/^02 02 02 02/, "key"], // PKCS #1
  [/^02 02$/, "publicKey"],
  [/^30 03$/, "publicKey"],
  [/^30 04$/, "lockedKey"],
];

/** Returns the kind of a SEQUENCE with this content. */
export function kindOf(content: Buffer): DerKind {
  const members = membersOf(content);
  const [first, second] = members.map(({ start, end }) => content.subarray(start, end));
  if (first === undefined) return "other";
  const tags = tagsOf(members);
  if (/^06( a0)?$/.test(tags) && isPkcs7(first)) return "pkcs7";
  if (tags.startsWith("02 30") && second !== undefined && beginsWithPkcs7(second)) return "pkcs12";
  if (tags === "30 30 03") return signedKind(membersOf(first));
  return SHAPES.find(([shape]) => shape.test(tags))?.[1] ?? "other";
}

function tagsOf(members: readonly Header[]): string {
  return members.map(({ tag }) => tag.toString(16).padStart(2, "0")).join(" ");
}

function isPkcs7(oid: Buffer): boolean {
  return oid.subarray(0, PKCS7.length).equals(PKCS7);
}

function beginsWithPkcs7(content: Buffer): boolean {
  const [type] = membersOf(content);
  return type?.tag === 0x06 && isPkcs7(content.subarray(type.start, type.end));
}

/**
 * Returns the kind of a signed value: a certificate, a revocation list or a certificate request. Each has a signed part, an
 * algorithm and a signature. Only a revocation list has times as direct members of its signed part.
 */
function signedKind(members: readonly Header[]): DerKind {
  const tags = members.map(({ tag }) => tag);
  if (tags.includes(0x17) || tags.includes(0x18)) return "list";
  return tags[0] === 0x02 && tags.length <= 4 ? "request" : "certificate";
}
