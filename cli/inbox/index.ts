// `countersign inbox` shows what is stored, with the state of each event and the reason for the state. It also lets an operator
// act on events.

import type { Inbox } from "../../origin/inbox/inbox.ts";
import { parseAction, parseWhole } from "../arguments/values.ts";
import { type Command, refuseUnread, UsageError } from "../command.ts";
import { complain, print, printBytes } from "../output.ts";
import { backup, restore } from "./backup.ts";
import { exportEvents } from "./export.ts";
import { FILTER_OPTIONS, parseFilter } from "./filter.ts";
import { describeHistory, formatHistory } from "./history.ts";
import { type Action, openToChange, parseInboxOptions, readFrom, type Values } from "./options.ts";
import { listRefusals, REFUSAL_FILTERS } from "./refusals.ts";
import { RUN_FILTERS, runAgain } from "./run.ts";
import { describeEvent, formatEvent, formatEvents } from "./text.ts";

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { reads: ["inbox", ...FILTER_OPTIONS, "limit", "json"], run: list },
  show: { reads: ["inbox", "body", "json"], run: show },
  retry: {
    reads: ["inbox", "anyway", "json"],
    run: (values, ids) => change(values, ids, "is due now", (inbox, id) => inbox.retryNow(id)),
  },
  drop: {
    reads: ["inbox", "reason", "anyway", "json"],
    run: (values, ids) =>
      change(values, ids, "is done, without being handled", (inbox, id) => inbox.drop(id, values.reason)),
  },
  run: { reads: ["inbox", ...RUN_FILTERS, "yes", "anyway", "json"], run: runAgain },
  refusals: { reads: ["inbox", ...REFUSAL_FILTERS, "limit", "json"], run: listRefusals },
  export: { reads: ["inbox", ...FILTER_OPTIONS], run: exportEvents },
  backup: { reads: ["inbox", "json"], run: backup },
  restore: { reads: ["inbox", "anyway", "json"], run: restore },
};

export const command: Command = {
  help: `
countersign inbox list [FILTER...] [--limit N]               list events, the newest first (default 50)
countersign inbox export [FILTER...]                         print all events with their bodies as JSON lines, the oldest first
countersign inbox show ID [--body]                           print everything about one event, or only the bytes of its body
countersign inbox retry ID...                                make dead or waiting events due now
countersign inbox drop ID... [--reason TEXT]                 mark dead or waiting events as done, without handling them
countersign inbox run ID... | FILTER... [--yes]              give done events to the handler again, after you confirm their number
countersign inbox refusals [ID] [REFUSALS...] [--limit N]    list refused requests, the newest first, or print everything about
                                                             the one with this decision id
countersign inbox backup FILE                                write the state of one moment to a new file; an origin may run meanwhile
countersign inbox restore FILE                               read a backup into the inbox of --inbox, which must be new or empty

  --inbox FILE|URL  the inbox, as in the origin's own --inbox (default inbox.sqlite)
  --anyway          also change a file on a network file system, as the origin's own --anyway does
  --json            print one JSON line per event (export always prints JSON lines)

FILTER: an event must satisfy every filter.
  --since TIME      accepted at this time or later: 2026-11-30, 2026-11-30T08:00:00Z, or an age like 12h or 7d
  --until TIME      accepted before this time
  --route PATH      the path of the request: /hooks/acme, or /hooks/acme/* for all paths below, or HOST/PATH
  --sender NAME     the sender, by its name in the policy
  --key KEY         the event key, as list --json shows it; a key of one part may be given as its text
  --state STATE     waiting, leased, done or dead
  --conflict        another event of the sender has the same key and other bytes

REFUSALS: --since, --until and --sender as above, and
  --code CODE       a code of docs/troubleshooting.md, or handshake
  --route PATH      the route, exactly as in the policy

A backup can be restored into either store. To move an inbox from a file to PostgreSQL or back, stop its origins first. A backup
contains bodies in clear text. While other commands change the inbox, an origin may run. It sees the change within a second.
To retry all dead events of a sender:
  countersign inbox list --state dead --sender NAME --limit 1000 --json | jq -r .id | xargs countersign inbox retry
`,
  async run([action = "", ...args]) {
    const chosen = ACTIONS[parseAction("inbox", action, Object.keys(ACTIONS))] as Action;
    const { values, positionals, given } = parseInboxOptions(args);
    refuseUnread(given, chosen.reads, `with inbox ${action}`);
    if (values.body && values.json)
      throw new UsageError("--json has no effect beside --body, which prints the bytes alone");
    process.stdout.once("error", endWhenNobodyReads);
    return await chosen.run(values, positionals);
  },
};

/** Ends without an error if a program such as `head` closes the pipe because it has read enough. */
function endWhenNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

async function list(values: Values, ids: readonly string[]): Promise<number> {
  if (ids.length > 0) throw new UsageError("inbox list takes no id: see inbox show");
  const filter = parseFilter(values, parseWhole("--limit", values.limit, 1, 999_999));
  const events = await readFrom(values, (reader) => reader.events(filter));
  if (values.json) print(events.map((event) => JSON.stringify(describeEvent(event))));
  else if (events.length === 0) print(["no such events"]);
  else print(formatEvents(events));
  return 0;
}

async function show(values: Values, ids: readonly string[]): Promise<number> {
  const [id, ...others] = ids;
  if (id === undefined || others.length > 0) throw new UsageError("inbox show ID: one event");
  const { event, history } = await readFrom(values, async (reader) => ({
    event: await reader.event(id),
    history: values.body ? undefined : await reader.attempts(id),
  }));
  if (event === undefined) throw noSuch(id);
  const { body, ...facts } = event;
  if (values.body) {
    if (body === undefined) throw new UsageError(`the body of ${id} is erased`);
    printBytes(body);
  } else if (values.json)
    print([JSON.stringify({ ...facts, ...describeEvent({ ...facts, body }), ...describeHistory(history) })]);
  else print([...formatEvent(event), ...formatHistory(history)]);
  return 0;
}

/**
 * Returns 1 if an event does not exist, or if the state of an event does not permit the change. The other events are still changed.
 */
async function change(
  values: Values,
  ids: readonly string[],
  what: string,
  run: (inbox: Inbox, id: string) => Promise<boolean>,
): Promise<number> {
  if (ids.length === 0) throw new UsageError("name the ids of events: see countersign inbox list");
  // The inbox is opened for reading first, so that a mistyped name creates no new inbox.
  await readFrom(values, () => Promise.resolve());
  const inbox = await openToChange(values);
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

function noSuch(id: string): UsageError {
  return new UsageError(`there is no event ${JSON.stringify(id)}`);
}
