// A minimal worker that only signs. It hashes the body, signs the digest with the runtime's functions, and passes the request on.

interface Bindings {
  readonly ORIGIN_URL: string;
  readonly SIGNING_KEYS: string;
}

const ES256 = { name: "ECDSA", hash: "SHA-256", namedCurve: "P-256" };
let key: Promise<CryptoKey> | undefined;

export default {
  async fetch(request: Request, bindings: Bindings): Promise<Response> {
    key ??= importKey(bindings);
    const { pathname, search } = new URL(request.url);
    const body = await request.arrayBuffer();
    const digest = await crypto.subtle.digest("SHA-256", body);
    const signature = await crypto.subtle.sign(ES256, await key, digest);
    const headers = new Headers(request.headers);
    headers.set("signature", Buffer.from(signature).toString("base64"));
    return fetch(`${bindings.ORIGIN_URL}${pathname}${search}`, { method: request.method, headers, body });
  },
};

function importKey({ SIGNING_KEYS }: Bindings): Promise<CryptoKey> {
  const { keys } = JSON.parse(SIGNING_KEYS) as { keys: [JsonWebKey] };
  return crypto.subtle.importKey("jwk", keys[0], ES256, false, ["sign"]);
}
