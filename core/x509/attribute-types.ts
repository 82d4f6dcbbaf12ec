// Translates between the OID and the short name of an attribute type. The types with a short name are those of RFC 4514 §3, and
// others that certificates use. All other types are written as a dotted OID.

const NAMES: ReadonlyArray<readonly [name: string, oid: string]> = [
  ["CN", "2.5.4.3"],
  ["L", "2.5.4.7"],
  ["ST", "2.5.4.8"],
  ["O", "2.5.4.10"],
  ["OU", "2.5.4.11"],
  ["C", "2.5.4.6"],
  ["STREET", "2.5.4.9"],
  ["DC", "0.9.2342.19200300.100.1.25"],
  ["UID", "0.9.2342.19200300.100.1.1"],
  ["SN", "2.5.4.4"],
  ["serialNumber", "2.5.4.5"],
  ["title", "2.5.4.12"],
  ["businessCategory", "2.5.4.15"],
  ["postalCode", "2.5.4.17"],
  ["name", "2.5.4.41"],
  ["GN", "2.5.4.42"],
  ["initials", "2.5.4.43"],
  ["generationQualifier", "2.5.4.44"],
  ["dnQualifier", "2.5.4.46"],
  ["pseudonym", "2.5.4.65"],
  ["organizationIdentifier", "2.5.4.97"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
  ["jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"],
  ["jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"],
  ["jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"],
];

const oidByName = new Map(NAMES.map(([name, oid]) => [name.toLowerCase(), oid]));
const nameByOid = new Map(NAMES.map(([name, oid]) => [oid, name]));
/** Matches a dotted OID. After 0 and 1, the second number is less than 40 (X.660), because DER cannot encode a larger one. */
const DOTTED_OID = /^(?:[01]\.[1-3]?[0-9]|2\.(?:0|[1-9][0-9]{0,18}))(?:\.(?:0|[1-9][0-9]{0,18})){0,19}$/;

/** Returns the OID of a short name (in any case) or of a dotted OID. Undefined for any other text. */
export function parseAttributeType(text: string): string | undefined {
  return oidByName.get(text.toLowerCase()) ?? (DOTTED_OID.test(text) ? text : undefined);
}

/** Returns the short name of an OID, or undefined if the OID has none. */
export function attributeTypeName(oid: string): string | undefined {
  return nameByOid.get(oid);
}
