// Revocation lists: by the library and by openssl.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CRLDistributionPointsExtension, Extension, KeyUsageFlags, X509CrlReason } from "@peculiar/x509";
import { type CrlRequest, type Identity, issueCrl } from "../../cli/dev/authority.ts";
import { encode, sequence, tlv, toBase64 } from "./der-edit.ts";
import type { Hierarchy } from "./fixtures-hierarchy.ts";
import { base64Of, issueCa, issueClient, NOW } from "./fixtures-issue.ts";

const HOUR = 3600;
const at = (seconds: number) => new Date(seconds * 1000);
const POINT_A = "http://crl.example/a.crl";
const POINT_B = "http://crl.example/b.crl";

/** A list of the hour before NOW, good for a week. */
async function issue(issuer: Identity, request: CrlRequest = {}): Promise<string> {
  const times = { thisUpdate: at(NOW - HOUR), nextUpdate: at(NOW + 7 * 24 * HOUR) };
  return toBase64(await issueCrl({ ...times, ...request }, issuer));
}

/** issuingDistributionPoint with a full name, as a list of a part of the certificates has it. */
function pointOf(uri: string): Extension[] {
  const value = sequence(tlv(0xa0, [tlv(0xa0, [tlv(0x86, uri)])]));
  return [new Extension("2.5.29.28", true, Uint8Array.from(encode(value)))];
}

export async function makeCrls(identities: Hierarchy) {
  const { root, intermediate, client, direct, stranger } = identities;
  const serialOf = ({ certificate }: Identity) => certificate.serialNumber;
  const intermediateAgain = await issueCa("Intermediate", root, { keys: intermediate.keys });
  const intermediateRenamed = await issueCa("Renamed", root, { keys: intermediate.keys });
  const noCrlSignCa = await issueCa("No CRL Sign", root, { keyUsage: KeyUsageFlags.keyCertSign });
  const pointed = await issueClient(root, { extensions: [new CRLDistributionPointsExtension([POINT_A])] });
  // A CA with a new key under its name: the certificate of the old key by the root, and another by the new key.
  const rekeyedOld = await issueCa("Rekeyed", root);
  const rekeyedNew = await issueCa("Rekeyed", root);
  const rekeyedOldByNew = await issueCa("Rekeyed", rekeyedNew, { keys: rekeyedOld.keys });
  const rekeyedClient = await issueClient(rekeyedOld);
  const noCrlSignClient = await issueClient(noCrlSignCa);
  const certificates = base64Of({
    intermediateRenamed,
    rekeyedOld,
    rekeyedNew,
    rekeyedOldByNew,
    rekeyedClient,
    intermediateAgain,
    noCrlSignCa,
    noCrlSignCaClient: noCrlSignClient,
    pointed,
  });
  const crls = {
    root: await issue(root),
    rootNewer: await issue(root, { thisUpdate: at(NOW - HOUR / 2), number: 2 }),
    rootSameTime: await issue(root, { revoked: [serialOf(direct)], number: 2 }),
    rootRevokesDirect: await issue(root, { revoked: ["0a", serialOf(direct)] }),
    rootRevokesIntermediate: await issue(root, { revoked: [serialOf(intermediate)] }),
    rootRevokesClientsSerial: await issue(root, { revoked: [serialOf(client)] }),
    rootRevokesItself: await issue(root, { revoked: [serialOf(root)] }),
    rootStale: await issue(root, { thisUpdate: at(NOW - 48 * HOUR), nextUpdate: at(NOW - 1) }),
    rootStaleRevokesDirect: await issue(root, {
      thisUpdate: at(NOW - 48 * HOUR),
      nextUpdate: at(NOW - 1),
      revoked: [serialOf(direct)],
    }),
    rootFuture: await issue(root, { thisUpdate: at(NOW + 1) }),
    /** Named like the root's, later than it, signed by another key. */
    rootForged: await issue({ ...root, keys: stranger.keys }, { thisUpdate: at(NOW - 60), number: 9 }),
    rootPointA: await issue(root, { extensions: pointOf(POINT_A), number: 3 }),
    rootPointARevokesPointed: await issue(root, {
      extensions: pointOf(POINT_A),
      number: 4,
      revoked: [serialOf(pointed)],
    }),
    rootPointB: await issue(root, { extensions: pointOf(POINT_B) }),
    intermediate: await issue(intermediate),
    intermediateRevokesClient: await issue(intermediate, { revoked: [serialOf(client)] }),
    renamedRevokesClient: await issue(intermediateRenamed, { revoked: [serialOf(client)] }),
    stranger: await issue(stranger, { revoked: [serialOf(direct)] }),
    noCrlSign: await issue(noCrlSignCa),
    noCrlSignRevokes: await issue(noCrlSignCa, { revoked: [serialOf(noCrlSignClient)], number: 2 }),
    rekeyedByOld: await issue(rekeyedOld, { thisUpdate: at(NOW - 48 * HOUR), nextUpdate: at(NOW - 1) }),
    rekeyedByOldRevokes: await issue(rekeyedOld, {
      thisUpdate: at(NOW - 48 * HOUR),
      nextUpdate: at(NOW - 1),
      revoked: [serialOf(rekeyedClient)],
    }),
    rekeyedByNew: await issue(rekeyedNew),
    rekeyedByNewRevokes: await issue(rekeyedNew, { revoked: [serialOf(rekeyedClient)] }),
    entries: await issue(root, {
      revoked: [
        { serialNumber: "01", reason: X509CrlReason.keyCompromise, invalidity: at(NOW - HOUR) },
        { serialNumber: "00ff", reason: X509CrlReason.certificateHold },
        { serialNumber: "7f00", reason: X509CrlReason.removeFromCRL },
        { serialNumber: "0080ffffffffffffffffffffffffffffffffffffff" },
      ],
      number: 127,
    }),
    openssl: toBase64(issueByOpenssl(root, serialOf(direct))),
  };
  return { certificates, crls, signed: await makeSigned() };
}

