// The tables of the inbox in PostgreSQL, and the upgrade from older versions.

import { missingSteps, requireKnown, requireNewest, versionAfter } from "../schema-version.ts";
import { lockNumber, type PostgresPool, SCHEMA } from "./pool.ts";

/**
 * Returns SQL for the digest of a target or another long text. The index has the digest, because a row of an index has at most
 * 2,704 octets and the text may be longer. This SQL is part of a released step, so it must not change. The cast to `bytea` reads a
 * backslash as an escape, so backslashes are doubled.
 */
export function digestOf(target: string): string {
  return `sha256(replace(${target}, chr(92), chr(92) || chr(92))::bytea)`;
}

/** The steps that make the tables. As in the SQLite inbox, a released step must not change. */
export const STEPS: readonly string[] = [
  `
  CREATE TABLE certificate (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender        text NOT NULL,
    sha256        text NOT NULL,
    spki_sha256   text NOT NULL,
    issuer        text NOT NULL,
    subject       text NOT NULL,
    not_after     bigint NOT NULL,
    der           text NOT NULL,
    intermediates text NOT NULL,
    first_seen    bigint NOT NULL,
    last_seen     bigint NOT NULL
  );
  CREATE INDEX certificate_by_time ON certificate (sender, last_seen);
  CREATE INDEX certificate_by_bytes ON certificate (sender, sha256, ${digestOf("intermediates")});
  CREATE TABLE event (
    sequence          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                text NOT NULL,
    issuer            text NOT NULL,
    jti               text NOT NULL,
    accepted_at       bigint NOT NULL,
    sender            text NOT NULL,
    method            text NOT NULL,
    target            text NOT NULL,
    content_type      text NOT NULL,
    headers           text NOT NULL,
    body              bytea,
    content_digest    text NOT NULL,
    event_key         text,
    order_key         text,
    certificate       text NOT NULL,
    certificate_id    bigint,
    factors           text NOT NULL,
    relied_on_edge    text NOT NULL,
    policy_digest     text NOT NULL,
    assertion_expires bigint NOT NULL
  );
  CREATE UNIQUE INDEX event_by_assertion ON event (issuer, jti);
  CREATE UNIQUE INDEX event_by_id ON event (id, issuer);
  CREATE UNIQUE INDEX event_by_key ON event (sender, event_key, method, ${digestOf("target")}, content_digest)
    WHERE event_key IS NOT NULL;
  CREATE TABLE work (
    sequence     bigint PRIMARY KEY,
    sender       text NOT NULL,
    order_key    text,
    state        text NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    due_at       bigint,
    changed_at   bigint NOT NULL,
    token        text,
    reason       text,
    has_body     boolean NOT NULL DEFAULT true,
    has_conflict boolean NOT NULL DEFAULT false,
    duplicates   bigint NOT NULL DEFAULT 0,
    reruns       bigint NOT NULL DEFAULT 0,
    began_at     bigint,
    status       integer,
    recorded     bigint NOT NULL DEFAULT 0,
    CHECK ((due_at IS NULL) = (state IN ('done', 'dead')))
  ) WITH (autovacuum_vacuum_scale_factor = 0.02);
  CREATE INDEX work_due ON work (due_at, sequence) WHERE due_at IS NOT NULL;
  CREATE INDEX work_order ON work (sender, order_key, sequence) WHERE order_key IS NOT NULL AND due_at IS NOT NULL;
  CREATE INDEX work_dead ON work (sequence) WHERE state = 'dead';
  CREATE INDEX work_finished ON work (changed_at) WHERE due_at IS NULL;
  CREATE INDEX work_body ON work (changed_at) WHERE state = 'done' AND has_body;
  CREATE TABLE attempt (
    sequence bigint NOT NULL,
    place    bigint NOT NULL,
    outcome  text NOT NULL,
    number   integer,
    began_at bigint,
    ended_at bigint,
    status   integer,
    reason   text,
    due_at   bigint,
    PRIMARY KEY (sequence, place)
  );
  CREATE TABLE repeated (
    issuer  text NOT NULL,
    jti     text NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (issuer, jti)
  );
  CREATE TABLE deleted_event (
    issuer  text NOT NULL,
    id      text NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (issuer, id)
  );
  CREATE TABLE refusal_kind (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL,
    sender      text NOT NULL,
    route       text NOT NULL,
    certificate text NOT NULL,
    refusals    bigint NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0
  );
  CREATE UNIQUE INDEX refusal_kind_once ON refusal_kind (code, sender, route, certificate);
  CREATE TABLE refusal (
    sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          bigint NOT NULL,
    kind        bigint NOT NULL,
    id          text NOT NULL,
    peer        text,
    method      text,
    target      text,
    certificate text,
    chain       text,
    bytes       bigint NOT NULL,
    line        text NOT NULL
  ) WITH (autovacuum_vacuum_scale_factor = 0.02);
  CREATE INDEX refusal_by_time ON refusal (at, sequence);
  CREATE INDEX refusal_by_kind ON refusal (kind, at, sequence);
  CREATE INDEX refusal_by_id ON refusal (id);
  CREATE TABLE refused_certificate (
    digest        text PRIMARY KEY,
    sha256        text NOT NULL,
    sender        text NOT NULL,
    bytes         bigint NOT NULL,
    last_seen     bigint NOT NULL,
    der           text NOT NULL,
    intermediates text NOT NULL
  );
  CREATE INDEX refused_certificate_by_sender ON refused_certificate (sender, last_seen, bytes);
  CREATE INDEX refused_certificate_by_time ON refused_certificate (last_seen);
  CREATE TABLE refusal_hour (
    hour     bigint NOT NULL,
    code     text NOT NULL,
    refusals bigint NOT NULL,
    PRIMARY KEY (hour, code)
  );
  `,
];

