// The edge worker. It reads clock, randomness and bindings, catches every refusal in one place, and logs one line per request. Its
// cron trigger reports what expires soon in the policy. If the policy needs it, the trigger also fetches revocation lists and
// maintains the queue.

import type { Trace } from "../core/admission/trace.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import { retryStatusOf } from "../core/decision/keep.ts";
import { formatProblem } from "../core/decision/problem.ts";
import { describeRefusal } from "../core/decision/refusal-line.ts";
import { reportOnly } from "../core/decision/report-only.ts";
import { formatAssertionId, formatEventId } from "../core/delivery/id.ts";
import { formatLogLine, type LogLine, levelOf, stampLine } from "../core/log-line.ts";
import { listPolicyExpiries, warnOfExpiries } from "../core/policy/expiry.ts";
import { poolRandom } from "../core/random-pool.ts";
import { Refusal, toRefusal } from "../core/refusal.ts";
import type { QueueBatch } from "./bindings.ts";
import {
  compileDeployedPolicy,
  type Edge,
  type EdgeBindings,
  findCrlStore,
  findEventQueue,
  loadEdge,
} from "./configuration.ts";
import { refreshCrls } from "./crls/refresh.ts";
import { writePoint } from "./decision-points.ts";
import { maintainQueue } from "./queue/dead-letters.ts";
import { deliverBatch, postponeBatch } from "./queue/deliver.ts";
import { type Ambient, receive } from "./receive.ts";

export type { EdgeBindings } from "./configuration.ts";

/** The default export of a Worker. */
export interface EdgeWorker {
  /** Answers one request: with the origin's response, with 202 for a queued event, or with an RFC 9457 problem. Never rejects. */
  fetch(request: Request, bindings: EdgeBindings, execution: EdgeExecution): Promise<Response>;
  /** Runs at a cron trigger: warns of what expires soon, fetches revocation lists, maintains the queue. */
  scheduled(controller: unknown, bindings: EdgeBindings): Promise<void>;
  /** Consumes the queue of events and the queue of dead letters. */
  queue(batch: QueueBatch, bindings: EdgeBindings): Promise<void>;
}

/** The part of the runtime's ExecutionContext that this program uses. */
export interface EdgeExecution {
  waitUntil(promise: Promise<unknown>): void;
}

const clock = () => Math.floor(Date.now() / 1000);
const logMore = reportOnly(log);
const random = poolRandom((pool) => crypto.getRandomValues(pool));
const ambient: Omit<Ambient, "waitUntil"> = {
  clock,
  log,
  newAssertionId: () => formatAssertionId(Date.now(), random()),
};

/**
 * Makes the edge worker of a policy. The worker proves the sender by its client certificate, admits it, signs what it saw, and
 * forwards the event to the origin. Call `createEdge` at module scope, so that a policy with a fault cannot be deployed. This
 * function does not check that the policy is sensible, because `countersign policy check` does. Nor does it check the bindings,
 * because the first request of an isolate does. If bindings are missing that every route needs, every request gets 500 and is
 * logged as `misconfigured`. If only some routes need the missing bindings, for example a secret of a sender, KV or the queue, only
 * requests to these routes get 500.
 * @param document the content of policy.json
 * @throws ConfigurationError that lists every problem of the policy, also those that only concern an edge
 */
export function createEdge(document: unknown): EdgeWorker {
  const policy = compileDeployedPolicy(document);
  /**
   * The configuration, which the first request loads. It is kept, because bindings and secrets do not change during the life of an
   * isolate.
   */
  let loaded: Promise<Edge> | undefined;
  /** The warnings that this isolate has logged. */
  const warned = new Set<string>();

  return {
    async fetch(request, bindings, execution) {
      const since = Date.now();
      const { method, headers } = request;
      const peer = headers.get("cf-connecting-ip") ?? undefined;
      const trace: Trace = { context: { id: formatEventId(since, random()), method, peer } };
      // The runtime's clock does not advance while code runs, so only waiting time is counted.
      const milliseconds = () => Date.now() - since;
      const waitUntil = (promise: Promise<unknown>) => execution.waitUntil(promise);
      const alsoLog = (lines: Promise<void> | undefined) => lines && waitUntil(lines);
      const tell = (line: LogLine) => {
        log(line);
        const fault = writePoint(bindings, line);
        if (fault !== undefined) log(fault);
      };
      try {
        loaded ??= loadEdge(bindings, policy);
        const response = await receive(request, await loaded, trace, { ...ambient, waitUntil });
        const isChallenge = trace.context.handshake !== undefined;
        const decision = isChallenge ? "challenge" : trace.isQueued ? "queued" : "forwarded";
        if (isChallenge || trace.admitted !== undefined)
          tell({ decision, ...trace.context, status: response.status, milliseconds: milliseconds() });
        if (!isChallenge) alsoLog(logMore(trace));
        return response;
      } catch (error) {
        const refusal = refusalOf(error);
        const retryStatus = retryStatusOf(refusal, trace);
        tell(describeRefusal(refusal, { ...trace.context, milliseconds: milliseconds() }, retryStatus));
        alsoLog(logMore(trace, refusal));
        return formatProblem(refusal, trace.context.id, retryStatus);
      }
    },

    async scheduled(_, bindings) {
      const now = clock();
      for (const line of warnOfExpiries(listPolicyExpiries(policy, now), now, warned)) log(line);
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
          throw new ConfigurationError("bindings", [
            "/EVENTS and /BODIES: the queue and the bucket, because messages arrive",
          ]);
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
  const text = formatLogLine(stampLine(line, Date.now()));
  const level = levelOf(line);
  // The platform derives the level of a line from the method that prints it.
  if (level === "error") console.error(text);
  else if (level === "warn") console.warn(text);
  else console.log(text);
}
