// Asks the origin's own middleware for its verdict on a request. A running origin uses the same middleware. Here, in contrast, the
// certificate comes from a file, and nothing is stored or sent.

import { Hono } from "hono";
import { describeProblem } from "../../core/decision/problem.ts";
import { describeRefusal } from "../../core/decision/refusal-line.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy, RetryStatus } from "../../core/policy/policy.ts";
import { OriginRefusal, Refusal, type RefusalCode, resultOf } from "../../core/refusal.ts";
import { readRequestTarget } from "../../core/request/target.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import type { AskedRequest, Question } from "../../origin/explain/question.ts";
import type { AuthenticateOptions, ProofOptions } from "../../origin/options.ts";
import { UsageError } from "../command.ts";
import { explainChallenge } from "./challenge.ts";

/** The answer of a program to one request. */
export type Answer =
  | { readonly verdict: "accepted"; readonly delivery: Delivery; readonly line: LogLine }
  | { readonly verdict: "refused"; readonly code: RefusalCode; readonly line: LogLine };

/** The values that replace the policy, the secrets or the request of the question. */
export interface Variant {
  readonly policy?: Policy;
  readonly secrets?: AuthenticateOptions["secrets"];
  readonly request?: AskedRequest;
}

export async function ask(way: ProofOptions, question: Question, variant: Variant = {}): Promise<Answer> {
  const { policy = question.policy, secrets = question.available.secrets, request = question.request } = variant;
  const lines: LogLine[] = [];
  const options = {
    ...way,
    policy,
    secrets,
    servesEveryRoute: true,
    accept: () => {},
    lists: () => question.lists.lists,
    clock: () => question.at,
    log: (line: LogLine) => void lines.push(line),
  };
  // A Request normalises its target. So the target is checked before the Request is made. Otherwise a target that is not in normal
  // form would not be refused.
  const target = resultOf(() => readRequestTarget(request.url));
  if (target instanceof Refusal) return toAnswer(describeRefusal(target, { id: "" }), undefined);
  let delivery: Delivery | undefined;
  const app = new Hono<AuthenticatedEnv>();
  app.all("*", authenticate(options), (c) => {
    delivery = c.var.delivery;
    return c.body(null, 204);
  });
  await app.request(toRequest(request));
  const [line] = lines;
  if (line === undefined) throw new Error("the origin logged no decision");
  if (line.decision === "challenge")
    throw new UsageError(`it is no event to explain: ${explainChallenge(line).join("; ")}`);
  return toAnswer(line, delivery);
}

function toAnswer(line: LogLine, delivery: Delivery | undefined): Answer {
  if (delivery !== undefined) return { verdict: "accepted", delivery, line };
  return { verdict: "refused", code: line["code"] as RefusalCode, line };
}

/**
 * Makes a Request that declares the length of its body, as HTTP does. For GET and HEAD, the length is declared but the body is left
 * out, because a Request with these methods cannot contain a body.
 */
export function toRequest({ method, url, headers: given, body }: AskedRequest): Request {
  const headers = new Headers(given);
  if (body !== undefined && body.byteLength > 0) headers.set("content-length", String(body.byteLength));
  const isBodiless = method === "GET" || method === "HEAD";
  return new Request(url, { method, headers, ...(!isBodiless && { body: body ?? new Uint8Array() }) });
}

const OF_EVERY_REFUSAL: ReadonlySet<string> = new Set([
  "decision",
  "id",
  "route",
  "certificate",
  "code",
  "problem",
  "status",
  "keeps",
  "why",
]);

/** Returns the details of a refusal: all members of its log line except those that every refusal has. */
export function detailsOf(line: LogLine): Record<string, unknown> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !OF_EVERY_REFUSAL.has(name)));
}

/**
 * Returns the response that the sender gets for a refusal. The response may ask the sender to send the event again. A fixed text
 * replaces the decision id, because each request gets a new id.
 */
export function publicAnswer(code: RefusalCode, line: LogLine) {
  const keeps = line["keeps"] === true;
  const retryStatus = keeps ? (line["status"] as RetryStatus) : undefined;
  const refusal = new OriginRefusal(code, detailsOf(line));
  const { status, headers, body } = describeProblem(refusal, "(made for each request)", retryStatus);
  return { status, headers, problem: JSON.parse(body) as { readonly title: string }, keeps };
}
