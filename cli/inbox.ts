// countersign inbox: what is stored, how far it is and why, and what an operator can do about it.

import { describeInbox } from "../origin/inbox/location.ts";
import { openInbox, openInboxReader } from "../origin/inbox/open.ts";
import type { EventState, Inbox, InboxReader } from "../origin/inbox.ts";
import { type Command, parseOptions, refuseUnread, UsageError } from "./command.ts";
import { describeEvent, formatEvent, formatRow, HEADINGS } from "./inbox-text.ts";
import { complain, print, printBytes } from "./output.ts";
import { problemsOf } from "./problems.ts";

const OPTIONS = {
  inbox: { type: "string", default: "inbox.sqlite" },
  state: { type: "string" },
  sender: { type: "string" },
  limit: { type: "string", default: "50" },
  reason: { type: "string", default: "dropped by the operator" },
  body: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

type Values = ReturnType<typeof parse>["values"];

interface Action {
  readonly reads: readonly (keyof typeof OPTIONS)[];
  run(values: Values, ids: readonly string[]): Promise<number>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { reads: ["inbox", "state", "sender", "limit", "json"], run: list },
  show: { reads: ["inbox", "body", "json"], run: show },
  retry: {
    reads: ["inbox", "json"],
    run: (values, ids) => change(values, ids, "is due now", (inbox, id) => inbox.retryNow(id)),
  },
  drop: {
    reads: ["inbox", "reason", "json"],
    run: (values, ids) =>
      change(values, ids, "is done, without being handled", (inbox, id) => inbox.drop(id, values.reason)),
  },
};

export const command: Command = {
  help: `
countersign inbox list [--state STATE] [--sender NAME] [--limit N]   the newest first (default 50)
countersign inbox show ID [--body]                                   all that is known of one, or its bytes alone
countersign inbox retry ID...                                        dead or waiting: due now
countersign inbox drop ID... [--reason TEXT]                         dead or waiting: done, without being handled

  --inbox FILE|URL  as the origin has it (default inbox.sqlite)
  --state STATE     waiting, leased, done or dead
  --json            one JSON line per event

An origin may run meanwhile; it sees the change within a second. All dead events of a sender again:
  countersign inbox list --state dead --sender NAME --limit 1000 --json | jq -r .id | xargs countersign inbox retry
`,
  async run([action = "", ...args]) {
    const chosen = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (chosen === undefined)
      throw new UsageError("inbox list, inbox show, inbox retry or inbox drop; see countersign inbox --help");
    const { values, positionals, given } = parse(args);
    refuseUnread(given, chosen.reads, `with inbox ${action}`);
    if (values.body && values.json)
      throw new UsageError("--json has no effect beside --body, which prints the bytes alone");
    process.stdout.once("error", endWhenNobodyReads);
    return await chosen.run(values, positionals);
  },
};

/** `head`, for example, has enough. */
function endWhenNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

function parse(args: string[]) {
  return parseOptions(args, OPTIONS, true);
}

async function list(values: Values, ids: readonly string[]): Promise<number> {
  if (ids.length > 0) throw new UsageError("inbox list takes no id: see inbox show");
  const filter = { state: parseState(values.state), sender: values.sender, limit: parseLimit(values.limit) };
  const events = await read(values, (reader) => reader.events(filter));
  if (values.json) print(events.map((event) => JSON.stringify(describeEvent(event))));
  else if (events.length === 0) print(["no such events"]);
  else print([HEADINGS, ...events.map((event) => formatRow(event))]);
  return 0;
}

async function show(values: Values, ids: readonly string[]): Promise<number> {
  const [id, ...others] = ids;
  if (id === undefined || others.length > 0) throw new UsageError("inbox show ID: one event");
  const event = await read(values, (reader) => reader.event(id));
  if (event === undefined) throw noSuch(id);
  const { body, ...facts } = event;
  if (values.body) {
    if (body === undefined) throw new UsageError(`the body of ${id} is erased`);
    printBytes(body);
  } else if (values.json) print([JSON.stringify({ ...facts, ...describeEvent({ ...facts, body }) })]);
  else print(formatEvent(event));
  return 0;
}

function onNotice(text: string): void {
  complain(`countersign: ${text}`);
}

/** 1 when one of them is not there, or in no state to be changed; the others are changed all the same. */
async function change(
  values: Values,
  ids: readonly string[],
  what: string,
  run: (inbox: Inbox, id: string) => Promise<boolean>,
): Promise<number> {
  if (ids.length === 0) throw new UsageError("name the ids of events: see countersign inbox list");
  // First to read from, which makes no new inbox where a name is mistyped.
  await read(values, () => Promise.resolve());
  const inbox = await openInbox(values.inbox, { onNotice });
  let code = 0;
  try {
    for (const id of ids) {
      const isChanged = await run(inbox, id);
      const event = await inbox.event(id);
      if (!isChanged) code = 1;
      if (values.json) print([JSON.stringify({ id, isChanged, state: event?.state })]);
      else if (isChanged) print([`${id} ${what}`]);
      else complain(`countersign: ${event === undefined ? noSuch(id).message : `${id} is ${event.state}`}`);
    }
  } finally {
    await inbox.close();
  }
  return code;
}

/** @throws UsageError when there is no such inbox */
async function read<T>({ inbox }: Values, ask: (reader: InboxReader) => Promise<T>): Promise<T> {
  const reader = await openInboxReader(inbox).catch((error: unknown) => {
    throw new UsageError(`--inbox ${describeInbox(inbox)}: ${problemsOf(error).join("; ")}`);
  });
  return await ask(reader).finally(() => reader.close());
}

function noSuch(id: string): UsageError {
  return new UsageError(`there is no event ${JSON.stringify(id)}`);
}

function parseState(text: string | undefined): EventState | undefined {
  if (text === undefined || text === "waiting" || text === "leased" || text === "done" || text === "dead") return text;
  throw new UsageError(`--state ${text} is none of waiting, leased, done, dead`);
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--limit ${text} is not 1 to 999999`);
  return Number(text);
}
