// Translates between the OID and the short name of an attribute type. The types of RFC 4514 §3 and some further types that
// certificates use have a short name. All other types are written as a dotted OID.

/** The types of X.520. The OID of a type is 2.5.4 followed by the number of the type. */
const X520 = {
  CN: 3,
  L: 7,
  ST: 8,
  O: 10,
  OU: 11,
  C: 6,
  STREET: 9,
  SN: 4,
  serialNumber: 5,
  title: 12,
  businessCategory: 15,
  postalCode: 17,
  name: 41,
  GN: 42,
  initials: 43,
  generationQualifier: 44,
  dnQualifier: 46,
  pseudonym: 65,
  organizationIdentifier: 97,
};

const OTHERS = {
  DC: "0.9.2342.19200300.100.1.25",
  UID: "0.9.2342.19200300.100.1.1",
  emailAddress: "1.2.840.113549.1.9.1",
  jurisdictionL: "1.3.6.1.4.1.311.60.2.1.1",
  jurisdictionST: "1.3.6.1.4.1.311.60.2.1.2",
  jurisdictionC: "1.3.6.1.4.1.311.60.2.1.3",
};

const NAMES = [
  ...Object.entries(X520).map(([name, number]) => [name, `2.5.4.${number}`] as const),
  ...Object.entries(OTHERS),
];

const oidByName = new Map(NAMES.map(([name, oid]) => [name.toLowerCase(), oid]));
const nameByOid = new Map(NAMES.map(([name, oid]) => [oid, name]));
/**
 * Matches a dotted OID. If the first number is 0 or 1, the second is less than 40 (X.660), because DER cannot encode a larger one.
 */
const DOTTED_OID = /^(?:[01]\.[1-3]?[0-9]|2\.(?:0|[1-9][0-9]{0,18}))(?:\.(?:0|[1-9][0-9]{0,18})){0,19}$/;

/** Returns the OID of a short name, in upper or lower case, or of a dotted OID. Undefined for any other text. */
export function parseAttributeType(text: string): string | undefined {
  return oidByName.get(text.toLowerCase()) ?? (DOTTED_OID.test(text) ? text : undefined);
}

/** Returns the short name of an OID, or undefined if the OID has none. */
export function attributeTypeName(oid: string): string | undefined {
  return nameByOid.get(oid);
}
