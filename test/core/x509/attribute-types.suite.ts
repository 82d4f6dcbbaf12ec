// Tests the short names of attribute types, and the OIDs of types without a short name.

import assert from "node:assert/strict";
import { attributeTypeName, parseAttributeType } from "../../../core/x509/attribute-types.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

/**
 * `X520` has the attribute types of X.520 and RFC 4519: the last number of each OID, by short name. `OTHERS` has the types for
 * domain and user names in RFC 4519, the types of PKCS #9, and the types for extended validation (CA/Browser Forum).
 */
const X520: Readonly<Record<string, number>> = {
  CN: 3,
  SN: 4,
  serialNumber: 5,
  C: 6,
  L: 7,
  ST: 8,
  STREET: 9,
  O: 10,
  OU: 11,
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
const OTHERS: Readonly<Record<string, string>> = {
  UID: "0.9.2342.19200300.100.1.1",
  DC: "0.9.2342.19200300.100.1.25",
  emailAddress: "1.2.840.113549.1.9.1",
  jurisdictionL: "1.3.6.1.4.1.311.60.2.1.1",
  jurisdictionST: "1.3.6.1.4.1.311.60.2.1.2",
  jurisdictionC: "1.3.6.1.4.1.311.60.2.1.3",
};

export const cases: Cases = {
  "a short name stands for its OID, in any case": () => {
    const arcs = Object.entries(X520).map(([name, arc]) => [name, `2.5.4.${arc}`] as const);
    for (const [name, oid] of [...arcs, ...Object.entries(OTHERS)]) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.equal(parseAttributeType(spelling), oid, spelling);
      }
      assert.deepEqual([attributeTypeName(oid), parseAttributeType(oid)], [name, oid]);
    }
  },
  "an OID without a short name stands for itself": () => {
    const most = `1${"0".repeat(18)}`;
    const oids = ["0.0", "0.39", "1.0", "1.39", "2.0", "2.40", "2.999", `2.${most}`, `1.2.${most}`, "1.2.0", "1.29.10"];
    for (const oid of [...oids, `1.2${".1".repeat(19)}`]) {
      assert.deepEqual([parseAttributeType(oid), attributeTypeName(oid)], [oid, undefined], oid);
    }
  },
  "a text that is not an OID of a certificate has no type": () => {
    const bad = [
      "",
      "XX",
      "CN ",
      " CN",
      "1",
      "1.",
      ".1.2",
      "1.2.",
      "1..2",
      "3.1",
      "0.40",
      "1.40",
      "1.99",
      "01.2",
      "1.02",
    ];
    for (const text of [
      ...bad,
      "2.01",
      "1.2.03",
      `2.${"1".repeat(20)}`,
      `1.2.${"1".repeat(20)}`,
      `1.2${".1".repeat(20)}`,
    ])
      assert.equal(parseAttributeType(text), undefined, text);
    for (const text of ["x1.2", "1.2x", "1.2 ", "-1.2", "1,2", "toString"])
      assert.equal(parseAttributeType(text), undefined);
  },
};