/** One list a kind of key, with the certificate of its authority. */
async function makeSigned() {
  const rsa = { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const kinds = {
    "RSA with SHA-256": { ...rsa, hash: "SHA-256" },
    "RSA with SHA-512": { ...rsa, hash: "SHA-512" },
    "P-256": { name: "ECDSA", namedCurve: "P-256" },
    "P-384": { name: "ECDSA", namedCurve: "P-384" },
    Ed25519: { name: "Ed25519" },
  };
  return await Promise.all(
    Object.entries(kinds).map(async ([kind, keyAlgorithm]) => {
      const ca = await issueCa(kind, undefined, { keyAlgorithm });
      return { kind, authority: ca.base64, crl: await issue(ca) };
    }),
  );
}

const OPENSSL_CONFIGURATION = `
[ca]
default_ca = authority
[authority]
database = index.txt
crlnumber = number
default_md = sha384
crl_extensions = extensions
unique_subject = no
[extensions]
authorityKeyIdentifier = keyid
`;

/** A list of `openssl ca -gencrl`: entries with a reason, a hold instruction and an invalidity date. */
function issueByOpenssl(issuer: Identity, serial: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "countersign-crl-"));
  try {
    const index = [
      ["270101000000Z,keyCompromise", serial.toUpperCase()],
      ["270101000000Z,holdInstruction,1.2.840.10040.2.2", "03"],
      ["270101000000Z,keyTime,20261231000000Z", "04"],
    ].map(([revoked, hex]) => `R\t300101000000Z\t${revoked}\t${hex}\tunknown\t/CN=any\n`);
    const files = {
      "openssl.cnf": OPENSSL_CONFIGURATION,
      "index.txt": index.join(""),
      "index.txt.attr": "unique_subject = no\n",
      number: "1000\n",
      "ca.pem": issuer.pem,
      "ca.key": issuer.keyPem,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const times = ["-crl_lastupdate", "20270101000000Z", "-crl_nextupdate", "20270108000000Z"];
    const keys = ["-keyfile", "ca.key", "-cert", "ca.pem"];
    execFileSync("openssl", ["ca", "-config", "openssl.cnf", "-gencrl", ...keys, ...times, "-out", "ca.crl"], {
      cwd: directory,
      stdio: "pipe",
    });
    execFileSync("openssl", ["crl", "-in", "ca.crl", "-outform", "DER", "-out", "ca.der"], { cwd: directory });
    return new Uint8Array(readFileSync(join(directory, "ca.der")));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
