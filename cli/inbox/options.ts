// The options of all inbox commands, and the functions that several of these commands share.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Inbox, InboxReader } from "../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../origin/inbox/location.ts";
import { openInbox, openInboxReader } from "../../origin/inbox/open.ts";
import { problemsOf } from "../../origin/problems.ts";
import { warnOfShownPassword } from "../../origin/service/secret-notices.ts";
import { parseOptions, UsageError } from "../command.ts";
import { findElsewhere } from "../files/files.ts";
import { complain, complainLogLine } from "../output.ts";

export const OPTIONS = {
  inbox: { type: "string", default: "inbox.sqlite" },
  state: { type: "string" },
  sender: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
  route: { type: "string" },
  key: { type: "string" },
  code: { type: "string" },
  conflict: { type: "boolean", default: false },
  limit: { type: "string", default: "50" },
  reason: { type: "string", default: "dropped by the operator" },
  body: { type: "boolean", default: false },
  anyway: { type: "boolean", default: false },
  yes: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

export type Values = ReturnType<typeof parseInboxOptions>["values"];

export interface Action {
  readonly reads: readonly (keyof typeof OPTIONS)[];
  run(values: Values, given: readonly string[]): Promise<number>;
}

export function parseInboxOptions(args: string[]) {
  return parseOptions(args, OPTIONS, true);
}

/** Opens the inbox for reading, calls `ask` and closes the inbox. @throws UsageError if there is no such inbox */
export async function readFrom<T>({ inbox }: Values, ask: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await namingInbox(inbox, () => openInboxReader(inbox));
  return await ask(reader).finally(() => reader.close());
}

/** Runs `open`. If it fails, throws its reason without a stack. @throws UsageError */
export async function namingInbox<T>(inbox: string, open: () => Promise<T>): Promise<T> {
  warnOfShownPassword(inbox, complainLogLine);
  return await open().catch((error: unknown) => {
    if (error instanceof UsageError) throw error;
    // The text begins with the path of the inbox, or of another file at fault. A hint is added only if the inbox itself is at
    // fault.
    const told = problemsOf(error).join("; ");
    const isItself = !isPostgresUrl(inbox) && told.startsWith(`${resolve(inbox)}: `);
    throw new UsageError(`${told}${isItself ? findElsewhere(inbox) || tellOption(inbox) : ""}`);
  });
}

function tellOption(inbox: string): string {
  return existsSync(inbox) ? "" : ": give the same --inbox as the origin";
}

export function openToChange({ inbox, anyway }: Values): Promise<Inbox> {
  const options = { onNotice: tellNotice, allowNetworkFileSystem: anyway };
  return namingInbox(inbox, () => openInbox(inbox, options));
}

function tellNotice(text: string): void {
  complain(`countersign: ${text}`);
}
