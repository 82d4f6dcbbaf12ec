// Starts an edge with its queue and bucket, an origin, and a server between them, called the gate. The gate records attempts, and
// fails in the way that the test chooses.

import { fileURLToPath } from "node:url";
import { QUEUE_CONFIG } from "../../cli/dev/local-edge.ts";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { ASSERTION_HEADER } from "../../core/wire.ts";
import type { EventQueue } from "../../worker/bindings.ts";
import { BUCKET_WORKER, openBucket, type TestBucket } from "./bucket.ts";
import { listen, type RecordedRequest, record, valuesOf } from "./http.ts";
import { type EdgeRequest, type LocalEdge, startTestEdge } from "./local-edge.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "./origin.ts";
import { ACME, createSenders, type Senders } from "./senders.ts";
import { newSigningKey } from "./signing-key.ts";
import { tlsClientAuth } from "./tls-client-auth.ts";

/**
 * The behaviour of the origin, as the edge sees it. `pass` forwards the attempt to the origin. With a number, the response has this
 * status. `reset` gives no response. `late` gives no response although the origin stored the event. `garbage` is a response that is
 * not HTTP. With `held`, the attempt waits until the test calls `release`, and is then forwarded.
 */
export type Behaviour = "pass" | "held" | "late" | "reset" | "garbage" | number;

export interface Attempt extends RecordedRequest {
  /** The claims of the assertion. The origin verifies them, but this test code does not. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The time of the attempt in Unix milliseconds. */
  readonly at: number;
}

export interface QueueWorld {
  readonly senders: Senders;
  readonly key: PrivateJwk;
  readonly edge: LocalEdge;
  readonly origin: TestOrigin;
  readonly bucket: TestBucket;
  readonly queue: EventQueue;
  readonly attempts: Attempt[];
  /** Chooses the behaviour for each attempt from now on. */
  behave: (attempt: Attempt) => Behaviour;
  /** Releases the attempts that are held now. */
  release(): void;
  /** Sends one event of the sender acme. Resolves to the id of the event. */
  accept(request?: EdgeRequest): Promise<string>;
  attemptsOf(id: string): Attempt[];
  /** Returns the bodies of the events that the origin stored under this id. */
  stored(id: string): Buffer[];
  keys(prefix?: string): Promise<string[]>;
}

export interface QueueSetUp {
  /** Changes the policy. In the given policy, the route of acme uses the queue. */
  readonly policy?: (policy: PolicyDocument) => PolicyDocument;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly originSecrets?: Readonly<Record<string, string>>;
  /** The clock of the origin, in Unix seconds. */
  readonly originClock?: () => number;
  readonly retrySeconds?: [number, number];
  readonly maxRetries?: number;
  /** The number of seconds for which a batch waits for further messages. Default: 1. */
  readonly batchSeconds?: number;
  /** One of the faults that faulty-edge.js can cause. */
  readonly fault?: "send" | "put" | "crash" | "crashes" | "dies";
}

/** The file of an edge worker that has a fault. The binding FAULT names the fault. */
export const FAULTY_EDGE = fileURLToPath(new URL("faulty-edge.js", import.meta.url));

export function queuedPolicy(policy: PolicyDocument): PolicyDocument {
  const route = { senders: [ACME], methods: ["POST", "GET"], maxBodyBytes: 8 * 1024 * 1024 };
  return {
    ...policy,
    routes: { "/hooks/acme": { ...route, delivery: "queue" }, "/hooks/direct": { ...route, delivery: "direct" } },
  };
}

