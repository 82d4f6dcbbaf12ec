// Runs origins as separate processes under load. Senders repeat an event until it is acknowledged. For each repetition, they use a
// new assertion, as an edge does.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { EventState } from "../../origin/inbox/inbox.ts";
import { readInbox } from "../../origin/inbox/open.ts";
import { contentDigest, type ForwardedRequest, forwardedRequest } from "../support/forgery.ts";
import { exchange } from "../support/http.ts";
import { type Running, startCountersign } from "../support/running.ts";
import { ACME, AUDIENCE, createSenders, ISSUER } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Books, Ledger } from "./books.ts";

const SENDERS = 8;
const AGAIN_MILLISECONDS = 50;
const MAX_ATTEMPTS = 1_000;
export const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export interface FaultSettings {
  /**
   * Options that replace `--handler FILE` on the origin's command line. By default, FILE is a module that records the handled
   * events.
   */
  readonly handling?: readonly string[];
  /** Returns the names of the handled events. Default: the names that the module of `--handler` recorded. */
  readonly handled?: () => ReadonlySet<string>;
  readonly environment?: Readonly<Record<string, string>>;
  /** The clock of the edge that the senders use, in Unix seconds. */
  readonly clock?: () => number;
  /** The size of each event in octets, not counting its name. */
  readonly padding?: number;
}

export type FaultWorld = Awaited<ReturnType<typeof createFaultWorld>>;

/** Makes a policy in which events have a key, a handler that records the handled events, and senders. */
export async function createFaultWorld(stack: AsyncDisposableStack, inbox: string, settings: FaultSettings = {}) {
  const { clock = () => Math.floor(Date.now() / 1000), padding = 0 } = settings;
  const directory = temporaryDirectory(stack);
  const file = (name: string) => join(directory, name);
  const senders = await createSenders();
  const key = await newSigningKey();
  const policy = withEventKey(senders.policy);
  const policyDigest = compilePolicy(policy).digest;
  writeFileSync(file("policy.json"), JSON.stringify(policy));
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(key)] }));
  writeFileSync(file("handler.js"), HANDLER);
  writeFileSync(file("handled"), "");
  const handled = settings.handled ?? (() => handledIn(file("handled")));
  const ledger = new Ledger();
  /** The names of events, by the digest of their bytes. Two events with the same key and different bytes have different names. */
  const names = new Map<string, string>();
  const underWay = new Set<Promise<unknown>>();

  const readAll = (location: string) => readInbox(location, (reader) => reader.events({ limit: ledger.sent * 2 + 1 }));

  const world = {
    ledger,
    handled,

    /** Makes a request for the event with a new assertion. The event key identifies a repeated event. */
    request(name: string, eventKey = name): ForwardedRequest {
      const body = JSON.stringify({ id: name, padding: "x".repeat(padding) });
      names.set(contentDigest(body), name);
      const signedHeaders = [["webhook-id", eventKey]] as const;
      return forwardedRequest({ key, identity: senders.acme, policyDigest, body, signedHeaders, now: clock() });
    },

    /** Sends a request. Returns the status of the response, or 0 if there was no response. Checks that a 503 says when to retry. */
    async attempt(port: number, request: ForwardedRequest): Promise<number> {
      const answering = exchange({ url: `http://127.0.0.1:${port}`, ...request }).catch(() => undefined);
      underWay.add(answering);
      const answer = await answering;
      underWay.delete(answering);
      if (answer?.status === 503 && answer.headers["retry-after"] === undefined)
        throw new Error("503 without Retry-After");
      return answer?.status ?? 0;
    },

    /** Resolves when all attempts in progress have ended and their responses are in the ledger. */
    async settled(): Promise<void> {
      await Promise.all(underWay);
      await new Promise((resolve) => setImmediate(resolve));
    },

    /** Starts an origin on this port. The origin ends when the stack is disposed. */
    async start(port: number, ...more: string[]): Promise<Running> {
      const { handling = ["--handler", file("handler.js")], environment } = settings;
      const keys = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json")];
      const files = ["--policy", file("policy.json"), "--inbox", inbox, ...handling];
      const args = ["origin", ...keys, ...files, "--port", String(port), ...more];
      const origin = await startCountersign(args, { HANDLED: file("handled"), ...environment });
      stack.defer(() => void origin.process.kill("SIGKILL"));
      return origin;
    },

    /** Sends new events until `isOver` is true. Repeats each event until it is acknowledged. Uses the ports in turn. */
    async send(
      ports: readonly number[],
      isOver: () => boolean,
      onAcknowledged: (name: string) => void = () => {},
    ): Promise<void> {
      const acknowledge = async (name: string) => {
        const first = ledger.sent;
        for (let again = 0; again < MAX_ATTEMPTS; again += 1) {
          const status = await world.attempt(ports[(first + again) % ports.length] as number, world.request(name));
          if (ledger.answered(name, status)) return onAcknowledged(name);
          await sleep(AGAIN_MILLISECONDS);
        }
        throw new Error(`${name} was never acknowledged`);
      };
      const one = async () => {
        while (!isOver()) await acknowledge(ledger.newEvent());
      };
      await Promise.all(Array.from({ length: SENDERS }, one));
    },

    /** Waits until all acknowledged events are handled, or until the deadline. Then counts the events. */
    async balance(title: string, deadlineMilliseconds = 90_000): Promise<Books> {
      const end = Date.now() + deadlineMilliseconds;
      while (!ledger.acknowledged.isSubsetOf(handled()) && Date.now() < end) await sleep(200);
      return ledger.close(title, await world.stored(inbox), handled());
    },

    /**
     * Returns how often each event is in the inbox. With `only`, counts only events in this state. Events are identified by the
     * digest of their bytes.
     */
    async stored(location: string, only?: EventState): Promise<Map<string, number>> {
      const times = new Map<string, number>();
      for (const { contentDigest: digest, state } of await readAll(location)) {
        if (only !== undefined && state !== only) continue;
        const name = names.get(digest) ?? `never sent: ${digest}`;
        times.set(name, (times.get(name) ?? 0) + 1);
      }
      return times;
    },

    /** Returns the number of events that have the same key as an event with different bytes. */
    async conflicts(): Promise<number> {
      return (await readAll(inbox)).filter(({ hasConflict }) => hasConflict).length;
    },

    /** Returns the events that the handler recorded more than once. */
    handledTwice(): string[] {
      const known = new Set<string>();
      const lines = readFileSync(file("handled"), "utf8").trimEnd().split("\n");
      return lines.filter((line) => known.size === known.add(line).size);
    },
  };
  return world;
}

function handledIn(file: string): Set<string> {
  return new Set(readFileSync(file, "utf8").split("\n"));
}

/**
 * The module that handles events. It appends the line of an event with a single write, so that a killed process leaves only
 * complete lines.
 */
const HANDLER = `
import { appendFileSync } from "node:fs";
export default async (delivery, { signal }) => {
  const { id } = JSON.parse(new TextDecoder().decode(delivery.body));
  await new Promise((resolve) => setTimeout(resolve, 20));
  signal.throwIfAborted();
  appendFileSync(process.env.HANDLED, id + "\\n");
};
`;

function withEventKey({ anchors, senders, routes }: PolicyDocument): PolicyDocument {
  const acme = { ...senders[ACME], eventKey: { header: "webhook-id" } };
  return { anchors, senders: { ...senders, [ACME]: acme }, routes };
}
