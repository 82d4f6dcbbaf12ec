// The one reader of certificates and keys in files: origin/wanted-contents.ts says which forms it takes, and what else a file holds.

import { type KeyObject, X509Certificate } from "node:crypto";
import { type Certificate, formatPem, parseCertificate } from "../core/certificate.ts";
import { CLIENT_AUTH } from "../core/certificate-extensions.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import { SEQUENCE } from "../core/encoded-values.ts";
import { messageOf } from "../core/failure-chain.ts";
import { Refusal } from "../core/refusal.ts";
import { type Item, readContents } from "../origin/file-contents.ts";
import { formatKey, holdsLockedKey, readKey, readPems } from "../origin/node/pem-files.ts";
import { readLine } from "../origin/node/secret-files.ts";
import { oneLine } from "../origin/node/server-certificate.ts";
import { shellWord } from "../origin/shell-word.ts";
import { isBroken, pickContents, WrongContents } from "../origin/wanted-contents.ts";
import { UsageError } from "./command.ts";
import { readBytes } from "./files.ts";

/** The certificates of a file, in its order: PEM or DER, with whatever else is in it. @throws UsageError that names the file */
export function readCertificates(file: string): readonly Certificate[] {
  return parseCertificates(readBytes(file), file);
}

/** The same of bytes that come `from` elsewhere. */
export function parseCertificates(bytes: Uint8Array, from: string): readonly Certificate[] {
  return told(() => pickContents("certificate", bytes, from)).map(({ der }, index) => {
    try {
      return parseCertificate(der.toString("base64"));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new UsageError(`${from}: ${error.message} (certificate ${index + 1} of it: ${error.details["cause"]})`);
    }
  });
}

/**
 * What stands for certificates, as base64 of its DER, unread: also what is none, or not whole, where the file says that it is one.
 * It is what a sender may present, and what is wrong with it is to be explained.
 */
export function readPresentedCertificates(file: string): readonly string[] {
  const bytes = readBytes(file);
  const items = readContents(bytes);
  const claimed = items.filter((item) => item.kind === "certificate" || isClaimed(item));
  const isReadable = claimed.length > 0 && items.every((item) => claimed.includes(item) || !isBroken(item));
  const whole = isReadable ? claimed : told(() => pickContents("certificate", bytes, file));
  return whole.map(({ der }) => der.toString("base64"));
}

/** By its label, also where the DER in it breaks off; of DER alone, what is whole and nothing else. */
function isClaimed({ kind, der, label }: Item): boolean {
  if (label === undefined) return kind === "other" && der[0] === SEQUENCE;
  return /^(?:X509 )?CERTIFICATE$/.test(label) && (kind === "other" || (kind === "cutOff" && der.length > 0));
}

/** Certificates in PEM, as the runtime wants them. These are ours, so they are not held to what a sender's must keep. */
export function readCertificatesAsPem(file: string): readonly string[] {
  return told(() => readPems(readBytes(file), file));
}

/** The one private key of a file. @throws UsageError that names the file, and never shows the key */
export function readPrivateKey(file: string, passphraseFile?: string): KeyObject {
  const bytes = readBytes(file);
  const passphrase = passphraseFile === undefined ? undefined : readPassphrase(passphraseFile);
  if (passphrase === undefined && holdsLockedKey(bytes))
    throw new UsageError(
      `${file} holds a private key with a passphrase: name a file that holds the passphrase with --key-passphrase-file, or take it off: openssl pkey -in ${shellWord(file)} -out key.pem`,
    );
  return told(() => readKey(bytes, file, passphrase));
}

function readPassphrase(file: string): string {
  try {
    return readLine(file);
  } catch (error) {
    throw new UsageError(`--key-passphrase-file: ${messageOf(error)}`);
  }
}

/** A certificate with what is behind it, and its key, both in PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
  readonly chain: readonly X509Certificate[];
}

/** Reads the second file also where the first is at fault: both are told at once. */
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

/** A pair of our own, to present. @throws UsageError that names the file at fault, ConfigurationError where both are */
export function readPair(certificateFile: string, keyFile: string, passphraseFile?: string): Pair {
  const [pems, key] = readBoth(
    () => readCertificatesAsPem(certificateFile),
    () => readPrivateKey(keyFile, passphraseFile),
  );
  const chain = pems.map((pem) => new X509Certificate(pem));
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (own < 0) throw new UsageError(`${keyFile}: the key is not that of the certificate in ${certificateFile}`);
  if (own > 0) {
    const first = oneLine(chain[0]?.subject);
    throw new UsageError(
      `${certificateFile} begins with the certificate of ${first}, and that of the key is number ${own + 1} in it: put it first, and what is behind it in order`,
    );
  }
  return { certificate: pems.join(""), key: formatKey(key), chain };
}

/** CA certificates among those of a file. @throws UsageError where there is none */
export function readAuthorities(file: string): readonly Certificate[] {
  const certificates = readCertificates(file);
  const authorities = certificates.filter(({ isCa }) => isCa);
  if (authorities.length > 0) return [...new Map(authorities.map((one) => [one.sha256, one])).values()];
  const [leaf] = certificates;
  throw new UsageError(
    `${file} holds no CA certificate, but that of ${leaf?.subjectText}: give the certificate of its issuer, ${leaf?.issuerText}`,
  );
}

/** The sender's own certificates: all that are no CA's, beginning with the first. @throws UsageError for a CA in its place */
export function readSenderCertificates(file: string): readonly Certificate[] {
  const certificates = readCertificates(file);
  const [first] = certificates;
  if (first === undefined) throw new UsageError(`${file} holds no certificate`);
  if (!first.isCa) return certificates.filter(({ isCa }) => !isCa);
  const own = certificates.findIndex(({ isCa }) => !isCa);
  throw new UsageError(
    own < 0
      ? `${file} holds a CA certificate, ${first.subjectText}, and a CA is no sender: it goes with --anchor NAME=FILE; give the certificate that the sender presents`
      : `${file} begins with a CA certificate, ${first.subjectText}, and the sender's is number ${own + 1} in it: put it first. This writes it to a file of its own: awk '/BEGIN CERT/{n++} n==${own + 1}' ${shellWord(file)} > sender.pem`,
  );
}

/** Why a server of ours refuses each request with this certificate, as far as it says so by itself. */
export function faultsOfClient({ validFromDate, validToDate, keyUsage }: X509Certificate): string[] {
  // Undefined where the certificate is for any use.
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

/** Certificates as one PEM text. */
export function formatPems(certificates: readonly Certificate[]): string {
  return certificates.map(({ base64 }) => formatPem(base64)).join("");
}

/** @throws UsageError for WrongContents */
function told<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof WrongContents ? new UsageError(error.message) : error;
  }
}
