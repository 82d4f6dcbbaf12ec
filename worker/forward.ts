// Sends delivery and assertion to the origin, and returns the origin's response to the sender. Status and body are passed on
// unchanged. A fault between edge and origin is answered with 502, 503 or 504.

import { parseProblemType } from "../core/decision/problem.ts";
import type { Delivery } from "../core/delivery/delivery.ts";
import { formatForwardedHeaders } from "../core/delivery/forwarded-headers.ts";
import { describeCauses } from "../core/failure-chain.ts";
import { Refusal } from "../core/refusal.ts";
import { splitSignedTarget } from "../core/request/target.ts";
import { showTarget } from "../core/url.ts";
import { MAX_ORIGIN_PROBLEM_BYTES, ORIGIN_DEADLINE_MILLISECONDS } from "../core/wire.ts";
import type { Edge } from "./configuration.ts";

/** A class of the Workers runtime that the standard web types do not declare. It pipes without copying. */
declare const IdentityTransformStream: typeof TransformStream<Uint8Array, Uint8Array>;

/**
 * Forwards one delivery.
 * @throws Refusal `origin_unreachable`, `origin_timeout`, `origin_malformed`, `origin_redirected`, `origin_refused`,
 * `origin_unavailable`
 */
export async function forward(delivery: Delivery, assertion: string, edge: Edge): Promise<Response> {
  const { method } = delivery.request;
  const [, target] = splitSignedTarget(delivery.request.target);
  const isBodiless = method === "GET" || method === "HEAD";
  const response = await send(`${edge.originUrl}${target}`, {
    method,
    headers: formatForwardedHeaders(delivery, assertion),
    // A redirect is not followed, because it would carry the assertion to another host.
    redirect: "manual",
    // The time limit includes the response body, so that a sender never waits longer.
    signal: AbortSignal.timeout(ORIGIN_DEADLINE_MILLISECONDS),
    // The platform caches only responses to GET. Such a response must not be cached, because it belongs to one event.
    ...(isBodiless ? { cache: "no-store" } : { body: delivery.body }),
  });
  refusePlatformError(response);
  if (response.status < 200 || response.status > 599)
    throw new Refusal("origin_malformed", { originStatus: response.status });
  if (response.status >= 300 && response.status < 400) {
    throw new Refusal("origin_redirected", {
      originStatus: response.status,
      location: showTarget(response.headers.get("location") ?? ""),
    });
  }
  return relay(response);
}

/** The causes of the statuses with which Cloudflare answers instead of the origin. */
const PLATFORM_CAUSES: Readonly<Record<number, string>> = {
  520: "the origin hung up, or sent no HTTP",
  521: "the origin refuses connections",
  522: "no connection in time: a slow host, or a firewall",
  523: "no route to the origin's address",
  524: "no answer in time",
  525: "the TLS handshake with the origin failed: is it http?",
  526: "the origin's certificate is expired, for another host, or of an untrusted CA",
  530: "ORIGIN_URL's host name does not resolve",
};

/** If Cloudflare cannot reach the origin, Cloudflare answers with a status from 520 to 530. 522 and 524 are timeouts. */
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
    throw new Refusal(code, { cause: describeCauses(error) });
  }
}

/**
 * Passes on the status, the body, Content-Type and Retry-After. Nothing else of the origin's response reaches the sender.
 */
async function relay(response: Response): Promise<Response> {
  const type = response.headers.get("content-type");
  let body: BodyInit | null = response.body;
  if (response.body !== null && type?.startsWith("application/problem+json")) body = await passProblem(response.body);
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (type !== null) headers["content-type"] = type;
  const retryAfter = response.headers.get("retry-after");
  if (retryAfter !== null) headers["retry-after"] = retryAfter;
  return new Response(body, { status: response.status, headers });
}

/**
 * Returns the body of a problem document, unless the document is one of Countersign's own. If a body is too long for a document of
 * Countersign, it is passed on without reading all of it.
 * @throws Refusal for Countersign's own problems
 */
async function passProblem(body: ReadableStream<Uint8Array>): Promise<BodyInit> {
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  for (let size = 0; size <= MAX_ORIGIN_PROBLEM_BYTES; ) {
    const { done, value } = await readPiece(reader);
    if (done) {
      const text = Buffer.concat(pieces);
      refuseOwnProblem(text.toString());
      return text;
    }
    pieces.push(value);
    size += value.byteLength;
  }
  reader.releaseLock();
  const { readable, writable } = new IdentityTransformStream();
  // If the body breaks off or the sender disconnects, the streams on both sides are ended.
  void passOn(pieces, body, writable).catch(() => body.cancel().catch(() => undefined));
  return readable;
}

/** Writes the pieces that were already read. Then the platform pipes the rest, one chunk at a time. */
async function passOn(begun: readonly Uint8Array[], rest: ReadableStream<Uint8Array>, to: WritableStream<Uint8Array>) {
  const writer = to.getWriter();
  for (const piece of begun) await writer.write(piece);
  writer.releaseLock();
  await rest.pipeTo(to);
}

async function readPiece(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (error) {
    throw new Refusal("origin_malformed", { cause: describeCauses(error) });
  }
}

function refuseOwnProblem(text: string): void {
  const problem = parseProblemType(text);
  if (problem === undefined) return;
  const { decision: originDecision } = JSON.parse(text) as { decision?: unknown };
  const code = problem === "unavailable" ? "origin_unavailable" : "origin_refused";
  throw new Refusal(code, { originProblem: problem, originDecision });
}
