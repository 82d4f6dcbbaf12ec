// Origins in processes of their own under load, and the books that must balance in the end: what was sent, acknowledged,
// stored and handled. Senders come again until they are acknowledged, each time with a new assertion, as an edge would.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publicJwk } from "../../core/keys.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import type { PolicyDocument } from "../../core/policy-schema.ts";
import { openInboxReader } from "../../origin/inbox/open.ts";
import { type Running, startCountersign } from "../e2e/running.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange } from "../support/http.ts";
import { newSigningKey } from "../support/local-edge.ts";
import { ACME, AUDIENCE, createSenders, ISSUER } from "../support/senders.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SENDERS = 8;
const AGAIN_MILLISECONDS = 50;
const MAX_ATTEMPTS = 1_000;
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export interface Books {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly dispatched: number;
  readonly lost: number;
  readonly twiceStored: number;
}

export type FaultWorld = Awaited<ReturnType<typeof createFaultWorld>>;

/** A policy whose events have a key, a handler that writes down what it handled, and senders. */
export async function createFaultWorld(stack: AsyncDisposableStack, inbox: string) {
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
  const acknowledged = new Set<string>();
  const answers = new Map<number, number>();
  let sent = 0;

  /** The answer's status; 0 when there was none. */
  function attempt(port: number, id: string): Promise<number> {
    const body = JSON.stringify({ id });
    const request = forwardedRequest({ key, identity: senders.acme, policyDigest, body });
    const headers = [...request.headers, ["Webhook-Id", id] as const];
    const url = `http://127.0.0.1:${port}`;
    return exchange({ url, ...request, headers }).then(
      ({ status }) => status,
      () => 0,
    );
  }

  async function acknowledge(id: string, ports: readonly number[]): Promise<void> {
    for (let again = 0; again < MAX_ATTEMPTS; again += 1) {
      const status = await attempt(ports[(sent + again) % ports.length] as number, id);
      answers.set(status, (answers.get(status) ?? 0) + 1);
      if (status >= 200 && status < 300) return void acknowledged.add(id);
      await sleep(AGAIN_MILLISECONDS);
    }
    throw new Error(`${id} was never acknowledged`);
  }

  return {
    answers,

    /** Starts an origin on this port; it ends with the stack. */
    async start(port: number, ...more: string[]): Promise<Running> {
      const keys = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json")];
      const files = ["--policy", file("policy.json"), "--inbox", inbox, "--handler", file("handler.js")];
      const args = ["origin", ...keys, ...files, "--port", String(port), ...more];
      const origin = await startCountersign(args, { HANDLED: file("handled") });
      stack.defer(() => void origin.process.kill("SIGKILL"));
      return origin;
    },

    /** Sends new events until `isOver`, each until it is acknowledged. The ports are tried in turn. */
    async send(ports: readonly number[], isOver: () => boolean): Promise<void> {
      const one = async () => {
        while (!isOver()) {
          sent += 1;
          await acknowledge(`event-${sent}`, ports);
        }
      };
      await Promise.all(Array.from({ length: SENDERS }, one));
    },

    /** Waits until everything acknowledged is handled, or time is up; then counts. */
    async balance(name: string, deadlineMilliseconds = 90_000): Promise<Books> {
      const end = Date.now() + deadlineMilliseconds;
      while (!acknowledged.isSubsetOf(handledIn(file("handled"))) && Date.now() < end) await sleep(200);
      const stored = await storedIn(inbox, sent * 2);
      const handled = handledIn(file("handled"));
      const books = {
        sent,
        acknowledged: acknowledged.size,
        stored: stored.size,
        dispatched: [...acknowledged].filter((id) => handled.has(id)).length,
        lost: [...acknowledged].filter((id) => !stored.has(id)).length,
        twiceStored: [...stored.values()].filter((times) => times > 1).length,
      };
      console.log(`${name}: ${JSON.stringify(books)}, answers ${JSON.stringify(Object.fromEntries(answers))}`);
      return books;
    },
  };
}

/** How often each event is in the inbox, by its own id. */
async function storedIn(inbox: string, limit: number): Promise<Map<string, number>> {
  const reader = await openInboxReader(inbox);
  const times = new Map<string, number>();
  try {
    for (const { eventKey } of await reader.events({ limit })) {
      const [id] = JSON.parse(eventKey ?? "[]") as string[];
      times.set(String(id), (times.get(String(id)) ?? 0) + 1);
    }
  } finally {
    await reader.close();
  }
  return times;
}

function handledIn(file: string): Set<string> {
  return new Set(readFileSync(file, "utf8").split("\n"));
}

/** One line an event, appended in one write: what a process that is killed leaves is whole. */
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

/** Everything that was acknowledged is there once and was handled. */
export const BALANCED = { lost: 0, twiceStored: 0 };