export async function startQueueWorld(stack: AsyncDisposableStack, setUp: QueueSetUp = {}): Promise<QueueWorld> {
  const senders = await createSenders();
  const queued = queuedPolicy(senders.policy);
  const policy = setUp.policy?.(queued) ?? queued;
  const key = await newSigningKey();
  const origin = await startTestOrigin(stack, {
    policy,
    keys: [publicJwk(key)],
    ...(setUp.originSecrets && { secrets: setUp.originSecrets }),
    ...(setUp.originClock && { clock: setUp.originClock }),
  });
  const attempts: Attempt[] = [];
  let held = Promise.withResolvers<void>();
  const gate = await startGate(stack, origin.url, async (attempt) => {
    attempts.push(attempt);
    const behaviour = world.behave(attempt);
    if (behaviour === "held") await held.promise;
    return behaviour;
  });
  const edge = await startTestEdge(stack, {
    policy,
    originUrl: gate,
    keys: [key],
    secrets: { ...setUp.secrets, ...(setUp.fault && { FAULT: setUp.fault }) },
    config: configOf(setUp),
    beside: [BUCKET_WORKER],
    ...(setUp.retrySeconds && { retrySeconds: setUp.retrySeconds }),
  });
  const bucket = openBucket(edge.harness);
  const { EVENTS: events } = await edge.bindings<{ EVENTS: EventQueue["events"] }>();
  const world: QueueWorld = {
    senders,
    key,
    edge,
    origin,
    bucket,
    queue: { events, bodies: bucket },
    attempts,
    behave: () => "pass",
    release() {
      held.resolve();
      held = Promise.withResolvers();
    },
    async accept(request = {}) {
      const response = await edge.send({ tls: tlsClientAuth(senders.acme), ...request });
      const text = await response.text();
      if (response.status !== 202) throw new Error(`not accepted: ${response.status} ${text}`);
      return (JSON.parse(text) as { event: string }).event;
    },
    attemptsOf: (id) => attempts.filter(({ claims }) => claims["txn"] === id),
    stored: (id) =>
      readEvents(origin.inboxFile)
        .filter((event) => event["id"] === id)
        .map(({ body }) => Buffer.from(body as Uint8Array)),
    async keys(prefix = "") {
      const { objects } = await bucket.list({ prefix });
      return objects.map(({ key: name }) => name);
    },
  };
  return world;
}

/**
 * Returns the settings that replace those of production. With `fault`, `main` is the edge that has the fault. The waiting time of
 * the batches is always replaced. With `maxRetries`, the retries of the queue of events are replaced too.
 */
function configOf({ maxRetries, batchSeconds = 1, fault }: QueueSetUp) {
  const { producers, consumers } = QUEUE_CONFIG.queues;
  const [events, deadLetters] = consumers;
  return {
    ...(fault && { main: FAULTY_EDGE }),
    queues: {
      producers,
      consumers: [
        {
          ...events,
          ...(maxRetries !== undefined && { max_retries: maxRetries, retry_delay: 1 }),
          max_batch_timeout: batchSeconds,
        },
        { ...deadLetters, max_batch_timeout: batchSeconds },
      ],
    },
  } as Parameters<typeof startTestEdge>[1]["config"];
}

function startGate(
  stack: AsyncDisposableStack,
  originUrl: string,
  look: (attempt: Attempt) => Promise<Behaviour>,
): Promise<string> {
  return listen(stack, async (incoming, outgoing) => {
    const request = await record(incoming).catch(() => undefined);
    // The request is undefined if the consumer died while it sent the request.
    if (request === undefined) return;
    const [token = ".e30"] = valuesOf(request.headers, ASSERTION_HEADER);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const behaviour = await look({ ...request, claims, at: Date.now() });
    if (behaviour === "reset") return void incoming.socket.resetAndDestroy();
    if (behaviour === "garbage") return void incoming.socket.end("\u0000\u0001 no answer\r\n\r\n");
    if (typeof behaviour === "number") return void outgoing.writeHead(behaviour).end("an answer");
    const answer = await passOn(request, originUrl);
    if (behaviour === "late") return void incoming.socket.resetAndDestroy();
    outgoing.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });
}

function passOn({ method, target, headers, body }: RecordedRequest, originUrl: string): Promise<Response> {
  const passed = headers
    .filter(([name]) => !/^(host|connection|content-length|transfer-encoding|expect)$/i.test(name))
    .map(([name, value]): [string, string] => [name, value]);
  const sent = method === "GET" ? {} : { body: new Uint8Array(body) };
  return fetch(`${originUrl}${target}`, { method, headers: passed, ...sent });
}
