// Tests that each assertion is accepted once in an app without an inbox: in SQLite and PostgreSQL, and in workerd with D1 and with
// a Durable Object.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestHarness } from "wrangler";
import { WORKER } from "../../../cli/dev/local-edge.ts";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type AcceptDelivery, ReplayedError } from "../../../origin/accept.ts";
import { countersign } from "../../../origin/guard/guard.ts";
import { onceInD1 } from "../../../origin/once/d1.ts";
import { onceInDurableObject } from "../../../origin/once/object.ts";
import { onceInPostgres } from "../../../origin/once/postgres.ts";
import { onceInSqlite } from "../../../origin/once/sqlite.ts";
import { askShared } from "../../support/ask-shared.ts";
import { type ForwardedEvent, forwardedRequest } from "../../support/forgery.ts";
import { LogLines } from "../../support/log-lines.ts";
import { findPostgres } from "../../support/postgres.ts";
import { ROOT } from "../../support/running.ts";
import { ACME, AUDIENCE, createSenders, ISSUER } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
let event: ForwardedEvent;
let guarding: { policy: object; keys: { keys: object[] }; issuer: string; audience: string };

beforeAll(async () => {
  const senders = await createSenders();
  const key = await newSigningKey();
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
  guarding = { policy: senders.policy, keys: { keys: [publicJwk(key)] }, issuer: ISSUER, audience: AUDIENCE };
});
afterAll(() => stack.disposeAsync());

type Send = (path: string, init: RequestInit) => Promise<Response>;

function forwarded(target: string) {
  const { headers, body } = forwardedRequest({ ...event, target });
  return { method: "POST", headers: headers as [string, string][], body: body as string };
}

async function statusOf(send: Send, path: string, init: RequestInit): Promise<number> {
  const response = await send(path, init);
  await response.text();
  return response.status;
}

async function takesEachOnce(send: Send, path: string): Promise<void> {
  const first = forwarded(path);
  expect(await statusOf(send, path, first)).toBe(201);
  expect(await statusOf(send, path, first)).toBe(409);
  expect(await statusOf(send, path, forwarded(path))).toBe(201);
  // Of many simultaneous requests with the same assertion, only one is accepted.
  const same = forwarded(path);
  const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(send, path, same)));
  expect(statuses.toSorted()).toEqual([201, ...Array(19).fill(409)]);
}

const lines = new LogLines();

function sendTo(accept: AcceptDelivery): Send {
  const app = new Hono();
  app.post("/hooks/acme", countersign({ ...guarding, accept, onDecision: lines.push }), (c) =>
    c.json({ sender: c.var.delivery.sender }, 201),
  );
  return async (path, init) => await app.request(path, init);
}

const TWO_DAYS_AGO = Math.floor(Date.now() / 1000) - 2 * 86_400;
/**
 * On average, one insert in a hundred also prunes. With this number of inserts, the probability that no insert prunes is one in
 * three million.
 */
const MANY = Array.from({ length: 1_500 }, (_, index) => `id-${index}`);

/** Inserts a hundred new ids at a time, until `isForgotten` says that the earlier ids are deleted. */
async function insertUntil(
  isForgotten: () => Promise<boolean>,
  insert: (ids: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < MANY.length; from += 100) {
    await insert(MANY.slice(from, from + 100));
    if (await isForgotten()) return;
  }
  throw new Error(`it is known after ${MANY.length} more`);
}

describe("onceInSqlite", () => {
  let file: string;
  const open = () => {
    const database = new DatabaseSync(file);
    stack.defer(() => database.close());
    return onceInSqlite(database);
  };
  beforeAll(() => {
    file = join(temporaryDirectory(stack), "accepted.sqlite");
  });

  test("takes each assertion once", async () => {
    await takesEachOnce(sendTo(open()), "/hooks/acme");
  });

  test("acknowledges no event whose handler failed: with a new assertion, the handler runs again", async () => {
    let runs = 0;
    const app = new Hono();
    app.post("/hooks/acme", countersign({ ...guarding, accept: open(), onDecision: lines.push }), (c) => {
      runs += 1;
      if (runs === 1) throw new Error("the database of the handler is away");
      return c.json({ id: c.var.delivery.id }, 201);
    });
    app.onError((_, c) => c.text("failed", 500));
    const txn = crypto.randomUUID();
    const again = async () => {
      const { headers, body } = forwardedRequest({ ...event, claims: { txn } });
      return await app.request("/hooks/acme", {
        method: "POST",
        headers: headers as [string, string][],
        body: `${body}`,
      });
    };
    expect((await again()).status).toBe(500);
    const answer = await again();
    expect([answer.status, await answer.json(), runs]).toEqual([201, { id: txn }, 2]);
  });

  test("accepts each assertion once in two processes, and after a restart", async () => {
    const [one, other] = [sendTo(open()), sendTo(open())];
    const same = forwarded("/hooks/acme");
    expect(await statusOf(one, "/hooks/acme", same)).toBe(201);
    expect(await statusOf(other, "/hooks/acme", same)).toBe(409);
    expect(await statusOf(sendTo(open()), "/hooks/acme", same)).toBe(409);
  });

  test("forgets what expired more than a day ago", async () => {
    const database = new DatabaseSync(":memory:");
    const accept = onceInSqlite(database);
    for (const jti of [...MANY, "id-0"]) await accept({} as never, { issuer: ISSUER, jti, expires: TWO_DAYS_AGO });
    const [{ held }] = database.prepare("SELECT count(*) AS held FROM countersign_accepted").all() as [
      { held: number },
    ];
    expect(held).toBeLessThan(MANY.length);
  });
});

