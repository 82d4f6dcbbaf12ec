// The options of all inbox commands, and what several of them do alike.

import { describeInbox } from "../origin/inbox/location.ts";
import { openInboxReader } from "../origin/inbox/open.ts";
import type { InboxReader } from "../origin/inbox.ts";
import { parseOptions, UsageError } from "./command.ts";
import { complain } from "./output.ts";
import { problemsOf } from "./problems.ts";

export const OPTIONS = {
  inbox: { type: "string", default: "inbox.sqlite" },
  state: { type: "string" },
  sender: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
  route: { type: "string" },
  key: { type: "string" },
  conflict: { type: "boolean", default: false },
  limit: { type: "string", default: "50" },
  reason: { type: "string", default: "dropped by the operator" },
  body: { type: "boolean", default: false },
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

/** @throws UsageError when there is no such inbox */
export async function readFrom<T>({ inbox }: Values, ask: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await tellingInbox(inbox, () => openInboxReader(inbox));
  return await ask(reader).finally(() => reader.close());
}

/** What opens an inbox, or fails with its reason alone. @throws UsageError */
export async function tellingInbox<T>(inbox: string, open: () => Promise<T>): Promise<T> {
  return await open().catch((error: unknown) => {
    throw new UsageError(`--inbox ${describeInbox(inbox)}: ${problemsOf(error).join("; ")}`);
  });
}

export function tellNotice(text: string): void {
  complain(`countersign: ${text}`);
}
