// Signs a body as a sender does, for `countersign send`. This file and core/signature/verify.ts share the table of schemes, but no
// code. If one of the two files has a fault, core/signature/verify.ts refuses the signature from this file, so a test fails.

import { createHmac, randomUUID } from "node:crypto";
import { messageOf } from "../../core/failure-chain.ts";
import { SIGNATURE_SCHEME_NAMES, SIGNATURE_SCHEMES, type SignatureSchemeName } from "../../core/signature/schemes.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { UsageError } from "../command.ts";

/**
 * Returns the headers of an HMAC signature over the body. `option` is SCHEME:NAME, where NAME is the name of the secret.
 * @throws UsageError
 */
export function signBody(option: string, body: Uint8Array, now: number): Record<string, string> {
  const [, name = "", variable = ""] = /^([a-z-]+):([A-Z][A-Z0-9_]*)$/.exec(option) ?? [];
  const scheme = SIGNATURE_SCHEME_NAMES.find((known) => known === name);
  if (scheme === undefined)
    throw new UsageError(
      `--sign ${option} is not SCHEME:SECRET_NAME, a scheme of ${SIGNATURE_SCHEME_NAMES.join(", ")}`,
    );
  return headersOf(scheme, readKey(variable), body, String(now));
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

function headersOf(
  name: SignatureSchemeName,
  secret: string,
  body: Uint8Array,
  timestamp: string,
): Record<string, string> {
  const scheme = SIGNATURE_SCHEMES[name];
  const { headers, encoding, tags, id: idHeader, prefix, hasEncodedKeys, algorithm } = scheme;
  const id = `msg_${randomUUID()}`;
  const key = hasEncodedKeys ? Buffer.from(secret.replace(/^whsec_/, ""), "base64") : secret;
  const signature = createHmac("sha256", key)
    .update(prefix === undefined ? "" : prefix(timestamp, id))
    .update(body)
    .digest(encoding);
  const tagOf = (kind: string) => tags.find(([, of]) => of === kind)?.[0];
  const time = tagOf("timestamp");
  const value = `${time === undefined ? "" : `${time}${timestamp},`}${tagOf("hmac")}${signature}`;
  return {
    [headers[0]]: value,
    ...(scheme.timestamp !== undefined && { [scheme.timestamp]: timestamp }),
    ...(idHeader !== undefined && { [idHeader]: id }),
    ...(algorithm !== undefined && { [algorithm[0]]: algorithm[1] }),
  };
}
