// Tests messages about a database that cannot be used. Each message must contain a remedy. Also tests that an origin waits at its
// start if the database does not answer yet.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { generateSigningKey, publicJwk } from "../../../core/assertion/keys.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { ROOT, runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres(stack);
  url = await server.createDatabase();
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(await generateSigningKey(1))] }));
  for (const name of ["one", "two"]) {
    const { pem, keyPem } = await issueCertificate({ subject: [{ CN: [name] }] });
    writeFileSync(file(`${name}.pem`), pem);
    writeFileSync(file(`${name}.key`), keyPem);
  }
});

const edge = () => ["--issuer", "https://edge.example", "--audience", "a", "--jwks", file("jwks.json"), "--port", "0"];
const change = (text: string) => (given: URL) => Object.assign(new URL(given), JSON.parse(text) as Partial<URL>);

test.each<readonly [what: string, (url: URL) => URL, told: string]>([
  [
    "a wrong password",
    change('{"password":"HUSH"}'),
    'PLACE: password authentication failed for user "postgres": correct the user in the URL, or the password in it, in PGPASSWORD, or in the file that PGPASSWORD_FILE names',
  ],
  [
    "no password",
    change('{"password":""}'),
    "PLACE: the server asks for a password, and none is given: write it to a file, and name that in PGPASSWORD_FILE",
  ],
  [
    "a database that is not there",
    change('{"pathname":"/nope"}'),
    'PLACE: database "nope" does not exist: correct the name, or make it: createdb NAME',
  ],
  [
    "a port at which nothing listens",
    change('{"port":"1"}'),
    "PLACE: connect ECONNREFUSED 127.0.0.1:1: start the database server, or correct host and port",
  ],
  [
    "a server without TLS",
    change('{"search":"?sslmode=verify-full"}'),
    "PLACE: The server does not support SSL connections: add sslmode=disable to the URL if nobody else can reach the network in between, or enable TLS on the server",
  ],
  [
    "a key of another certificate",
    (given) => new URL(`${given}?sslcert=${file("one.pem")}&sslkey=${file("two.key")}`),
    `the inbox's URL: the key in ${file("two.key")} (sslkey) is not that of the certificate in ${file("one.pem")} (sslcert)`,
  ],
  [
    "a certificate without its key",
    (given) => new URL(`${given}?sslcert=${file("one.pem")}`),
    "the inbox's URL: sslcert and sslkey go together",
  ],
])("%s", async (_, change, told) => {
  const changed = change(new URL(url));
  const place = `postgres://${changed.host}${changed.pathname}`;
  await expect(openInbox(changed.href)).rejects.toThrow(
    expect.objectContaining({ name: "ConfigurationError", problems: [told.replace("PLACE", place)] }),
  );
});

/** Starts an origin. Does not wait for its ready line. */
function startOrigin(args: readonly string[]) {
  const child = spawn(process.execPath, ["cli/main.ts", "origin", ...args], { cwd: ROOT });
  stack.defer(() => void child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  }
  let isEnded = false;
  // Waits for "close", because output may still arrive after "exit".
  const ended = once(child, "close").finally(() => {
    isEnded = true;
  });
  return {
    async line(words: string): Promise<string> {
      const found = () => text.split("\n").find((line) => line.includes(words));
      while (found() === undefined && !isEnded) await setTimeout(20);
      return found() ?? `it ended: ${text}`;
    },
    async end(): Promise<unknown> {
      child.kill("SIGTERM");
      return (await ended)[0];
    },
  };
}

test("a start waits for its database and says so, but ends if it may not wait or if waiting cannot help", async () => {
  await server.stop();
  const wait = (seconds: string, inbox = url) => [...edge(), "--inbox", inbox, "--wait-for-store", seconds];
  const [waiting, stopped] = [startOrigin(wait("600")), startOrigin(wait("601"))];
  expect(JSON.parse(await waiting.line("store_awaited"))).toMatchObject({
    code: "store_awaited",
    why: expect.stringMatching(/^postgres:\/\/127\.0\.0\.1:\d+\/inbox_1: connect ECONNREFUSED/),
    remedy: "it is tried each second, for 600 s: --wait-for-store",
  });
  await stopped.line("store_awaited");
  expect(await stopped.end()).toBe(0);
  const none = await runCountersign(["origin", ...wait("0")]);
  expect([none.code, none.stdout]).toEqual([2, ""]);
  expect(none.stderr).toMatch(
    /^countersign: inbox: postgres:\/\/\S+: connect ECONNREFUSED \S+: start the database server[^\n]*\n$/m,
  );
  await server.start();
  await waiting.line("origin ready");
  expect(await waiting.end()).toBe(0);
  const wrong = await runCountersign(["origin", ...wait("60", url.replace(/:[^:@]+@/, ":HUSH@"))]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/^countersign: inbox: \S+: password authentication failed/m);
  const useless = await runCountersign(["origin", ...wait("5", file("inbox.sqlite"))]);
  expect(useless.stderr).toBe("countersign: --wait-for-store has no effect with a file: it waits for a database\n");
});
