// Makes a stranger's certificates of a given shape. Each certificate is new, so that no cache contains it.

import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";
import { MAX_CERTIFICATE_FIELD_CHARACTERS, MAX_CHAIN_FIELD_CHARACTERS } from "../../core/wire.ts";
import { formatDer } from "../../core/x509/der.ts";
import * as TAG from "../../core/x509/der-tags.ts";
import {
  BASIC_CONSTRAINTS,
  makeConstraints,
  makeExtensions,
  makeKeyIds,
  makeName,
  makeRsaKey,
  makeSans,
  makeSignature,
  nothing,
  SIGNATURE_ALGORITHMS,
  sequence,
} from "./der.ts";
import type { Shape } from "./shape.ts";
import { type Authority, privateKeyOf, type World } from "./world.ts";

/** Certificates in base64 DER, and the key of the leaf, for a handshake. */
export interface Chain {
  readonly leaf: string;
  readonly intermediates: readonly string[];
  readonly leafKey: KeyObject;
}

/**
 * MARGIN leaves room for the colons, commas and padding of a header field. FIXED_OCTETS is the total size of those parts of a
 * certificate that have a fixed size.
 */
const MARGIN = 24;
const FIXED_OCTETS = 260;
const LEAST_OCTETS = 1_000;
const octetsOf = (characters: number) => Math.floor((characters * 3) / 4) - MARGIN;

const keys = new Map<Shape["key"], readonly { publicKey: Buffer; privateKey: KeyObject }[]>();
const REAL_KEYS = 11;

/**
 * Returns key pairs of a kind. Making an RSA key of more than 4096 bits takes too long, so kinds with longer keys get 4096 bits.
 */
function keysOf(kind: Shape["key"]) {
  const known = keys.get(kind) ?? Array.from({ length: kind.startsWith("rsa") ? 1 : REAL_KEYS }, () => makeKey(kind));
  keys.set(kind, known);
  return known;
}

function makeKey(kind: Shape["key"]) {
  const curve = { p256: "P-256", p384: "P-384", p521: "P-521" }[kind as "p256"];
  const modulusLength = Math.min(4096, Number(kind.slice(3)));
  const { privateKey } =
    curve !== undefined
      ? generateKeyPairSync("ec", { namedCurve: curve })
      : kind === "ed25519"
        ? generateKeyPairSync("ed25519")
        : generateKeyPairSync("rsa", { modulusLength });
  return { privateKey, publicKey: createPublicKey(privateKey).export({ format: "der", type: "spki" }) };
}

function publicKeyOf(kind: Shape["key"], index: number): Buffer {
  if (kind.startsWith("rsa") && index > 0) return makeRsaKey(Number(kind.slice(3)));
  const pool = keysOf(kind);
  return (pool[index % pool.length] as (typeof pool)[number]).publicKey;
}

/** Makes the chain of a shape. Intermediates and extensions that do not fit into the header fields of RFC 9440 are left out. */
export function makeChain(shape: Shape, { authorities }: World): Chain {
  const named = authorities.filter(({ kind }) => kind === shape.anchor);
  const authority = named[shape.which % named.length] as Authority;
  const forged = makeIntermediates(shape, authority, authorities);
  const isBelow = shape.leaf === "below";
  const signer = isBelow ? authority.intermediate : shape.leaf === "genuine" ? authority.anchor : undefined;
  const { base64 } = makeCertificate({
    shape,
    index: 0,
    room: octetsOf(MAX_CERTIFICATE_FIELD_CHARACTERS),
    issuer: signer === undefined ? forged.subject : subjectOf(signer),
    signer,
    isBroken: forged.all.length === 0,
  });
  const [leafKey] = keysOf(shape.key);
  const intermediates = isBelow ? [...forged.all, authority.intermediate.base64] : forged.all;
  return { leaf: base64, intermediates, leafKey: leafKey?.privateKey as KeyObject };
}

/** Makes the forged intermediates, from the leaf upwards, and the name that the leaf gives as its issuer. */
function makeIntermediates(shape: Shape, { anchor }: Authority, authorities: readonly Authority[]) {
  const { naming, which, leaf, subject: subjectPercent } = shape;
  const genuine = leaf === "below" ? 1 : 0;
  const octets = octetsOf(MAX_CHAIN_FIELD_CHARACTERS);
  const most = Math.floor(octets / (LEAST_OCTETS + publicKeyOf(shape.key, 1).length)) - genuine;
  const count = Math.min(Math.max(shape.intermediates - genuine, 0), most);
  const room = octets / Math.max(count + genuine, 1);
  const common = makeName("CA", naming === "same" ? (room * subjectPercent) / 300 : 0, shape);
  const anchorAt = (index: number) =>
    subjectOf((authorities[(which + index) % authorities.length] as Authority).anchor);
  const all: string[] = [];
  let below = subjectOf(anchor);
  for (let index = count; index > 0; index -= 1) {
    const issuer = { line: below, same: common, anchor: subjectOf(anchor), anchors: anchorAt(index) }[naming];
    const subject = naming === "line" ? undefined : common;
    const made = makeCertificate({ shape, index, room, issuer, subject, isBroken: index === 1 });
    all.unshift(made.base64);
    below = made.subject;
  }
  return { all, subject: below };
}

