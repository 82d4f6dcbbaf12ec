// Runs a console in this process, with a real inbox file and events of two senders.

import { join } from "node:path";
import type { LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { createConsoleOf } from "../../../origin/console/console.ts";
import type { ConsoleOptions, ConsoleParts, ConsoleRole } from "../../../origin/console/options.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import type { RefusedRequest } from "../../../origin/inbox/refusals/refusals.ts";
import { hostsOf, serveConsole } from "../../../origin/node/console-server.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { ACME, createSenders, type Senders } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

export interface World {
  readonly url: string;
  readonly inbox: Inbox;
  readonly policy: Policy;
  readonly senders: Senders;
  readonly lines: readonly LogLine[];
  /** Sets the role of every visitor from now on. */
  setRole(role: ConsoleRole | undefined): void;
  accept(id: string, parts?: Partial<DeliveryParts>): Promise<void>;
  /** Makes all due events dead, with this reason. */
  buryAll(reason: string): Promise<void>;
  /** Makes all due events done. */
  completeAll(): Promise<void>;
  /** Stores a refused request. */
  refuse(refused: Partial<RefusedRequest>): Promise<void>;
  /** Returns the content of a page as JSON. */
  json(path: string): Promise<Record<string, unknown>>;
}

export async function startConsole(
  stack: AsyncDisposableStack,
  parts: ConsoleParts = {},
  more: Partial<ConsoleOptions> = {},
): Promise<World> {
  const senders = await createSenders();
  const policy = compilePolicy(senders.policy);
  const inbox = await openInbox(join(temporaryDirectory(stack), "inbox.sqlite"));
  stack.defer(() => inbox.close());
  const lines: LogLine[] = [];
  const log = (line: LogLine) => void lines.push(line);
  let role: ConsoleRole | undefined = "operator";
  const end = new AbortController();
  const listener = { hostname: "127.0.0.1", port: 0 };
  const app = createConsoleOf(
    {
      ...{ inbox, policy, log, hosts: hostsOf(listener), signal: end.signal },
      visitor: () => role && { role, name: `the ${role}` },
      ...more,
    },
    parts,
  );
  const server = await serveConsole(app.fetch, { listener, log });
  stack.defer(async () => {
    end.abort();
    await server.close();
  });
  return {
    ...{ url: server.url, inbox, policy, senders, lines },
    setRole(next) {
      role = next;
    },
    async accept(id, given = {}) {
      const delivery = deliveryOf({ id, sender: ACME, identity: senders.acme, ...given });
      await inbox.accept(delivery, { issuer: "direct", jti: id, expires: 0 });
    },
    async buryAll(reason) {
      for (const lease of await inbox.work.claim(1_000, 60_000)) await inbox.work.bury(lease, reason);
    },
    async completeAll() {
      for (const lease of await inbox.work.claim(1_000, 60_000)) await inbox.work.complete(lease);
    },
    async refuse(given) {
      const code = given.code ?? "no_certificate";
      const line: LogLine = { decision: "refused", code: code as never };
      const facts = {
        ...{ id: "decision", route: "", sender: "", peer: "192.0.2.7", method: "POST", target: "/hooks/acme" },
      };
      const refused = { ...facts, at: Date.now(), code, line, certificate: undefined, ...given };
      const hour = Math.floor(refused.at / 3_600_000) * 3_600;
      const limits = { refusals: 1_000, bytes: 10_000_000, certificateBytes: 10_000_000 };
      await inbox.refusals.add({ refused: [refused], counts: [{ hour, code, refusals: 1 }] }, limits);
    },
    async json(path) {
      const response = await fetch(new URL(path, server.url), { headers: { accept: "application/json" } });
      return (await response.json()) as Record<string, unknown>;
    },
  };
}

/** Sends the form of a confirmation page, as a program does. */
export async function confirm(world: World, path: string, more: Record<string, string> = {}): Promise<Response> {
  const { token, events } = (await world.json(path)) as { token: string; events: { id: string }[] };
  const form = new URLSearchParams({ token, ...more });
  for (const { id } of events) form.append("id", id);
  return await fetch(new URL(path.replace(/\?.*/, ""), world.url), {
    method: "POST",
    headers: { accept: "application/json", origin: new URL(world.url).origin },
    body: form,
  });
}
