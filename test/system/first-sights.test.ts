// Tests what the inbox stores about each certificate with which a sender was accepted. The certificate is not stored again with
// each of its events. The inbox reports when a known sender presents a new key, issuer or intermediate.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { CertificateFacts, Delivery } from "../../core/delivery/delivery.ts";
import { parseClientCertificate } from "../../core/x509/client-certificate.ts";
import type { FirstSight, Inbox } from "../../origin/inbox/inbox.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { openSqliteReader } from "../../origin/inbox/sqlite/reader.ts";
import { deliveryOf } from "../support/inbox.ts";
import { readEvents } from "../support/origin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const HOUR = 3600;

let stack: AsyncDisposableStack;
let file: string;
let now: number;
let sights: FirstSight[];

beforeEach(() => {
  stack = new AsyncDisposableStack();
  file = join(temporaryDirectory(stack), "inbox.sqlite");
  now = 1_800_000_000;
  sights = [];
});
afterEach(() => stack.disposeAsync());

function open(): Inbox {
  const inbox = openSqliteInbox(file, {
    clock: () => now * 1000,
    onNewCertificate: (firstSights) => sights.push(...firstSights),
  });
  stack.defer(() => inbox.close().catch(() => {}));
  return inbox;
}

let deliveries = 0;

async function accept(
  inbox: Inbox,
  sender: string,
  identity?: Identity,
  ...intermediates: readonly Identity[]
): Promise<Delivery> {
  deliveries += 1;
  const id = `event-${deliveries}`;
  const delivery = deliveryOf({ id, sender, identity, intermediates });
  await inbox.accept(delivery, { issuer: "direct", jti: id, expires: now });
  return delivery;
}

const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const otherRoot = await issueCertificate({ subject: [{ CN: ["Other Root"] }], ca: {} });
const middle = await issueCertificate({ subject: [{ CN: ["Middle"] }], ca: {} }, root);
const first = await issueCertificate({ subject: [{ CN: ["acme"] }] }, root);
const renewed = await issueCertificate({ subject: [{ CN: ["acme"] }], keys: first.keys }, root);
const rekeyed = await issueCertificate({ subject: [{ CN: ["acme"] }] }, root);
const moved = await issueCertificate({ subject: [{ CN: ["acme"] }], keys: first.keys }, otherRoot);

const factsOf = ({ base64 }: Identity) =>
  parseClientCertificate({ leaf: base64, intermediates: [], platform: undefined }).leaf;

describe("the certificate of an event", () => {
  test("is one row however many events come with it, and its bytes are in no event", async () => {
    const inbox = open();
    for (let sent = 0; sent < 3; sent += 1) await accept(inbox, "acme", first, middle);
    const { sha256, spkiSha256, issuerText: issuer, subjectText: subject, notAfter } = factsOf(first);
    expect(await inbox.certificates()).toEqual([
      {
        ...{ sender: "acme", sha256, spkiSha256, issuer, subject, notAfter },
        ...{ der: first.base64, intermediates: [middle.base64], firstSeen: now, lastSeen: now },
      },
    ]);
    for (const { certificate } of readEvents(file)) expect(String(certificate)).not.toMatch(/der|intermediates|MII/);
  });

  test("is another row for another sender, and with other intermediates", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    await accept(inbox, "beta", first);
    await accept(inbox, "acme", first, middle);
    await accept(inbox, "acme", first);
    const rows = (await inbox.certificates()).map(({ sender, intermediates }) => [sender, intermediates.length]);
    expect(rows).toEqual([
      ["acme", 0],
      ["beta", 0],
      ["acme", 1],
    ]);
    expect(await inbox.certificates(factsOf(first).sha256)).toHaveLength(3);
    expect(await inbox.certificates(factsOf(renewed).sha256)).toEqual([]);
  });

  test("is read back with its event, exactly as it was presented then", async () => {
    const inbox = open();
    const events = [
      await accept(inbox, "acme", first),
      await accept(inbox, "acme", first, middle),
      await accept(inbox, "acme", renewed),
    ];
    const reader = openSqliteReader(file);
    stack.defer(() => reader.close());
    for (const { id, certificate, eventKey, factors, reliedOnEdge, body } of events) {
      expect(await inbox.event(id)).toMatchObject({
        id,
        certificate,
        eventKey,
        factors,
        reliedOnEdge,
        acceptedAt: now,
      });
      expect(Buffer.from((await reader.event(id))?.body ?? [])).toEqual(Buffer.from(body));
    }
    expect(await inbox.event("no such event")).toBeUndefined();
  });

  test("may be missing: a sender may need no certificate", async () => {
    const inbox = open();
    const { id } = await accept(inbox, "signed");
    expect(await inbox.event(id)).toMatchObject({ certificate: undefined, sender: "signed" });
    expect(readEvents(file)[0]).toMatchObject({ certificate: "null", certificate_id: null });
    expect(await inbox.certificates()).toEqual([]);
  });

  test("has a last_seen that is written at most once an hour", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    const lastSeen = async () => (await inbox.certificates())[0]?.lastSeen;
    const start = now;
    now += HOUR - 1;
    await accept(inbox, "acme", first);
    expect(await lastSeen()).toBe(start);
    now += 1;
    await accept(inbox, "acme", first);
    expect(await lastSeen()).toBe(start + HOUR);
    // The clock of another process may be behind the clock of this process.
    now = start;
    await accept(open(), "acme", first);
    expect(await lastSeen()).toBe(start + HOUR);
  });

  test("is not written for a replay", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    const replay = deliveryOf({ id: "again", sender: "acme", identity: rekeyed });
    const assertion = { issuer: "direct", jti: `event-${deliveries}`, expires: now };
    await expect(inbox.accept(replay, assertion)).rejects.toThrow();
    expect(await inbox.certificates()).toHaveLength(1);
    expect(sights).toEqual([]);
    await accept(inbox, "acme", rekeyed);
    expect(sights).toHaveLength(1);
  });

  test("is written again when somebody deleted it", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    const database = new DatabaseSync(file);
    database.exec("DELETE FROM certificate");
    database.close();
    const { id, certificate } = await accept(inbox, "acme", first);
    const { der, intermediates, ...facts } = certificate as CertificateFacts;
    expect((await inbox.event(id))?.certificate).toEqual(facts);
    now += HOUR;
    await accept(inbox, "acme", first);
    expect(await inbox.certificates()).toHaveLength(1);
  });
});

