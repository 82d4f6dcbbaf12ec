// Makes requests as the edge forwards them. Each request has its own assertion. The assertions are signed before a round begins,
// so that the round does not measure the signing.

import { randomBytes } from "node:crypto";
import { admitBySignature, findCandidates } from "../core/admission/admit.ts";
import { issueAssertion } from "../core/assertion/assertion.ts";
import { importSigningKeys } from "../core/assertion/keys.ts";
import { bindDelivery, digestBody } from "../core/delivery/delivery.ts";
import { formatAssertionId, formatEventId } from "../core/delivery/id.ts";
import { compilePolicy } from "../core/policy/compile.ts";
import { selectRoute } from "../core/policy/policy.ts";
import { NO_LISTS } from "../core/revocation/revocation.ts";
import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../core/wire.ts";
import {
  formatClientCertChainField,
  formatClientCertField,
  parseClientCertificate,
} from "../core/x509/client-certificate.ts";
import { AUDIENCE, type Fixture, ISSUER, PATH } from "./fixture.ts";
import type { LoadedEvent } from "./load.ts";

/**
 * Returns a function that makes the given number of events. The assertions of these events are valid for a minute. `moreHeaders`
 * is called for each event, and returns headers to sign in addition to the headers of the fixture.
 */
export async function prepareAssertedEvents(
  { policy, signingKey, leaf, intermediate, headers: always, body }: Fixture,
  moreHeaders: () => Readonly<Record<string, string>> = () => ({}),
) {
  const compiled = compilePolicy(policy);
  const route = selectRoute(compiled, PATH, "POST");
  const keys = await importSigningKeys({ keys: [signingKey] });
  const certificate = parseClientCertificate({ leaf, intermediates: [intermediate], platform: undefined });

  const makeEvent = async (): Promise<LoadedEvent> => {
    const now = Math.floor(Date.now() / 1000);
    const headers = { ...always, ...moreHeaders() };
    const facts = { deny: compiled.deny, lists: NO_LISTS, now };
    const evidence = { certificate, headers: new Headers(headers), facts, secrets: new Map(), receivedAt: now };
    const admitted = await admitBySignature(findCandidates(route.senders, evidence), new Uint8Array(body), evidence);
    const delivery = bindDelivery(admitted, {
      id: formatEventId(Date.now(), randomBytes(16)),
      request: { method: "POST", target: PATH, contentType: always["content-type"] ?? "" },
      headers: Object.entries(headers),
      body: digestBody(new Uint8Array(body)),
      policyDigest: compiled.digest,
    });
    const jti = formatAssertionId(Date.now(), randomBytes(16));
    return {
      path: PATH,
      headers: {
        ...headers,
        [ASSERTION_HEADER]: await issueAssertion(delivery, keys, { issuer: ISSUER, audience: AUDIENCE, jti, now }),
        [CLIENT_CERT_HEADER]: formatClientCertField(certificate.leaf),
        [CLIENT_CERT_CHAIN_HEADER]: formatClientCertChainField(certificate.intermediates),
        [CONTENT_DIGEST_HEADER]: delivery.contentDigest,
      },
      body,
    };
  };
  return (count: number): Promise<LoadedEvent[]> => Promise.all(Array.from({ length: count }, makeEvent));
}
