// Reads certificates and keys from files, for all commands. The accepted formats are those of origin/contents/wanted.ts.

import { type KeyObject, X509Certificate } from "node:crypto";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { Refusal } from "../../core/refusal.ts";
import { type Certificate, formatPem, parseCertificate } from "../../core/x509/certificate.ts";
import { CLIENT_AUTH } from "../../core/x509/certificate-extensions.ts";
import { SEQUENCE } from "../../core/x509/encoded-values.ts";
import { type Item, readContents } from "../../origin/contents/file.ts";
import { isBroken, pickContents, WrongContents } from "../../origin/contents/wanted.ts";
import { formatKey, holdsLockedKey, readKey, readPems } from "../../origin/node/pem-files.ts";
import { readLine } from "../../origin/node/secret-files.ts";
import { oneLine } from "../../origin/node/tls/server-certificate.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { UsageError } from "../command.ts";
import { readBytes } from "./files.ts";

/**
 * Returns the certificates of a PEM or DER file, in the order of the file. Other content is skipped.
 * @throws UsageError that names the file
 */
export function readCertificates(file: string): readonly Certificate[] {
  return parseCertificates(readBytes(file), file);
}

/** Returns the certificates in these bytes. `from` names the source of the bytes in messages. */
export function parseCertificates(bytes: Uint8Array, from: string): readonly Certificate[] {
  return asUsageError(() => pickContents("certificate", bytes, from)).map(({ der }, index) => {
    try {
      return parseCertificate(der.toString("base64"));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new UsageError(`${from}: ${error.message} (certificate ${index + 1} of it: ${error.details["cause"]})`);
    }
  });
}

/**
 * Returns each item of the file that is a certificate or claims to be one, as base64 DER. The items are not parsed. A damaged item
 * is returned too, because a sender may present such a certificate, and `explain` says what is wrong with it.
 */
export function readPresentedCertificates(file: string): readonly string[] {
  const bytes = readBytes(file);
  const items = readContents(bytes);
  const claimed = items.filter((item) => item.kind === "certificate" || isClaimed(item));
  const isReadable = claimed.length > 0 && items.every((item) => claimed.includes(item) || !isBroken(item));
  const whole = isReadable ? claimed : asUsageError(() => pickContents("certificate", bytes, file));
  return whole.map(({ der }) => der.toString("base64"));
}

/**
 * Returns true if the item claims to be a certificate. If the item has a PEM label, its DER may be cut off. Without a label, the
 * DER must be complete.
 */
function isClaimed({ kind, der, label }: Item): boolean {
  if (label === undefined) return kind === "other" && der[0] === SEQUENCE;
  return /^(?:X509 )?CERTIFICATE$/.test(label) && (kind === "other" || (kind === "cutOff" && der.length > 0));
}

/**
 * Returns the certificates in PEM, for node:tls. They belong to the user, so the rules for certificates of senders do not apply to
 * them.
 */
export function readCertificatesAsPem(file: string): readonly string[] {
  return asUsageError(() => readPems(readBytes(file), file));
}

/** Returns the one private key of a file. @throws UsageError that names the file, and never shows the key */
export function readPrivateKey(file: string, passphraseFile?: string): KeyObject {
  const bytes = readBytes(file);
  const passphrase = passphraseFile === undefined ? undefined : readPassphrase(passphraseFile);
  if (passphrase === undefined && holdsLockedKey(bytes))
    throw new UsageError(
      `${file} holds a private key with a passphrase: name a file that contains the passphrase with --key-passphrase-file, or remove the passphrase: openssl pkey -in ${shellWord(file)} -out key.pem`,
    );
  return asUsageError(() => readKey(bytes, file, passphrase));
}

function readPassphrase(file: string): string {
  try {
    return readLine(file);
  } catch (error) {
    throw new UsageError(`--key-passphrase-file: ${messageOf(error)}`);
  }
}

