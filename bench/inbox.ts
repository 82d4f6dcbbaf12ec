// Measures storing events: our inbox, the same server without storage, and a loop with one insert and one commit for each event.
// Also measures acceptance into an inbox with a million events.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { publicJwk } from "../core/assertion/keys.ts";
import { findPostgres, startPostgres } from "../test/support/postgres.ts";
import { prepareAssertedEvents } from "./assertions.ts";
import { AUDIENCE, type Fixture, ISSUER, makeFixture } from "./fixture.ts";
import { benchFullInbox, makeFullInbox } from "./inbox-full.ts";
import { startPlainLoop } from "./inbox-loop.ts";
import { makeFolder, type RunningProcess, startServer } from "./processes.ts";
import { type Report, summarize, type Target, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";
import type { OriginSettings } from "./servers/settings.ts";

/**
 * The header with the sender's id of the event. The ids are random, so each insert changes a different place of the index. This is
 * the most expensive case.
 */
const EVENT_ID_HEADER = "x-example-event";
const STORED = "SQLite";
const FULL = "SQLite, 1 000 000 events";
const WITHOUT = "without storage";
const LOOP = "plain loop";
const PLAIN = "a commit each";
/** Targets for 64 connections. The runs with fewer connections are for information. */
const TARGETS: readonly Target[] = [
  { against: WITHOUT, ratio: 0.5, isRate: true },
  { against: LOOP, ratio: 5, isRate: true },
  // The inbox with a million events may take at most 1.2 × the time of the inbox that starts empty.
  { subject: FULL, against: STORED, ratio: 1 / 1.2, isRate: true },
];
/**
 * The share of the events that a slow measurement uses: any measurement with one connection (`alone`), and those with a commit for
 * each event (`plain`). A slow measurement waits for the disk, so fewer events are exact enough.
 */
const SHARES = { alone: 0.1, plain: 0.15 };

export async function benchInbox(volume: Volume): Promise<Report[]> {
  const fixture = await makeFixture();
  const servers = await startAll(fixture);
  const makeEvents = await prepareAssertedEvents(fixture, () => ({ [EVENT_ID_HEADER]: randomUUID() }));
  const reports: Report[] = [];
  for (const connections of [1, 16, 64]) {
    const subjects = servers.map(
      (server): Subject => ({
        ...server,
        connections,
        share: (server.share ?? 1) * (connections === 1 ? SHARES.alone : 1),
      }),
    );
    const samples = await measureRounds(subjects, volume, makeEvents);
    const shown = connections === 64 ? TARGETS : TARGETS.map(({ ratio: _, ...comparison }) => comparison);
    reports.push(summarize(`inbox, ${connections} connections`, volume, samples, shown));
  }
  return [...reports, ...(await benchFullInbox(volume))];
}

type Server = RunningProcess & Pick<Subject, "name" | "share" | "helperPid" | "run">;

async function startAll({ policy, signingKey }: Fixture): Promise<Server[]> {
  const settings: OriginSettings = {
    policy: withEventKey(policy),
    jwks: { keys: [publicJwk(signingKey)] },
    issuer: ISSUER,
    audience: AUDIENCE,
  };
  const folder = makeFolder();
  const start = async (name: string, extra: Partial<OriginSettings>, share = 1): Promise<Server> => ({
    name,
    share,
    ...(await startServer("countersign", { ...settings, ...extra })),
  });
  const servers = [
    await start(STORED, { inbox: join(folder, "inbox.sqlite") }),
    await start(FULL, { inbox: await makeFullInbox(makeFolder()) }),
    await start(WITHOUT, {}),
    { ...startPlainLoop(join(folder, "loop.sqlite")), name: LOOP, share: SHARES.plain },
    await start(PLAIN, { plainFile: join(folder, "plain.sqlite") }, SHARES.plain),
  ];
  if (findPostgres() === undefined) {
    process.stderr.write("PostgreSQL is not installed: left out\n");
    return servers;
  }
  const postgres = await startPostgres(new AsyncDisposableStack());
  const server = await start("PostgreSQL", { inbox: await postgres.createDatabase() });
  return [...servers, { ...server, helperPid: postgres.pid() }];
}

function withEventKey(policy: object): object {
  const { senders } = policy as { senders: Record<string, object> };
  const eventKey = { header: EVENT_ID_HEADER };
  return {
    ...policy,
    senders: Object.fromEntries(Object.entries(senders).map(([name, sender]) => [name, { ...sender, eventKey }])),
  };
}
