// Reads the extensions of certificates, of revocation lists and of list entries (RFC 5280 §4.1 and §4.2). Each OID may occur only
// once.

import { messageOf } from "../failure-chain.ts";
import { MAX_EXTENSIONS } from "../wire.ts";
import { type DerReader, readDer } from "./der.ts";
import * as TAG from "./der-tags.ts";

/**
 * An extension whose value is not parsed yet. The value is checked as DER only when it is read, because the values of extensions
 * that RFC 5280 does not define may contain anything.
 */
export interface Extension {
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

export type Extensions = ReadonlyMap<string, Extension>;

/** Reads Extensions, indexed by OID. @throws SyntaxError if there are none or too many, or if an extension is repeated */
export function readExtensions(values: DerReader): Extensions {
  const extensions = new Map<string, Extension>();
  for (const [oid, extension] of values.list(TAG.sequence, readExtension)) {
    if (extensions.has(oid)) throw new SyntaxError(`extension ${oid} is repeated`);
    extensions.set(oid, extension);
  }
  if (extensions.size > MAX_EXTENSIONS) throw new SyntaxError(`there are over ${MAX_EXTENSIONS} extensions`);
  return extensions;
}

/** Reads one Extension. The members are `extnID`, `critical` DEFAULT FALSE, and `extnValue`. */
function readExtension(extensions: DerReader): readonly [oid: string, extension: Extension] {
  return extensions.members(TAG.sequence, (members) => {
    const oid = members.oid();
    const isCritical = members.nextIs(TAG.boolean) && members.boolean();
    return [oid, { isCritical, value: members.read(TAG.octetString).content }];
  });
}

/** Reads the value of one extension. Returns undefined if the extension is absent. @throws SyntaxError that names the extension */
export function readValue<T>(extensions: Extensions, oid: string, read: (value: DerReader) => T): T | undefined {
  const extension = extensions.get(oid);
  if (extension === undefined) return undefined;
  try {
    return readDer(extension.value, read);
  } catch (error) {
    throw new SyntaxError(`extension ${oid}: ${messageOf(error)}`);
  }
}
