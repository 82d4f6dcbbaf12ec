// Measures our middleware on our Node server, next to a bare handler that only verifies the same token.

import { join } from "node:path";
import { publicJwk } from "../core/assertion/keys.ts";
import { prepareAssertedEvents } from "./assertions.ts";
import { AUDIENCE, type Fixture, ISSUER, makeFixture } from "./fixture.ts";
import { makeFolder, startServer } from "./processes.ts";
import { type Report, summarize, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";
import type { OriginSettings } from "./servers/settings.ts";

const TARGETS = [{ against: "hono + jwtVerify", ratio: 1.15 }];
/** The share of the events that the subject with an inbox gets. This subject is slower, because each event waits for the disk. */
const INBOX_SHARE = 0.25;

export async function benchOrigin(volume: Volume): Promise<Report> {
  const fixture = await makeFixture();
  const subjects = await startAll(fixture);
  const samples = await measureRounds(subjects, volume, await prepareAssertedEvents(fixture));
  return summarize("origin", volume, samples, TARGETS);
}

export function originSettings({ policy, signingKey }: Fixture): OriginSettings {
  return { policy, jwks: { keys: [publicJwk(signingKey)] }, issuer: ISSUER, audience: AUDIENCE };
}

function startAll(fixture: Fixture): Promise<Subject[]> {
  const settings = originSettings(fixture);
  const inbox = join(makeFolder(), "inbox.sqlite");
  const start = async (
    name: string,
    module: string,
    extra: Partial<OriginSettings> = {},
    share = 1,
  ): Promise<Subject> => ({
    name,
    share,
    ...(await startServer(module, { ...settings, ...extra })),
  });
  return Promise.all([
    start("countersign", "countersign"),
    start("hono + jwtVerify", "jwt-verify"),
    start("countersign, log", "countersign", { log: true }),
    start("countersign, log, SQLite", "countersign", { log: true, inbox }, INBOX_SHARE),
  ]);
}
