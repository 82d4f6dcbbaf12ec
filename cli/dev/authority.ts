// Makes CA certificates, client certificates and revocation lists for local runs, `countersign doctor` and tests. Edge and origin
// never use this file.

import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
  type X509CrlEntryParams,
  X509CrlGenerator,
} from "@peculiar/x509";

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

const DAY_MILLISECONDS = 86_400_000;
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
type KeyAlgorithm = EcKeyGenParams | RsaHashedKeyGenParams | Algorithm;

export interface CertificateRequest {
  readonly subject: JsonName;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /**
   * The OIDs of the extension. An empty list leaves the extension out. Default: `clientAuth` for a leaf, and no extension for a
   * CA.
   */
  readonly extendedKeyUsage?: readonly string[];
  /** The bits of the extension. 0 leaves the extension out. Default: `digitalSignature` for a leaf, `keyCertSign` for a CA. */
  readonly keyUsage?: number;
  readonly subjectAltNames?: ConstructorParameters<typeof SubjectAlternativeNameExtension>[0];
  readonly extensions?: readonly Extension[];
  /** If given, the certificate is for a CA. `pathLength` is the path length constraint of this CA. */
  readonly ca?: { readonly pathLength?: number };
  readonly serialNumber?: string;
  readonly keyAlgorithm?: KeyAlgorithm;
  /** If given, the certificate is for this key pair. Otherwise a new key pair is made. */
  readonly keys?: CryptoKeyPair;
  readonly signingAlgorithm?: Algorithm | EcdsaParams;
}

/** A certificate with its key: a client, or an authority that signs others. */
export interface Identity {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
  /** The certificate, in PEM and as base64 DER. */
  readonly pem: string;
  readonly base64: string;
  readonly keyPem: string;
}

/** Issues a certificate. It is self-signed if there is no issuer. */
export async function issueCertificate(request: CertificateRequest, issuer?: Identity): Promise<Identity> {
  const keyAlgorithm = request.keyAlgorithm ?? ECDSA;
  const keys =
    request.keys ?? ((await webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"])) as CryptoKeyPair);
  const signer = issuer?.keys ?? keys;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: request.serialNumber ?? `00${randomBytes(15).toString("hex")}`,
    subject: new Name(request.subject),
    issuer: issuer?.certificate.subjectName ?? new Name(request.subject),
    notBefore: request.notBefore ?? new Date(Date.now() - DAY_MILLISECONDS),
    notAfter: request.notAfter ?? new Date(Date.now() + 365 * DAY_MILLISECONDS),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: (request.signingAlgorithm ?? signingAlgorithmOf(signer)) as EcdsaParams,
    extensions: await extensionsOf(request, keys, issuer),
  });
  return {
    certificate,
    keys,
    pem: certificate.toString("pem"),
    base64: Buffer.from(certificate.rawData).toString("base64"),
    keyPem: PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
  };
}

export interface CrlRequest {
  /** Serial numbers in hex, or entries with reasons. */
  readonly revoked?: readonly (string | X509CrlEntryParams)[];
  /** Default: one hour ago. */
  readonly thisUpdate?: Date;
  /** Default: one week from now. */
  readonly nextUpdate?: Date;
  /** The `cRLNumber`, at most 127 because it is written as one octet. Default: 1. */
  readonly number?: number;
  readonly extensions?: readonly Extension[];
}

const CRL_NUMBER = "2.5.29.20";

/** Issues a revocation list, as DER. */
export async function issueCrl(request: CrlRequest, issuer: Identity): Promise<Uint8Array> {
  const crl = await X509CrlGenerator.create({
    issuer: issuer.certificate.subjectName,
    thisUpdate: request.thisUpdate ?? new Date(Date.now() - DAY_MILLISECONDS / 24),
    nextUpdate: request.nextUpdate ?? new Date(Date.now() + 7 * DAY_MILLISECONDS),
    entries: (request.revoked ?? []).map((entry) => (typeof entry === "string" ? { serialNumber: entry } : entry)),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
      new Extension(CRL_NUMBER, false, Uint8Array.of(2, 1, request.number ?? 1)),
      ...(request.extensions ?? []),
    ],
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: signingAlgorithmOf(issuer.keys) as EcdsaParams,
  });
  return new Uint8Array(crl.rawData);
}

function signingAlgorithmOf({ privateKey }: CryptoKeyPair): Algorithm {
  return privateKey.algorithm.name === "ECDSA"
    ? { ...privateKey.algorithm, ...{ hash: "SHA-256" } }
    : privateKey.algorithm;
}

async function extensionsOf(request: CertificateRequest, keys: CryptoKeyPair, issuer?: Identity): Promise<Extension[]> {
  const isCa = request.ca !== undefined;
  const keyUsage =
    request.keyUsage ?? (isCa ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : KeyUsageFlags.digitalSignature);
  const extendedKeyUsage = request.extendedKeyUsage ?? (isCa ? [] : [CLIENT_AUTH]);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(isCa, request.ca?.pathLength, true),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  if (issuer !== undefined) extensions.push(await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey));
  if (keyUsage !== 0) extensions.push(new KeyUsagesExtension(keyUsage, true));
  if (extendedKeyUsage.length > 0) extensions.push(new ExtendedKeyUsageExtension([...extendedKeyUsage]));
  if (request.subjectAltNames !== undefined)
    extensions.push(new SubjectAlternativeNameExtension(request.subjectAltNames));
  return [...extensions, ...(request.extensions ?? [])];
}
