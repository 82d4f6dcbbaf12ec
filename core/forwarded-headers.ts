// The headers of a request that brings a delivery to who verifies it again: an edge to its origin, an origin to its upstream.

import type { Delivery } from "./delivery.ts";
import { formatClientCertChainField, formatClientCertField } from "./presented-certificate.ts";
import { forwardableHeaders } from "./signed-headers.ts";
import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "./wire.ts";

/**
 * The sender's selected headers as far as they are signed, the assertion and what it is bound to. The selected names are lower case and none of ours,
 * so no name is there twice. A certificate whose bytes are no longer stored is left out.
 */
export function formatForwardedHeaders(delivery: Delivery, assertion: string): Record<string, string> {
  const { certificate } = delivery;
  const headers: Record<string, string> = Object.fromEntries(forwardableHeaders(delivery.headers));
  headers[ASSERTION_HEADER] = assertion;
  if (certificate !== undefined && certificate.der !== "") {
    headers[CLIENT_CERT_HEADER] = formatClientCertField({ base64: certificate.der });
    if (certificate.intermediates.length > 0) {
      headers[CLIENT_CERT_CHAIN_HEADER] = formatClientCertChainField(
        certificate.intermediates.map((base64) => ({ base64 })),
      );
    }
  }
  headers[CONTENT_DIGEST_HEADER] = delivery.contentDigest;
  return headers;
}
