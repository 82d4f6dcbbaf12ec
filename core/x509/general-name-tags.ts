// Defines the identifier octets of the kinds of GeneralName (RFC 5280 §4.2.1.6). Tagging is implicit. Only the directory name has
// an explicit tag, because it is a CHOICE (RFC 5280 Appendix A.2). Other files import this module as `FORM`. The octets are
// separate constants instead of members of one object, so that the bundler writes the numbers instead of the names.

export const otherName = 0xa0;
export const email = 0x81;
export const dns = 0x82;
export const x400Address = 0xa3;
export const directory = 0xa4;
export const ediPartyName = 0xa5;
export const uri = 0x86;
export const ip = 0x87;
export const registeredId = 0x88;
