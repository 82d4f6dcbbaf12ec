// Picks certificates or a key from a file. Accepts every form that is unambiguous. For any other file, the error says what the file
// holds and how to convert it.

import { shellWord } from "../shell-word.ts";
import { describeContents, type Item, type Kind, nameUtf16, readContents } from "./file.ts";

export type Wanted = "certificate" | "key";

const WANTED: Readonly<Record<Wanted, string>> = {
  certificate: "certificate",
  key: "private key without a passphrase",
};

/**
 * The error for a file that does not hold what is wanted, or that also holds something broken. The message says what the file holds
 * and what to do. The message can be shown to a user unchanged.
 */
export class WrongContents extends Error {
  override readonly name = "WrongContents";
}

/**
 * Returns the wanted items of a file.
 * @throws WrongContents if there are none, or if certificates are wanted and an item of the file is broken
 */
export function pickContents(wanted: Wanted, bytes: Uint8Array, from: string): readonly Item[] {
  const items = readContents(bytes);
  const found = items.filter(({ kind }) => kind === wanted);
  const broken = items.find(isBroken);
  // A second certificate that is cut off must be reported, not skipped.
  if (found.length > 0 && (broken === undefined || wanted === "key")) return found;
  const [first] = broken === undefined ? items : [broken];
  const what = broken === undefined ? describeContents(items) : describeContents([broken]);
  const held = found.length > 0 ? `${describeContents(found)}, but also` : `no ${WANTED[wanted]}, but`;
  throw new WrongContents(`${from} holds ${held} ${what}: ${mend(first as Item, wanted, from)}`);
}

/** Returns true if the item may be a certificate or a key, but cannot be read as one. */
export function isBroken({ kind }: Item): boolean {
  return kind === "cutOff" || kind === "damaged" || kind === "trustedCertificate";
}

function mend({ kind, isPem, der }: Item, wanted: Wanted, from: string): string {
  const file = shellWord(from);
  const form = isPem ? "" : " -inform DER";
  const isKey = wanted === "key";
  const exports: Partial<Record<Kind, string>> = {
    pkcs12: `openssl pkcs12 -in ${file} ${isKey ? "-nocerts -nodes -out key.pem" : "-nokeys -out certificates.pem"}`,
    pkcs7: `openssl pkcs7 -in ${file}${form} -print_certs -out certificates.pem`,
    lockedKey: isKey ? `openssl pkey -in ${file}${form} -out key.pem` : COUNTERPART.certificate,
    opensshKey: `ssh-keygen -p -N "" -m PKCS8 -f ${file} (which changes the file)`,
    trustedCertificate: `openssl crl2pkcs7 -nocrl -certfile ${file} | openssl pkcs7 -print_certs -out certificates.pem`,
    request: "send it to the authority, and give the certificate that it answers with",
    publicKey: isKey ? COUNTERPART.key : "give the certificate that was issued for this key",
    key: COUNTERPART.certificate,
    certificate: COUNTERPART.key,
    utf16: `iconv -f ${nameUtf16(der)} -t UTF-8 ${file} > mended.pem`,
    javaStore: `keytool -importkeystore -srckeystore ${file} -destkeystore store.p12 -deststoretype PKCS12, then openssl pkcs12 -in store.p12`,
    compressed: "unpack it first",
    empty: "copy or fetch it again",
    html: "it is a web page, not the file: fetch the file itself",
  };
  return (
    exports[kind] ??
    `copy or fetch it again, and look at it with openssl ${isKey ? "pkey" : "x509"} -in ${file} -noout -text`
  );
}

const COUNTERPART: Readonly<Record<Wanted, string>> = {
  certificate: "give the certificate that belongs to this key",
  key: "give the private key that belongs to this certificate",
};
