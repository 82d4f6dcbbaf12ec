// If a Cloudflare Worker's fetch() cannot reach an origin, it does not throw but answers with 520 to 530. The local harness sends
// a worker's requests through the process's fetch, so this file makes that fetch behave in the same way.

import { describeCause } from "../../origin/failure-cause.ts";

const CODES: Readonly<Record<string, number>> = {
  ECONNREFUSED: 521,
  ETIMEDOUT: 522,
  UND_ERR_CONNECT_TIMEOUT: 522,
  EHOSTUNREACH: 523,
  ENETUNREACH: 523,
  ENOTFOUND: 530,
  DEPTH_ZERO_SELF_SIGNED_CERT: 526,
  SELF_SIGNED_CERT_IN_CHAIN: 526,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 526,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 526,
  CERT_HAS_EXPIRED: 526,
  ERR_TLS_CERT_ALTNAME_INVALID: 526,
};

let users = 0;
let original: typeof fetch | undefined;

/**
 * Makes the process's fetch answer like the platform's fetch. If a request gets no response, `report` receives the reason, because
 * the status does not show it. The returned function undoes this call. When all calls are undone, Node's own fetch is restored.
 */
export function installPlatformFetch(report: (text: string) => void): () => void {
  users += 1;
  original ??= globalThis.fetch;
  globalThis.fetch = platformFetch(original, report);
  let isInstalled = true;
  return () => {
    if (!isInstalled) return;
    isInstalled = false;
    users -= 1;
    if (users === 0 && original !== undefined) globalThis.fetch = original;
  };
}

function platformFetch(nodeFetch: typeof fetch, report: (text: string) => void): typeof fetch {
  return async (input, init) => {
    try {
      return await nodeFetch(input, init);
    } catch (error) {
      const { name, cause } = error as { name?: string; cause?: { code?: string } };
      if (name === "AbortError" || name === "TimeoutError") throw error;
      const status = CODES[cause?.code ?? ""] ?? 520;
      // The query is left out, because it may contain a secret.
      const { origin, pathname } = new URL(input instanceof Request ? input.url : input);
      report(`no answer from ${origin}${pathname}: ${describeCause(error)}`);
      return new Response(`error code: ${status}`, { status });
    }
  };
}
