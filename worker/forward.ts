// Delivery and assertion to the origin, and the origin's answer back to the sender.
// An answer passes unchanged; a fault between edge and origin is ours and says so with 502, 503 or 504.

import { parseProblemType } from "../core/decision.ts";
import type { Delivery } from "../core/delivery.ts";
import { describeCause } from "../core/failure-cause.ts";
import { formatForwardedHeaders } from "../core/forwarded-headers.ts";
import { Refusal } from "../core/refusal.ts";
import { ORIGIN_DEADLINE_MILLISECONDS } from "../core/wire.ts";
import type { Edge } from "./edge.ts";

/**
 * Forwards one delivery.
 * @throws Refusal `origin_unreachable`, `origin_timeout`, `origin_malformed`, `origin_redirected`, `origin_refused`, `origin_unavailable`
 */
export async function forward(delivery: Delivery, assertion: string, edge: Edge): Promise<Response> {
  const { method, target } = delivery.request;
  const isBodiless = method === "GET" || method === "HEAD";
  const response = await send(`${edge.originUrl}${target}`, {
    method,
    headers: formatForwardedHeaders(delivery, assertion),
    // A followed redirect would carry the assertion to whatever host it names.
    redirect: "manual",
    // Over the whole answer: a sender that waits longer than this has gone.
    signal: AbortSignal.timeout(ORIGIN_DEADLINE_MILLISECONDS),
    // The platform's cache keeps answers to GET alone; an answer here belongs to one event.
    ...(isBodiless ? { cache: "no-store" } : { body: delivery.body }),
  });
  refusePlatformError(response);
  if (response.status < 200 || response.status > 599)
    throw new Refusal("origin_malformed", { originStatus: response.status });
  if (response.status >= 300 && response.status < 400) {
    throw new Refusal("origin_redirected", {
      originStatus: response.status,
      location: response.headers.get("location"),
    });
  }
  return relay(response);
}

/** What Cloudflare says by the statuses with which it answers in the origin's place. */
const PLATFORM_CAUSES: Readonly<Record<number, string>> = {
  520: "the origin closed the connection, or its answer was no HTTP",
  521: "the origin refused the connection: nothing listens at this address and port",
  522: "no connection within the deadline: the host is slow, or a firewall drops what is sent to it",
  523: "no route leads to the origin's address",
  524: "connected, and no answer within the deadline",
  525: "the TLS handshake with the origin failed: is it http?",
  526: "the origin's certificate is not valid: expired, for another host name, or of a CA that is not trusted",
  530: "the platform could not resolve ORIGIN_URL's host name",
};

/** Cloudflare answers in the origin's place, with 520 to 530, when it could not reach it; 522 and 524 are timeouts. */
function refusePlatformError({ status }: Response): void {
  if (status < 520 || status > 530) return;
  throw new Refusal(status === 522 || status === 524 ? "origin_timeout" : "origin_unreachable", {
    platformStatus: status,
    cause: PLATFORM_CAUSES[status],
  });
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { name } = Object(error) as { name?: unknown };
    const code = name === "TimeoutError" || name === "AbortError" ? "origin_timeout" : "origin_unreachable";
    throw new Refusal(code, { cause: describeCause(error) });
  }
}

/** Status, body and the headers that describe it. Nothing else of the origin's reaches the sender. */
async function relay(response: Response): Promise<Response> {
  const type = response.headers.get("content-type");
  let body: BodyInit | null = response.body;
  if (type?.startsWith("application/problem+json")) {
    const text = await readText(response);
    const problem = parseProblemType(text);
    if (problem !== undefined) {
      const code = problem === "unavailable" ? "origin_unavailable" : "origin_refused";
      throw new Refusal(code, { originProblem: problem, originDecision: decisionOf(text) });
    }
    body = text;
  }
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (type !== null) headers["content-type"] = type;
  const retryAfter = response.headers.get("retry-after");
  if (retryAfter !== null) headers["retry-after"] = retryAfter;
  return new Response(body, { status: response.status, headers });
}

async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw new Refusal("origin_malformed", { cause: describeCause(error) });
  }
}

function decisionOf(problem: string): unknown {
  return (JSON.parse(problem) as { decision?: unknown }).decision;
}
