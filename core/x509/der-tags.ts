// Defines the identifier octets of DER (X.690 §8.1.2). Each octet contains the class, one bit for constructed values, and a tag
// number below 31. Files import this module as `TAG`. The octets are separate constants instead of members of one object, so that
// the bundler replaces each name with its number.

export const boolean = 0x01;
export const integer = 0x02;
export const bitString = 0x03;
export const octetString = 0x04;
export const nullType = 0x05;
export const oid = 0x06;
export const enumerated = 0x0a;
export const utf8 = 0x0c;
export const numeric = 0x12;
export const printable = 0x13;
export const teletex = 0x14;
export const ia5 = 0x16;
export const utcTime = 0x17;
export const generalizedTime = 0x18;
export const visible = 0x1a;
export const universal = 0x1c;
export const bmp = 0x1e;
export const sequence = 0x30;
export const set = 0x31;

/** Returns the identifier octet of `[n]` as an implicit tag of a primitive type. */
export const primitive = (number: number): number => 0x80 | number;
/** Returns the identifier octet of `[n]` as an explicit tag, or as an implicit tag of a constructed type. */
export const constructed = (number: number): number => 0xa0 | number;
