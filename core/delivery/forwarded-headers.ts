// The headers of a request that carries a delivery to the next program: from an edge to its origin, or from an origin to its
// upstream. The next program verifies the delivery again.

import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../wire.ts";
import { formatClientCertChainField, formatClientCertField } from "../x509/client-certificate.ts";
import type { Delivery } from "./delivery.ts";
import { forwardableHeaders } from "./signed-headers.ts";

/**
 * Returns the sender's headers that are signed, the assertion, and the certificate that the assertion is bound to. No name occurs
 * twice, because the names of the sender's headers are lower case and none begins with `countersign-`. The certificate is left out
 * if its bytes are no longer stored.
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
