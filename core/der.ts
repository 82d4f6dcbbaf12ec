// Strict reading of one DER value with asn1js, which by itself accepts BER and trailing bytes.

import { type AsnType, fromBER } from "asn1js";

/**
 * Reads exactly one DER value.
 * Checks lengths (definite, minimal, nothing left over). Does not check the order of SETs or the form of BOOLEANs.
 * @throws SyntaxError
 */
export function readDer(bytes: Uint8Array): AsnType {
  const { result, offset } = fromBER(bytes);
  if (offset === -1) throw new SyntaxError(`not DER: ${result.error}`);
  if (offset !== bytes.byteLength) throw new SyntaxError("trailing bytes after the DER value");
  refuseBer(result);
  return result;
}

function refuseBer(element: AsnType): void {
  const { isIndefiniteForm, blockLength, length } = element.lenBlock;
  if (isIndefiniteForm || blockLength !== minimalLengthOctets(length)) {
    throw new SyntaxError("a length is in a form that DER does not allow");
  }
  for (const child of childrenOf(element)) refuseBer(child);
}

/** Octets of the shortest length field (X.690 §10.1): one up to 127, else one more than the number needs. */
function minimalLengthOctets(length: number): number {
  return length < 0x80 ? 1 : 1 + Math.ceil(length.toString(16).length / 2);
}

/** The members of a constructed value; none for a primitive one. */
export function childrenOf(element: AsnType): readonly AsnType[] {
  const value: unknown = (element.valueBlock as { value?: unknown }).value;
  return element.idBlock.isConstructed && Array.isArray(value) ? (value as AsnType[]) : [];
}

/** The content octets of a value: its encoding without tag and length. */
export function contentOctets(element: AsnType): Uint8Array {
  const whole = element.valueBeforeDecodeView;
  return whole.subarray(whole.byteLength - element.lenBlock.length);
}

export function formatHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
