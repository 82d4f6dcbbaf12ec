// A worker as somebody would write it in an afternoon. It signs method, path and body digest with jose, and checks nothing.

import { type CryptoKey, importJWK, type JWK, SignJWT } from "jose";

interface Bindings {
  readonly ORIGIN_URL: string;
  readonly ISSUER: string;
  readonly AUDIENCE: string;
  readonly SIGNING_KEYS: string;
}

let signer: Promise<{ kid: string; key: CryptoKey }> | undefined;

export default {
  async fetch(request: Request, bindings: Bindings): Promise<Response> {
    signer ??= importSigner(bindings);
    const { kid, key } = await signer;
    const { pathname, search } = new URL(request.url);
    const body = await request.arrayBuffer();
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", body)).toString("base64");
    const token = await new SignJWT({ req: { method: request.method, target: pathname + search, digest } })
      .setProtectedHeader({ alg: "ES256", kid })
      .setIssuer(bindings.ISSUER)
      .setAudience(bindings.AUDIENCE)
      .setIssuedAt()
      .setExpirationTime("60s")
      .setJti(crypto.randomUUID())
      .sign(key);
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetch(`${bindings.ORIGIN_URL}${pathname}${search}`, { method: request.method, headers, body });
  },
};

async function importSigner({ SIGNING_KEYS }: Bindings): Promise<{ kid: string; key: CryptoKey }> {
  const { keys } = JSON.parse(SIGNING_KEYS) as { keys: [JWK & { kid: string }] };
  return { kid: keys[0].kid, key: (await importJWK(keys[0], "ES256")) as CryptoKey };
}
