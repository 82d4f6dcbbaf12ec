// Starts the origin that runs behind an edge, on Node, with an inbox in a temporary directory.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { loadHeldSecrets } from "../../core/admission/secrets.ts";
import type { FindVerificationKey, PublicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { Refusal } from "../../core/refusal.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import type { AcceptDelivery } from "../../origin/accept.ts";
import { createOriginApp } from "../../origin/app.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { serve } from "../../origin/node/server.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { LogLines } from "./log-lines.ts";
import { AUDIENCE, ISSUER } from "./senders.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Reads the certificate of a request that has none. So it always throws `no_certificate`. */
export function withoutCertificate(): never {
  throw new Refusal("no_certificate");
}

export interface OriginSetUp {
  readonly policy: PolicyDocument;
  /** The pinned keys of the edge, or a function that finds a key. */
  readonly keys: readonly PublicJwk[] | FindVerificationKey;
  readonly clock?: () => number;
  /** If set, this function accepts the deliveries, and the inbox accepts none. */
  readonly accept?: AcceptDelivery;
  readonly lists?: () => RevocationLists;
  /** The secrets of this origin, by their names in the policy. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface TestOrigin {
  readonly url: string;
  readonly lines: LogLines;
  readonly inbox: Inbox;
  readonly inboxFile: string;
}

export async function startTestOrigin(stack: AsyncDisposableStack, setUp: OriginSetUp): Promise<TestOrigin> {
  const { policy, keys, accept, clock, lists, secrets = {} } = setUp;
  const lines = new LogLines();
  const { inbox, inboxFile } = openTestInbox(stack);
  const compiled = compilePolicy(policy);
  const app = createOriginApp({
    policy: compiled,
    secrets: loadHeldSecrets(compiled, (name) => secrets[name]),
    findKey: typeof keys === "function" ? keys : await pinnedKeys({ keys }),
    issuer: ISSUER,
    audience: AUDIENCE,
    accept: accept ?? inbox.accept,
    log: lines.push,
    ...(clock !== undefined && { clock }),
    ...(lists !== undefined && { lists }),
  });
  const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: lines.push });
  stack.defer(() => server.close());
  return { url: server.url, lines, inbox, inboxFile };
}

export function openTestInbox(stack: AsyncDisposableStack) {
  const inboxFile = join(temporaryDirectory(stack), "inbox.sqlite");
  const inbox = openSqliteInbox(inboxFile);
  stack.defer(() => closeOnce(inbox));
  return { inbox, inboxFile };
}

/** Closes the inbox. Errors are ignored, because a test may have closed it already. */
async function closeOnce(inbox: Inbox): Promise<void> {
  try {
    await inbox.close();
  } catch {}
}

/** Reads the stored events with a separate connection. */
export function readEvents(inboxFile: string): Record<string, unknown>[] {
  const database = new DatabaseSync(inboxFile, { readOnly: true, timeout: 20_000 });
  try {
    return database.prepare("SELECT * FROM event ORDER BY sequence").all();
  } finally {
    database.close();
  }
}