function subjectOf({ certificate }: Identity): Buffer {
  return Buffer.from(certificate.subjectName.toArrayBuffer());
}

interface Request {
  readonly shape: Shape;
  /** The position of the certificate in the chain. The leaf has 0. */
  readonly index: number;
  /** The largest number of octets that the certificate may have. */
  readonly room: number;
  readonly issuer: Buffer;
  readonly subject?: Buffer | undefined;
  readonly signer?: Identity | undefined;
  /** True if this is the malformed certificate of the shape. */
  readonly isBroken: boolean;
}

function makeCertificate({ shape, index, room, issuer, subject: given, signer, isBroken }: Request) {
  const publicKey = publicKeyOf(shape.key, index);
  const { value, algorithm } = signatureOf(shape, signer);
  let left = room - FIXED_OCTETS - publicKey.length - issuer.length - (given?.length ?? 0) - value.length;
  const take = (percent: number, make: (octets: number) => Buffer) => {
    const octets = Math.floor((left * percent) / 100) - 20;
    const part = percent > 0 && octets > 20 ? make(octets) : nothing;
    left -= part.length;
    return part;
  };
  const ownName = (octets: number) => makeName(`name ${index}`, octets, shape);
  const small = makeName(`name ${index}`, 0, shape);
  const filled = given ?? take(shape.subject * 0.9, ownName);
  const subject = filled.length === 0 ? small : filled;
  const extensions = [
    ...(index === 0 ? [] : [BASIC_CONSTRAINTS]),
    ...(shape.keyIds === "own" ? makeKeyIds(idOf(subject), idOf(issuer)) : []),
    take(shape.sans, (octets) => makeSans(octets, shape)),
    take(index === 0 ? 0 : shape.constraints, (octets) => makeConstraints(octets, shape)),
    take(shape.extensions, (octets) => Buffer.concat(makeExtensions(octets, shape))),
    isBroken && shape.malformed === "extension"
      ? Buffer.from("300906 03551d0f 0402 0500".replaceAll(" ", ""), "hex")
      : nothing,
  ];
  const tbs = sequence(
    Buffer.from("a003020102", "hex"),
    formatDer(TAG.integer, Buffer.of(1), randomBytes(16)),
    algorithm,
    issuer,
    sequence(formatTime(-1), formatTime(1)),
    isBroken && shape.malformed === "name" ? breakName(subject) : subject,
    publicKey,
    ...(extensions.every(({ length }) => length === 0) ? [] : [formatDer(TAG.constructed(3), sequence(...extensions))]),
  );
  const signature =
    signer === undefined ? value : formatDer(TAG.bitString, Buffer.of(0), sign("sha256", tbs, privateKeyOf(signer)));
  const end = isBroken && shape.malformed === "end" ? Buffer.from("0500", "hex") : nothing;
  const der = sequence(tbs, algorithm, signature, end);
  return { subject, base64: der.toString("base64") };
}

const DAY_MILLISECONDS = 86_400_000;

function formatTime(days: number): Buffer {
  const text = new Date(Date.now() + days * DAY_MILLISECONDS).toISOString();
  return formatDer(TAG.generalizedTime, Buffer.from(text.replace(/[-:T]|\.\d+/g, "")));
}

/** Replaces the last octet of the last text with a control character. */
function breakName(name: Buffer): Buffer {
  const broken = Buffer.from(name);
  broken[broken.length - 1] = 1;
  return broken;
}

function idOf(name: Buffer): Buffer {
  return Buffer.from(name.subarray(-8));
}

const SIGNATURE_OCTETS = { shared: 48, p256: 32, p384: 48, p521: 65, rsa2048: 256, rsa4096: 512 };

/**
 * Returns a signature in the form of the signer's algorithm. Without a signer, the form is that of the shape's kind of anchor.
 */
function signatureOf({ anchor }: Shape, signer: Identity | undefined) {
  const isRsa = signer === undefined ? anchor.startsWith("rsa") : signer.keys.privateKey.algorithm.name !== "ECDSA";
  const kind = isRsa ? "rsa" : "ecdsa";
  return { value: makeSignature(kind, SIGNATURE_OCTETS[anchor]), algorithm: SIGNATURE_ALGORITHMS[kind] };
}
