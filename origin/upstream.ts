// The user's program behind HTTP, in any language: each attempt is a request with the event's own bytes and a fresh
// assertion of this origin, which the upstream verifies as this origin verifies the edge's.

import { issueAssertion } from "../core/assertion.ts";
import type { Delivery } from "../core/delivery.ts";
import { describeCause } from "../core/failure-cause.ts";
import { formatForwardedHeaders } from "../core/forwarded-headers.ts";
import type { SigningKeys } from "../core/keys.ts";
import { formatAssertionId } from "../core/time-ordered-id.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../core/wire.ts";
import { systemClock } from "./clock.ts";
import type { Handler, HandlerContext } from "./handler.ts";
import { takeRandom } from "./random.ts";

/** 1 for the first. No sender's header has a name that begins so. */
export const ATTEMPT_HEADER = "countersign-attempt";

/** Where the user's program is, and who signs for it. */
export interface UpstreamOptions {
  /** Scheme, host and port. The path is the event's own, so that what the assertion says of it is what the upstream sees. */
  readonly origin: string;
  /** `iss` and `aud` of the assertions. */
  readonly issuer: string;
  readonly audience: string;
  /** This origin's own keys of now. */
  readonly keys: () => SigningKeys;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/**
 * A handler that sends each event to a program behind HTTP, at the event's own path, with a fresh assertion, and answers what that
 * answers. Redirects are not followed. Does not check that `origin` is HTTPS: what a network in between can read is the caller's choice.
 */
export function forwardTo(options: UpstreamOptions): Handler {
  return async function forwardToUpstream(delivery: Delivery, context: HandlerContext): Promise<Response> {
    const { method, target } = delivery.request;
    const headers = await formatHeaders(delivery, context, options);
    const isBodiless = method === "GET" || method === "HEAD";
    try {
      return await fetch(options.origin + target, {
        method,
        headers,
        // A followed redirect would carry the assertion to whatever host it names.
        redirect: "manual",
        signal: context.signal,
        ...(!isBodiless && { body: delivery.body }),
      });
    } catch (error) {
      if (context.signal.aborted) throw error;
      throw new Error(`the upstream gave no answer: ${describeCause(error)}`);
    }
  };
}

async function formatHeaders(delivery: Delivery, { attempt, acceptedAt }: HandlerContext, options: UpstreamOptions) {
  const { issuer, audience, keys, clock = systemClock } = options;
  const now = clock();
  // Signatures are compared with the time of receipt; of an event that is older the upstream would refuse the claim.
  const receivedAt = Math.max(acceptedAt, now - MAX_DELIVERY_AGE_SECONDS);
  const jti = formatAssertionId(now * 1000, takeRandom());
  const assertion = await issueAssertion(delivery, keys(), { issuer, audience, jti, now, receivedAt });
  const headers = formatForwardedHeaders(delivery, assertion);
  headers[ATTEMPT_HEADER] = String(attempt);
  // What is passed on to a sender is passed on as it is.
  headers["accept-encoding"] = "identity";
  return headers;
}