describe("a first sight", () => {
  test("is reported for a new key, issuer or intermediate, with the old one and the time since which it was used", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    const start = now;
    now += HOUR;
    await accept(inbox, "acme", renewed);
    expect(sights).toEqual([]);
    const [before, after] = [factsOf(first), factsOf(rekeyed)];
    const key = await accept(inbox, "acme", rekeyed);
    expect(sights.splice(0)).toEqual([
      { what: "new key", sender: "acme", id: key.id, old: before.spkiSha256, since: start, new: after.spkiSha256 },
    ]);
    const since = now;
    now += HOUR;
    const issuer = await accept(inbox, "acme", moved, otherRoot);
    const old = `CN=Root`;
    expect(sights.splice(0)).toEqual([
      { what: "new issuer", sender: "acme", id: issuer.id, old, since: start, new: "CN=Other Root" },
      {
        ...{ what: "new intermediate", sender: "acme", id: issuer.id, old: "none", since },
        new: `CN=Other Root (sha256 ${factsOf(otherRoot).sha256})`,
      },
    ]);
    await accept(inbox, "acme", rekeyed, otherRoot);
    await accept(inbox, "acme", first);
    expect(sights).toEqual([]);
  });

  test("is not reported for a sender that is new itself", async () => {
    const inbox = open();
    await accept(inbox, "acme", first);
    await accept(inbox, "beta", rekeyed, middle);
    expect(sights).toEqual([]);
  });

  test("is reported once, also after a restart and by two processes' connections", async () => {
    const inboxes = [open(), open()] as const;
    await accept(inboxes[0], "acme", first);
    for (const inbox of inboxes) await accept(inbox, "acme", rekeyed);
    expect(sights).toHaveLength(1);
    for (const inbox of inboxes) await inbox.close();
    await accept(open(), "acme", rekeyed);
    expect(sights).toHaveLength(1);
  });

  test("leaves the event accepted when its listener fails", async () => {
    const inbox = openSqliteInbox(file, {
      onNewCertificate: () => {
        throw new Error("full");
      },
    });
    stack.defer(() => inbox.close());
    await accept(inbox, "acme", first);
    await accept(inbox, "acme", rekeyed);
    expect(await inbox.count()).toBe(2);
  });
});

test("after kill -9 in the middle of writing, every event has its certificate, and every certificate its event", async () => {
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, ["test/support/inbox-writer.ts", file, String(round)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 40 + round * 37));
    child.kill("SIGKILL");
    await once(child, "exit");
    const inbox = open();
    const database = new DatabaseSync(file, { readOnly: true });
    const counts = database.prepare(`
      SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM certificate) AS certificates,
             (SELECT count(*) FROM event JOIN certificate AS seen ON seen.id = event.certificate_id
              WHERE seen.sha256 = event.certificate ->> 'sha256') AS pairs
    `);
    const { events, certificates, pairs } = counts.get() as Record<string, number>;
    database.close();
    await inbox.close();
    expect(events).toBeGreaterThan(round);
    expect([certificates, pairs]).toEqual([events, events]);
  }
});

test("two processes that see the same new key at the same time report it once", async () => {
  await accept(open(), "acme", first);
  const writers = Array.from({ length: 2 }, () =>
    spawn(process.execPath, ["test/support/inbox-writer.ts", file, "same"], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const outputs = writers.map((writer) => {
    const chunks: string[] = [];
    writer.stdout.on("data", (chunk: Buffer) => chunks.push(String(chunk)));
    return chunks;
  });
  await Promise.all(writers.map(({ stdout }) => once(stdout, "data")));
  for (const { stdin } of writers) stdin.end(rekeyed.base64);
  await Promise.all(writers.map((writer) => once(writer, "close")));
  expect(
    outputs
      .flat()
      .join("")
      .match(/new key/g),
  ).toHaveLength(1);
  expect(await open().count()).toBe(3);
});
