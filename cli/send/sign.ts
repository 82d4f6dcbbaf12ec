// Signs a body as a sender does, for `countersign send`. This file and core/signature/verify.ts share the table of schemes, but no
// code. If one of the two files has a fault, core/signature/verify.ts refuses the signature from this file, so a test fails.

import { createHmac, createPrivateKey, type KeyObject, randomUUID, sign } from "node:crypto";
import { messageOf } from "../../core/failure-chain.ts";
import {
  SIGNATURE_SCHEME_NAMES,
  SIGNATURE_SCHEMES,
  type SignatureScheme,
  type SignatureSchemeName,
} from "../../core/signature/schemes.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { UsageError } from "../command.ts";

/**
 * Returns the headers of a signature over the body. `option` is SCHEME:NAME, where NAME is the name of the secret. For Discord, which
 * signs with Ed25519, the secret is a private key in PEM.
 * @throws UsageError
 */
export function signBody(option: string, body: Uint8Array, now: number): Record<string, string> {
  const [, name = "", variable = ""] = /^([a-z-]+):([A-Z][A-Z0-9_]*)$/.exec(option) ?? [];
  const scheme = SIGNATURE_SCHEME_NAMES.find((known) => known === name);
  if (scheme === undefined)
    throw new UsageError(
      `--sign ${option} is not SCHEME:SECRET_NAME, a scheme of ${SIGNATURE_SCHEME_NAMES.join(", ")}`,
    );
  return headersOf(scheme, readKey(variable), body, now);
}

function readKey(name: string): string {
  try {
    const secret = readSecret(name);
    if (secret !== undefined && secret !== "") return secret;
  } catch (error) {
    throw new UsageError(`--sign: the secret ${name}: ${messageOf(error)}`);
  }
  throw new UsageError(
    `--sign: the secret ${name} is not set, by a variable of that name or by a file in ${name}_FILE`,
  );
}

function headersOf(name: SignatureSchemeName, secret: string, body: Uint8Array, now: number): Record<string, string> {
  const scheme = SIGNATURE_SCHEMES[name];
  const { headers, tags, id: idHeader, prefix, algorithm } = scheme;
  const id = `msg_${randomUUID()}`;
  const timestamp = scheme.hasDate ? new Date(now * 1000).toISOString() : String(now);
  const content = Buffer.concat([Buffer.from(prefix === undefined ? "" : prefix(timestamp, id)), body]);
  const tagOf = (kind: string) => tags.find(([, of]) => of === kind)?.[0];
  const time = tagOf("timestamp");
  const tag = tagOf("hmac") ?? tagOf("ed25519");
  const value = `${time === undefined ? "" : `${time}${timestamp},`}${tag}${signatureOf(scheme, secret, content)}`;
  return {
    [headers[0]]: value,
    ...(scheme.timestamp !== undefined && { [scheme.timestamp]: timestamp }),
    ...(idHeader !== undefined && { [idHeader]: id }),
    ...(algorithm !== undefined && { [algorithm[0]]: algorithm[1] }),
  };
}

function signatureOf({ encoding, keys }: SignatureScheme, secret: string, content: Uint8Array): string {
  if (keys === "hex") return sign(null, content, readPrivateKey(secret)).toString(encoding);
  const key = keys === "base64" ? Buffer.from(secret.replace(/^whsec_/, ""), "base64") : secret;
  return createHmac("sha256", key).update(content).digest(encoding);
}

function readPrivateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // OpenSSL's error is dropped, because the error below says the same in plainer words.
  }
  throw new UsageError(
    "--sign: the secret of this scheme is an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)",
  );
}
