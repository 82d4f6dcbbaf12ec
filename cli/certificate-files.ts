// The one reader of certificates and keys in files. It takes every form that leaves no doubt, and of anything else it says what the
// file holds and how to make of it what is wanted.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type Certificate, formatPem, parseCertificate } from "../core/certificate.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import { Refusal } from "../core/refusal.ts";
import { describeContents, type Item, type Kind, readContents } from "../origin/file-contents.ts";
import { UsageError } from "./command.ts";
import { readBytes } from "./files.ts";

type Wanted = "certificate" | "key";

const WANTED: Readonly<Record<Wanted, string>> = {
  certificate: "certificate",
  key: "private key without a passphrase",
};

/** The certificates of a file, in its order: PEM or DER, with whatever else is in it. @throws UsageError that names the file */
export function readCertificates(file: string): readonly Certificate[] {
  return parseCertificates(readBytes(file), file);
}

/** The first certificate of a file, in a chain the leaf. @throws UsageError that names the file */
export function readFirstCertificate(file: string): Certificate {
  return readCertificates(file)[0] as Certificate;
}

/** The same of bytes that come `from` elsewhere. */
export function parseCertificates(bytes: Uint8Array, from: string): readonly Certificate[] {
  return pick("certificate", bytes, from).map(({ der }, index) => {
    try {
      return parseCertificate(der.toString("base64"));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new UsageError(`${from}: ${error.message} (certificate ${index + 1} of it: ${error.details["cause"]})`);
    }
  });
}

/** The certificates as base64 of their DER, unread. */
export function readEncodedCertificates(file: string): readonly string[] {
  return pick("certificate", readBytes(file), file).map(({ der }) => der.toString("base64"));
}

/** Certificates in PEM, as the runtime wants them. These are ours, so they are not held to what a sender's must keep. */
export function readCertificatesAsPem(file: string): readonly string[] {
  return pick("certificate", readBytes(file), file).map(({ der }, index) => {
    try {
      return new X509Certificate(der).toString();
    } catch (error) {
      throw new UsageError(`${file}: certificate ${index + 1} of it cannot be read: ${messageOf(error)}`);
    }
  });
}

/** The one private key of a file. @throws UsageError that names the file, and never shows the key */
export function readPrivateKey(file: string): KeyObject {
  const [item, ...others] = pick("key", readBytes(file), file);
  if (others.length > 0)
    throw new UsageError(`${file} holds ${others.length + 1} private keys: keep the one that is meant`);
  for (const type of ["pkcs8", "sec1", "pkcs1"] as const) {
    try {
      return createPrivateKey({ key: item?.der ?? Buffer.alloc(0), format: "der", type });
    } catch {
      // Of another type, or of none.
    }
  }
  throw new UsageError(`${file} holds a private key that cannot be read: openssl pkey -in ${file} -check -noout`);
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
export function readPair(certificateFile: string, keyFile: string): Pair {
  const [pems, key] = readBoth(
    () => readCertificatesAsPem(certificateFile),
    () => readPrivateKey(keyFile),
  );
  const chain = pems.map((pem) => new X509Certificate(pem));
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (own < 0) throw new UsageError(`${keyFile}: the key is not that of the certificate in ${certificateFile}`);
  if (own > 0) {
    const first = chain[0]?.subject.replaceAll("\n", ", ");
    throw new UsageError(
      `${certificateFile} begins with the certificate of ${first}, and that of the key is number ${own + 1} in it: put it first, and what is behind it in order`,
    );
  }
  return { certificate: pems.join(""), key: String(key.export({ type: "pkcs8", format: "pem" })), chain };
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

/** A sender's own certificate: the first, with what certifies it behind it. @throws UsageError for a CA in its place */
export function readSenderCertificate(file: string): Certificate {
  const certificates = readCertificates(file);
  const [first] = certificates;
  if (first === undefined) throw new UsageError(`${file} holds no certificate`);
  if (!first.isCa) return first;
  const own = certificates.findIndex(({ isCa }) => !isCa);
  throw new UsageError(
    own < 0
      ? `${file} holds a CA certificate, ${first.subjectText}, and a CA is no sender: it goes with --anchor NAME=FILE; give the certificate that the sender presents`
      : `${file} begins with a CA certificate, ${first.subjectText}, and the sender's is number ${own + 1} in it: put it first. This writes it to a file of its own: awk '/BEGIN CERT/{n++} n==${own + 1}' ${file} > sender.pem`,
  );
}

/** Certificates as one PEM text. */
export function formatPems(certificates: readonly Certificate[]): string {
  return certificates.map(({ base64 }) => formatPem(base64)).join("");
}

/** @throws UsageError that says what is in the place of what is wanted, or beside it without being whole */
function pick(wanted: Wanted, bytes: Uint8Array, from: string): readonly Item[] {
  const items = readContents(bytes);
  const found = items.filter(({ kind }) => kind === wanted);
  const broken = items.find(({ kind }) => kind === "cutOff" || kind === "damaged" || kind === "trustedCertificate");
  // A second certificate that is cut off must not be missed without a word.
  if (found.length > 0 && (broken === undefined || wanted === "key")) return found;
  const [first] = broken === undefined ? items : [broken];
  const what = broken === undefined ? describeContents(items) : describeContents([broken]);
  throw new UsageError(`${from} holds no ${WANTED[wanted]}, but ${what}: ${mend(first as Item, wanted, from)}`);
}

function mend({ kind, isPem }: Item, wanted: Wanted, file: string): string {
  const form = isPem ? "" : " -inform DER";
  const isKey = wanted === "key";
  const exports: Partial<Record<Kind, string>> = {
    pkcs12: `openssl pkcs12 -in ${file} ${isKey ? "-nocerts -nodes -out key.pem" : "-nokeys -out certificates.pem"}`,
    pkcs7: `openssl pkcs7 -in ${file}${form} -print_certs -out certificates.pem`,
    lockedKey: isKey ? `openssl pkey -in ${file}${form} -out key.pem` : OTHER_OPTION.certificate,
    opensshKey: `ssh-keygen -p -N "" -m PKCS8 -f ${file} (which changes the file)`,
    trustedCertificate: `openssl x509 -in ${file} -out certificate.pem`,
    request: "send it to the authority, and give the certificate that it answers with",
    publicKey: isKey ? OTHER_OPTION.key : "give the certificate that was issued for this key",
    key: OTHER_OPTION.certificate,
    certificate: OTHER_OPTION.key,
    utf16: `iconv -f UTF-16 -t UTF-8 ${file} > mended.pem`,
    javaStore: `keytool -importkeystore -srckeystore ${file} -destkeystore store.p12 -deststoretype PKCS12, then openssl pkcs12 -in store.p12`,
    compressed: "unpack it first",
    html: "it was fetched from a page that is not the file; fetch it anew",
  };
  return (
    exports[kind] ??
    `copy or fetch it anew, and look at it with openssl ${isKey ? "pkey" : "x509"} -in ${file} -noout -text`
  );
}

const OTHER_OPTION: Readonly<Record<Wanted, string>> = {
  certificate: "a key goes with --key, and the certificate with --certificate; are they swapped?",
  key: "a certificate goes with --certificate, and its private key with --key; are they swapped?",
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