describe.skipIf(findPostgres() === undefined)("onceInPostgres", () => {
  let pool: pg.Pool;

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: await askShared("database") });
    stack.defer(() => pool.end());
  });

  test("takes each assertion once, and makes its table by itself", async () => {
    await takesEachOnce(sendTo(onceInPostgres(pool)), "/hooks/acme");
    const { rows } = await pool.query("SELECT issuer, expires > 1e9 AS later FROM countersign_accepted");
    expect(rows).toEqual(Array(3).fill({ issuer: ISSUER, later: true }));
  });

  test("creates one table if many processes start at the same time", async () => {
    await pool.query("DROP TABLE countersign_accepted");
    const ids = await Promise.allSettled(
      MANY.slice(0, 30).map((jti) => onceInPostgres(pool)({} as never, { issuer: ISSUER, jti, expires: TWO_DAYS_AGO })),
    );
    expect(ids.filter(({ status }) => status === "rejected")).toEqual([]);
  });

  test("forgets what expired more than a day ago", async () => {
    const accept = onceInPostgres(pool);
    const take = async (jti: string): Promise<boolean> => {
      try {
        await accept({} as never, { issuer: "https://old.example", jti, expires: TWO_DAYS_AGO });
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(ReplayedError);
        return false;
      }
    };
    expect(await take("again")).toBe(true);
    await insertUntil(
      () => take("again"),
      async (ids) => {
        for (const id of ids) expect(await take(id)).toBe(true);
      },
    );
  });

  test("accepts nothing while the database cannot be reached", async () => {
    const away = new pg.Pool({ connectionString: "postgres://user@127.0.0.1:1/none" });
    stack.defer(() => away.end());
    expect(await statusOf(sendTo(onceInPostgres(away)), "/hooks/acme", forwarded("/hooks/acme"))).toBe(503);
    expect(lines.all.at(-1)).toMatchObject({
      code: "store_unavailable",
      cause: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

/** The configuration of the Durable Object in docs/hono.md. */
const [OBJECT] = Array.from(
  readFileSync(join(ROOT, "docs/hono.md"), "utf8").matchAll(/^```jsonc\n(\{\n {2}"durable_objects".*?)^```$/gms),
  ([, text = ""]) => JSON.parse(text) as object,
);

describe("in workerd", () => {
  let send: Send;

  beforeAll(async () => {
    const harness = createTestHarness({
      workers: [
        {
          config: {
            ...WORKER,
            name: "once",
            main: fileURLToPath(new URL("../../support/once-worker.ts", import.meta.url)),
            vars: {
              POLICY: JSON.parse(JSON.stringify(guarding.policy)),
              JWKS: guarding.keys as never,
              ISSUER,
              AUDIENCE,
            },
            d1_databases: [{ binding: "DB", database_name: "events", database_id: "events" }],
            ...OBJECT,
          },
        },
      ],
    });
    await harness.listen();
    stack.defer(() => harness.close());
    send = (path, init) =>
      harness.fetch(`https://origin.example.com${path}`, init as object) as unknown as Promise<Response>;
  });

  const acceptAll = async (path: string, ids: readonly string[]): Promise<unknown> => {
    const body = JSON.stringify({ path, ids, expires: TWO_DAYS_AGO });
    return await (await send("/accept", { method: "POST", body })).json();
  };

  test.each([
    ["onceInD1", "/hooks/acme"],
    ["onceInDurableObject", "/hooks/both"],
  ])("%s takes each assertion once", async (_, path) => {
    await takesEachOnce(send, path);
    expect(await (await send(path, forwarded(path))).json()).toEqual({ sender: ACME });
  });

  test.each([
    ["onceInD1", "/hooks/acme"],
    ["onceInDurableObject", "/hooks/both"],
  ])("%s forgets what expired more than a day ago", async (_, path) => {
    expect(await acceptAll(path, ["again", "again"])).toEqual(["again: replayed"]);
    await insertUntil(
      async () => JSON.stringify(await acceptAll(path, ["again"])) === "[]",
      async (ids) => expect(await acceptAll(path, ids)).toEqual([]),
    );
  });

  test("a binding that is missing refuses every request", async () => {
    const response = await send("/hooks/large", forwarded("/hooks/large"));
    expect([response.status, await response.json()]).toMatchObject([500, { code: "internal-error" }]);
  });
});

test("a value that is not a store is refused when it is passed", () => {
  expect(() => onceInPostgres(undefined as never)).toThrow("nothing is passed: pass a Pool of the package pg");
  expect(() => onceInD1({} as never)).toThrow("this is something else: pass the binding of a D1 database");
  expect(() => onceInDurableObject(null as never)).toThrow("nothing is passed: pass the binding of OnceObject");
});
