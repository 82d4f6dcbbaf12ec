// Defines the identifier octets of DER (X.690 §8.1.2). Each has the class, whether the value is constructed, and a tag number below
// 31.

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visible: 0x1a,
  universal: 0x1c,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Returns the identifier octet of `[n]` as an implicit tag of a primitive type. */
export const primitive = (number: number): number => 0x80 | number;
/** Returns the identifier octet of `[n]` as an explicit tag, or as an implicit tag of a constructed type. */
export const constructed = (number: number): number => 0xa0 | number;