/** A certificate and its key, in PEM. `certificate` also contains the intermediates. `chain` has the same certificates, parsed. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
  readonly chain: readonly X509Certificate[];
}

/** Reads the second file even if reading the first fails, so that the user sees both faults at once. */
function readBoth<A, B>(readFirst: () => A, readSecond: () => B): [A, B] {
  let first: A;
  try {
    first = readFirst();
  } catch (error) {
    try {
      readSecond();
    } catch (other) {
      throw new ConfigurationError("files", [messageOf(error), messageOf(other)]);
    }
    throw error;
  }
  return [first, readSecond()];
}

/**
 * Reads the user's own certificate and key, which are presented in a handshake.
 * @throws UsageError that names the file at fault, ConfigurationError if both are at fault
 */
export function readPair(certificateFile: string, keyFile: string, passphraseFile?: string): Pair {
  const [pems, key] = readBoth(
    () => readCertificatesAsPem(certificateFile),
    () => readPrivateKey(keyFile, passphraseFile),
  );
  const chain = pems.map((pem) => new X509Certificate(pem));
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (own < 0) throw new UsageError(`${keyFile}: the key does not belong to the certificate in ${certificateFile}`);
  if (own > 0) {
    const first = oneLine(chain[0]?.subject);
    throw new UsageError(
      `${certificateFile} begins with the certificate of ${first}, but the certificate of the key is number ${own + 1} in it: put that certificate first, and its issuers after it in order`,
    );
  }
  return { certificate: pems.join(""), key: formatKey(key), chain };
}

/** Returns the CA certificates in a file without repetitions. @throws UsageError if there is none */
export function readAuthorities(file: string): readonly Certificate[] {
  const certificates = readCertificates(file);
  const authorities = certificates.filter(({ isCa }) => isCa);
  if (authorities.length > 0) return [...new Map(authorities.map((one) => [one.sha256, one])).values()];
  const [leaf] = certificates;
  throw new UsageError(
    `${file} holds no CA certificate, but that of ${leaf?.subjectText}: give the certificate of its issuer, ${leaf?.issuerText}`,
  );
}

/**
 * Returns the sender's own certificates: all that are not CA certificates. If the file has only CA certificates, returns the first,
 * which the sender presents. The others are its issuers.
 * @throws UsageError if the file begins with a CA certificate and also has a certificate that is not a CA certificate
 */
export function readSenderCertificates(file: string): readonly Certificate[] {
  const certificates = readCertificates(file);
  const [first] = certificates;
  if (first === undefined) throw new UsageError(`${file} holds no certificate`);
  if (!first.isCa) return certificates.filter(({ isCa }) => !isCa);
  const own = certificates.findIndex(({ isCa }) => !isCa);
  if (own < 0) return [first];
  throw new UsageError(
    `${file} begins with a CA certificate, ${first.subjectText}, but the sender's certificate is number ${own + 1} in it: put that certificate first. This command writes it to a separate file: awk '/BEGIN CERT/{n++} n==${own + 1}' ${shellWord(file)} > sender.pem`,
  );
}

/**
 * Returns the faults of the certificate itself. With any of these faults, a Countersign server refuses every request with the
 * certificate.
 */
export function faultsOfClient({ validFromDate, validToDate, keyUsage }: X509Certificate): string[] {
  // `keyUsage` is undefined if the certificate has no extended key usage. Such a certificate may be used for any purpose.
  const uses = keyUsage as readonly string[] | undefined;
  const now = Date.now();
  return [
    ...(validToDate.getTime() < now ? [`the certificate expired on ${validToDate.toISOString()}`] : []),
    ...(validFromDate.getTime() > now ? [`the certificate is not valid before ${validFromDate.toISOString()}`] : []),
    ...(uses === undefined || uses.includes(CLIENT_AUTH)
      ? []
      : ["the certificate is not for clients (its extended key usage lacks clientAuth)"]),
  ];
}

export function formatPems(certificates: readonly Certificate[]): string {
  return certificates.map(({ base64 }) => formatPem(base64)).join("");
}

function asUsageError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof WrongContents ? new UsageError(error.message) : error;
  }
}