/**
 * Creates the tables, or runs the missing steps. Either all steps are run, or none. If several origins start at the same time, one
 * origin runs the steps and the others wait.
 * @throws Error if the tables are of a version that this program does not know; then the tables are not changed
 */
export function preparePostgres(pool: PostgresPool, name: string): Promise<void> {
  return pool.transact(async (client) => {
    // With many events, a step may take long, and other origins wait for it. So the server does not limit the time of a statement
    // here.
    await client.query("SET LOCAL statement_timeout TO 0");
    await client.queryPatiently("SELECT pg_advisory_xact_lock($1)", [lockNumber("schema")]);
    const { rows: found } = await client.query(
      `SELECT to_regnamespace('${SCHEMA}') AS schema, to_regclass('${SCHEMA}.version') AS version`,
    );
    // The schema is created only if it does not exist, because a user without the right to create may still use an existing
    // schema.
    if (found[0]?.["schema"] === null) await client.query(`CREATE SCHEMA ${SCHEMA}`);
    if (found[0]?.["version"] === null) await client.query(`CREATE TABLE ${SCHEMA}.version (version integer NOT NULL)`);
    const { rows } = await client.query(`SELECT version FROM ${SCHEMA}.version`);
    const version = Number(rows[0]?.["version"] ?? 0);
    requireKnown(version, STEPS, name);
    const missing = missingSteps(STEPS, version);
    for (const step of missing) await client.queryPatiently(step);
    const newest = versionAfter(STEPS);
    if (version === 0) await client.query("INSERT INTO version VALUES ($1)", [newest]);
    else if (missing.length > 0) await client.query("UPDATE version SET version = $1", [newest]);
  });
}

/** @throws Error if there is no inbox of this version */
export async function requirePostgresVersion(pool: PostgresPool, name: string): Promise<void> {
  const { rows: tables } = await pool.query(`SELECT to_regclass('${SCHEMA}.version') AS found`);
  if (tables[0]?.["found"] === null) throw new Error(`${name} holds no inbox: start an origin on it once`);
  const { rows } = await pool.query(`SELECT version FROM ${SCHEMA}.version`);
  requireNewest(Number(rows[0]?.["version"] ?? 0), STEPS, name);
}
