// Names for the OIDs of the extensions that the readers in this folder know (RFC 5280 §4.2 and §5.2). Files import the names as
// `OID`. They are separate constants instead of one object, so that the bundler shortens their names.

export const subjectKeyIdentifier = "2.5.29.14";
export const keyUsage = "2.5.29.15";
export const subjectAltName = "2.5.29.17";
export const basicConstraints = "2.5.29.19";
export const cRLNumber = "2.5.29.20";
export const deltaCRLIndicator = "2.5.29.27";
export const issuingDistributionPoint = "2.5.29.28";
export const nameConstraints = "2.5.29.30";
export const cRLDistributionPoints = "2.5.29.31";
export const certificatePolicies = "2.5.29.32";
export const authorityKeyIdentifier = "2.5.29.35";
export const extendedKeyUsage = "2.5.29.37";
