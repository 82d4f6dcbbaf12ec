// The certificates and keys of the core suite, made once in Node and passed as JSON to both runtimes.

import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { exportJWK, generateKeyPair } from "jose";
import { makeAlgorithms } from "./fixtures-algorithms.ts";
import { makeCrls } from "./fixtures-crls.ts";
import { makeEndings } from "./fixtures-endings.ts";
import { makeHierarchy } from "./fixtures-hierarchy.ts";
import { NOW } from "./fixtures-issue.ts";
import { makeProfiles } from "./fixtures-profiles.ts";
import { makeSubjects } from "./fixtures-subjects.ts";

export type Fixtures = Awaited<ReturnType<typeof makeFixtures>>;
/** The name of a certificate of ours. */
export type CertificateName = keyof Fixtures["certificates"];
/** The name of a revocation list of ours. */
export type CrlName = keyof Fixtures["crls"];
/** What node:crypto says of a certificate: the oracle for our own reading. */
export type OracleFacts = ReturnType<typeof readOracleFacts>;

export async function makeFixtures() {
  const hierarchy = await makeHierarchy();
  const revocation = await makeCrls(hierarchy.identities);
  const certificates = {
    ...hierarchy.certificates,
    ...(await makeProfiles(hierarchy.identities)),
    ...(await makeAlgorithms(hierarchy.identities)),
    ...(await makeSubjects(hierarchy.identities)),
    ...revocation.certificates,
  };
  return {
    /** Unix seconds at which every certificate is in date, unless its name says otherwise. */
    now: NOW,
    certificates,
    /** Certificates that end on different days. */
    endings: await makeEndings(),
    /** Revocation lists as base64 DER, and one of each kind of key with its authority. */
    crls: revocation.crls,
    signedCrls: revocation.signed,
    oracle: Object.fromEntries(Object.values(certificates).map((base64) => [base64, readOracleFacts(base64)])),
    /** The CA certificates that Node ships. */
    publicRoots: rootCertificates.map((pem) => {
      const base64 = new X509Certificate(pem).raw.toString("base64");
      return { base64, facts: readOracleFacts(base64) };
    }),
    keys: { signing: await makeKeySet("first", "second"), foreign: await makeKeySet("first") },
  };
}

async function makeKeySet(...kids: readonly string[]) {
  const keys = await Promise.all(
    kids.map(async (kid) => {
      const { privateKey } = await generateKeyPair("ES256", { extractable: true });
      const { x = "", y = "", d = "" } = await exportJWK(privateKey);
      return { kty: "EC" as const, crv: "P-256" as const, x, y, d, kid };
    }),
  );
  return { keys };
}

function readOracleFacts(base64: string) {
  const x509 = new X509Certificate(Buffer.from(base64, "base64"));
  const { subject, issuer } = readOracleNames(x509);
  return {
    sha256: x509.fingerprint256.replaceAll(":", "").toLowerCase(),
    serial: x509.serialNumber.toLowerCase(),
    notBefore: Date.parse(x509.validFrom) / 1000,
    notAfter: Date.parse(x509.validTo) / 1000,
    isCa: x509.ca,
    extendedKeyUsage: x509.keyUsage ?? [],
    spki: x509.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    isSelfSigned: x509.checkIssued(x509) && x509.verify(x509.publicKey),
    subject: subject ?? {},
    issuer: issuer ?? {},
  };
}

/** Node ends with a segmentation fault when it makes the legacy object of a key on a curve that is not NIST's. */
function readOracleNames(x509: X509Certificate): Record<string, Record<string, string | string[]>> {
  if (x509.publicKey.asymmetricKeyDetails?.namedCurve === "secp256k1") return {};
  return x509.toLegacyObject() as unknown as Record<string, Record<string, string | string[]>>;
}
