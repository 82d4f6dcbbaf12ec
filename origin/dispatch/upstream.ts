// Delivers events over HTTP to the user's program, which may be in any language. Each attempt is a request with the event's own
// bytes and a new assertion of this origin. The upstream verifies this assertion like an origin verifies the assertion of an edge.

import { issueAssertion } from "../../core/assertion/assertion.ts";
import type { SigningKeys } from "../../core/assertion/keys.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import { formatForwardedHeaders } from "../../core/delivery/forwarded-headers.ts";
import { formatAssertionId } from "../../core/delivery/id.ts";
import { splitSignedTarget } from "../../core/request/target.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../../core/wire.ts";
import { systemClock } from "../clock.ts";
import { describeCause } from "../failure-cause.ts";
import { takeRandom } from "../random.ts";
import type { Handler, HandlerContext } from "./handler.ts";

/**
 * The header with the number of the attempt. The first attempt has the number 1. A sender cannot set this header, because no
 * forwarded header of a sender can have a name that begins with `countersign-`.
 */
export const ATTEMPT_HEADER = "countersign-attempt";

/** The part of the `fetch` function that `forwardTo` needs. */
export type UpstreamFetch = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
    readonly body?: Uint8Array<ArrayBuffer>;
  },
) => Promise<Response>;

/** The address of the user's program, and the values for the assertions that this origin makes for it. */
export interface UpstreamOptions {
  /**
   * Scheme, host and port, without a path. Each request has the path of its event, so that the assertion matches what the upstream
   * receives.
   */
  readonly origin: string;
  /** The values of `iss` and `aud` in the assertions. */
  readonly issuer: string;
  readonly audience: string;
  /** Returns the current signing keys of this origin. */
  readonly keys: () => SigningKeys;
  /** The default is the `fetch` of the runtime. */
  readonly fetch?: UpstreamFetch;
  /** Returns Unix seconds. */
  readonly clock?: () => number;
}

/**
 * Makes a handler that sends each event to a program over HTTP. The request has the event's own path and a new assertion, and the
 * handler returns the program's response. Redirects are not followed. The handler does not check that `origin` is HTTPS, because
 * the caller decides whether the network may read the events.
 */
export function forwardTo(options: UpstreamOptions): Handler {
  const { fetch: send = fetch } = options;
  return async function forwardToUpstream(delivery: Delivery, context: HandlerContext): Promise<Response> {
    const { method } = delivery.request;
    const [, target] = splitSignedTarget(delivery.request.target);
    const headers = await formatHeaders(delivery, context, options);
    const isBodiless = method === "GET" || method === "HEAD";
    try {
      return await send(options.origin + target, {
        method,
        headers,
        // A redirect is not followed, because the redirected request could carry the assertion to a different host.
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
  // `receivedAt` becomes a claim of the assertion. The upstream compares the time of a webhook signature with this claim, and
  // refuses a claim that is older than `MAX_DELIVERY_AGE_SECONDS`. So for an older event, the claim has the oldest time that is
  // accepted.
  const receivedAt = Math.max(acceptedAt, now - MAX_DELIVERY_AGE_SECONDS);
  const jti = formatAssertionId(now * 1000, takeRandom());
  const assertion = await issueAssertion(delivery, keys(), { issuer, audience, jti, now, receivedAt });
  const headers = formatForwardedHeaders(delivery, assertion);
  headers[ATTEMPT_HEADER] = String(attempt);
  // The response may be passed on to the sender unchanged, so it must not be compressed.
  headers["accept-encoding"] = "identity";
  return headers;
}
