// Reads the operator's own certificates and keys from files in any form. Returns certificates in PEM, and keys as objects of Node.
// The rules for senders' certificates do not apply to these certificates.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { messageOf } from "../../core/failure-chain.ts";
import { readContents, textOf } from "../contents/file.ts";
import { pickContents, WrongContents } from "../contents/wanted.ts";
import { shellWord } from "../shell-word.ts";

/** Returns each certificate in PEM, in the order of the file. @throws WrongContents */
export function readPems(bytes: Uint8Array, file: string): readonly string[] {
  return pickContents("certificate", bytes, file).map(({ der }, index) => {
    try {
      return new X509Certificate(der).toString();
    } catch (error) {
      const cause = messageOf(error);
      throw new WrongContents(`${file}: certificate ${index + 1} of it cannot be read: ${cause}`);
    }
  });
}

/**
 * Reads the only private key of a file. `passphrase` decrypts an encrypted key.
 * @throws WrongContents, which never shows the key
 */
export function readKey(bytes: Uint8Array, file: string, passphrase?: string): KeyObject {
  if (passphrase !== undefined && holdsLockedKey(bytes)) return openKey(bytes, file, passphrase);
  const [item, ...others] = pickContents("key", bytes, file);
  if (others.length > 0)
    throw new WrongContents(`${file} holds ${others.length + 1} private keys: keep the one that is meant`);
  for (const type of ["pkcs8", "sec1", "pkcs1"] as const) {
    try {
      return createPrivateKey({ key: item?.der ?? Buffer.alloc(0), format: "der", type });
    } catch {
      // This DER is a key of another type, or no key. The next type is tried.
    }
  }
  throw new WrongContents(
    `${file} holds a private key that cannot be read: openssl pkey -in ${shellWord(file)} -check -noout`,
  );
}

export function holdsLockedKey(bytes: Uint8Array): boolean {
  return readContents(bytes).some(({ kind }) => kind === "lockedKey");
}

function openKey(bytes: Uint8Array, file: string, passphrase: string): KeyObject {
  const isPem = readContents(bytes).some(({ isPem }) => isPem);
  const key = Buffer.from(bytes);
  try {
    const form = isPem
      ? ({ key: textOf(key), format: "pem" } as const)
      : ({ key, format: "der", type: "pkcs8" } as const);
    return createPrivateKey({ ...form, passphrase });
  } catch {
    throw new WrongContents(`${file} holds a private key with another passphrase than the one that is given`);
  }
}

export function formatKey(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}
