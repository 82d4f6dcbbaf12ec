// Seals texts that a program stores and reads again later. The seal is a signature with the program's signing key. So somebody who
// can write to the store cannot forge such a text. Format: one line of JSON with the seal, then the text.

import { ES256 } from "./es256.ts";
import { importVerificationKeys, type SigningKeys } from "./keys.ts";

/** The type and version of the text. A seal is not valid for a text of another type or version. */
export interface TextType {
  readonly type: string;
  readonly version: number;
}

export async function sealText(text: string, { type, version }: TextType, { signer }: SigningKeys): Promise<string> {
  const signature = await crypto.subtle.sign(ES256, signer.key, bytesToSign(text, { type, version }));
  const seal = { type, version, kid: signer.kid, signature: Buffer.from(signature).toString("base64url") };
  return `${JSON.stringify(seal)}\n${text}`;
}

/**
 * Returns the text if a key in `jwks` sealed it, with the type and the version of `expected`.
 * @throws Error that says why the seal is not accepted
 */
export async function openSealedText(sealed: string, expected: TextType, { jwks }: SigningKeys): Promise<string> {
  const end = sealed.indexOf("\n");
  const { type, version, kid, signature } = parseSeal(sealed.slice(0, Math.max(end, 0)));
  if (type !== expected.type) throw new Error(`not a sealed ${expected.type}`);
  if (version !== expected.version) throw new Error(`version ${version} of ${type} is not known here`);
  const key = (await importVerificationKeys(jwks)).get(String(kid));
  if (key === undefined)
    throw new Error(`sealed with the key ${String(kid).slice(0, 64)}, which SIGNING_KEYS no longer holds`);
  const text = sealed.slice(end + 1);
  const bytes = Buffer.from(String(signature), "base64url");
  const isIntact =
    bytes.toString("base64url") === signature &&
    (await crypto.subtle.verify(ES256, key, bytes, bytesToSign(text, expected)));
  if (!isIntact) throw new Error("the seal is broken");
  return text;
}

/**
 * Returns the bytes that a seal signs. They begin with a line that contains a space. The signing input of a JWS never contains a
 * space, so no signature is valid for both a seal and a JWS.
 */
function bytesToSign(text: string, { type, version }: TextType): Uint8Array<ArrayBuffer> {
  return Buffer.from(`${type} ${version}\n${text}`);
}

function parseSeal(line: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}
