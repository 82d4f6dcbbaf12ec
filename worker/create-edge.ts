// The edge worker: reads clock, randomness and bindings, catches every refusal once, logs one line per request.
// Its cron trigger tells what of the policy ends soon, fetches revocation lists and looks after the queue, where the policy
// asks for them.

import { ConfigurationError } from "../core/configuration-error.ts";
import { describeRefusal, formatLogLine, formatProblem, type LogLine, type Trace } from "../core/decision.ts";
import { listPolicyEndings, warnOfEndings } from "../core/expiry.ts";
import { poolRandom } from "../core/random-pool.ts";
import { Refusal, toRefusal } from "../core/refusal.ts";
import { tellMore } from "../core/tell-more.ts";
import { formatAssertionId, formatEventId } from "../core/time-ordered-id.ts";
import { refreshCrls } from "./crl-refresh.ts";
import { maintainQueue } from "./dead-letters.ts";
import { deliverBatch, postponeBatch } from "./deliver.ts";
import { compileEdgePolicy, type Edge, type EdgeBindings, findCrlStore, findEventQueue, loadEdge } from "./edge.ts";
import type { QueueBatch } from "./queue-bindings.ts";
import { type Ambient, receive } from "./receive.ts";

export type { EdgeBindings } from "./edge.ts";

/** What a Worker exports as its default. */
export interface EdgeWorker {
  /** Answers one request: with the origin's own answer, 202 for a queued event, or an RFC 9457 problem. Never rejects. */
  fetch(request: Request, bindings: EdgeBindings, execution: EdgeExecution): Promise<Response>;
  /** For a cron trigger: warns of what ends, fetches revocation lists, looks after the queue. */
  scheduled(controller: unknown, bindings: EdgeBindings): Promise<void>;
  /** For the consumers of the queue and of its dead letters. */
  queue(batch: QueueBatch, bindings: EdgeBindings): Promise<void>;
}

/** What is used of the runtime's ExecutionContext. */
export interface EdgeExecution {
  waitUntil(promise: Promise<unknown>): void;
}

const clock = () => Math.floor(Date.now() / 1000);
const logMore = tellMore(log);
const random = poolRandom((pool) => crypto.getRandomValues(pool));
const ambient: Omit<Ambient, "waitUntil"> = {
  clock,
  log,
  newAssertionId: () => formatAssertionId(Date.now(), random()),
};

/**
 * Makes the edge worker of a policy: it proves the sender by its client certificate, admits it, signs what it saw, and
 * forwards the event to the origin. Call it at module scope, so that a policy with a fault cannot be deployed.
 * It does not check that the policy is sensible, as `countersign policy check` does, nor the bindings: that is done by the
 * first request of an isolate, and until they are complete every request is answered with 500 and logged as `misconfigured`.
 * @param document the content of policy.json
 * @throws ConfigurationError that lists every problem of the policy, also what only an origin could do
 */
export function createEdge(document: unknown): EdgeWorker {
  const policy = compileEdgePolicy(document);
  /** Loaded by the first request and kept: bindings and secrets do not change during the life of an isolate. */
  let loaded: Promise<Edge> | undefined;
  /** What this isolate told of. */
  const warned = new Set<string>();

  return {
    async fetch(request, bindings, execution) {
      const trace: Trace = { context: { id: formatEventId(Date.now(), random()) } };
      const waitUntil = (promise: Promise<unknown>) => execution.waitUntil(promise);
      const alsoLog = (lines: Promise<void> | undefined) => lines && waitUntil(lines);
      try {
        loaded ??= loadEdge(bindings, policy);
        const response = await receive(request, await loaded, trace, { ...ambient, waitUntil });
        const decision = trace.isQueued ? "queued" : "forwarded";
        if (trace.admitted !== undefined) log({ decision, ...trace.context, status: response.status });
        alsoLog(logMore(trace));
        return response;
      } catch (error) {
        const refusal = refusalOf(error);
        log(describeRefusal(refusal, trace.context));
        alsoLog(logMore(trace, refusal));
        return formatProblem(refusal, trace.context.id);
      }
    },

    async scheduled(_, bindings) {
      const now = clock();
      for (const line of warnOfEndings(listPolicyEndings(policy, now), now, warned)) log(line);
      const problems: string[] = [];
      const kv = findCrlStore(bindings, policy, problems);
      const queue = findEventQueue(bindings, policy, problems);
      if (problems.length > 0) log({ decision: "failed", code: "misconfigured", problems });
      if (kv !== undefined) await refreshCrls(kv, policy, clock, log);
      if (queue !== undefined) await maintainQueue(queue, clock(), log);
    },

    async queue(batch, bindings) {
      try {
        loaded ??= loadEdge(bindings, policy);
        const edge = await loaded;
        if (edge.queue === undefined)
          throw new ConfigurationError("bindings", ["/EVENTS and /BODIES: messages arrive"]);
        await deliverBatch(batch, edge, edge.queue, { ...ambient, random: Math.random });
      } catch (error) {
        const refusal = refusalOf(error);
        log(describeRefusal(refusal, { id: batch.queue }));
        await postponeBatch(batch, findEventQueue(bindings, policy, [])?.bodies, refusal, Math.random);
      }
    },
  };
}

function refusalOf(error: unknown): Refusal {
  return error instanceof ConfigurationError
    ? new Refusal("misconfigured", { problems: error.problems })
    : toRefusal(error);
}

function log(line: LogLine): void {
  console.log(formatLogLine(line));
}
