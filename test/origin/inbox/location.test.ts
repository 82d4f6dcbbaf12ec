// Tests where an inbox may be, what an origin says if the place is wrong, and who can read the inbox. No message contains a
// password.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { describeInbox, requireLocation } from "../../../origin/inbox/location.ts";
import { openInbox, openInboxReader } from "../../../origin/inbox/open.ts";
import type { InboxOptions } from "../../../origin/inbox/options.ts";
import { runHere } from "../../support/command.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { missingPostgres, openTestInbox } from "../../support/inbox-stores.ts";
import { missingPgBouncer, startPgBouncer } from "../../support/pgbouncer.ts";
import { PASSWORD, type PostgresServer, startPostgres, withClient } from "../../support/postgres.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const accept = (inbox: Inbox, id: string, orderKey?: string) =>
  inbox.accept(deliveryOf({ id, sender: "acme", ...(orderKey !== undefined && { orderKey }) }), {
    issuer: "edge",
    jti: id,
    expires: 0,
  });
const modeOf = (path: string) => statSync(path).mode & 0o777;

async function failureOf(location: string, options: InboxOptions = {}): Promise<string> {
  const error: unknown = await openInbox(location, options).then(
    (inbox) => inbox.close(),
    (reason: unknown) => reason,
  );
  expect(error, location).toMatchObject({ name: "ConfigurationError" });
  return (error as Error).message;
}

describe("a location that is neither a path nor a URL of PostgreSQL", () => {
  test.each([
    "host=db.example.com dbname=cs user=app password=hunter2",
    "password = hunter2 host=db",
    "postgress://app:hunter2@db.example.com/cs",
    "postgresql:app:hunter2@db.example.com/cs",
    "mysql://app:hunter2@db.example.com/cs",
    "jdbc:postgresql://db.example.com/cs?password=hunter2",
    "file:hunter2.sqlite",
    "app:hunter2@db.example.com/cs",
    "//app:hunter2@db.example.com/cs",
    " postgres://app:hunter2@db.example.com/cs",
    "postgres://app:hun/ter2@db.example.com/cs",
    "postgres://app:12345?ter2@db.example.com/cs",
    "postgres://app:12345?x=1&y=ter2@db.example.com/cs",
    ":memory:hunter2",
    "hunter2\0",
    "db.example.com/cs?user=app&password=hunter2",
    "'host=db.example.com' password=hunter2",
  ])("is refused, and told to nobody: %j", async (location) => {
    for (const open of [openInbox, openInboxReader] as const) {
      const error = await Promise.resolve(open(location)).then(
        () => new Error("opened"),
        (reason: Error) => reason,
      );
      expect(error.name).toBe("ConfigurationError");
      expect(error.message).toMatch(/postgres:\/\/USER:PASSWORD@HOST:PORT\/DATABASE/);
      expect(JSON.stringify([error.message, error.stack, describeInbox(location)])).not.toMatch(/hunter2|ter2/);
    }
    expect(readdirSync(".").filter((name) => name.includes("hunter2"))).toEqual([]);
  });

  test("is refused by every command, without a stack", async () => {
    const location = "host=db.example.com user=app password=hunter2";
    const missing = join(temporaryDirectory(stack), "data", "inbox.sqlite");
    for (const command of [
      ["inbox", "list"],
      ["inbox", "drop", "id"],
      ["policy", "expiring"],
    ]) {
      const { code, stderr: output } = await runHere([...command, "--inbox", location]);
      expect(code, output).toBe(2);
      expect(output).toMatch(/libpq/);
      expect(output).not.toMatch(/hunter2|^ {4}at /m);
      const other = await runHere([...command, "--inbox", missing]);
      expect(other.code).toBe(2);
      expect(other.stderr).toContain(missing);
      expect(other.stderr).not.toMatch(/^ {4}at /m);
    }
  });

  test("does not include a path that only looks unusual", async () => {
    const folder = temporaryDirectory(stack);
    for (const name of ["a=b.sqlite", "me@host.sqlite", "ü b.sqlite"]) {
      expect(await (await openTestInbox(stack, join(folder, name))).count()).toBe(0);
    }
  });
});

describe("the options of a PostgreSQL URL", () => {
  const withOption = (value: string) => `postgres://app:hunter2@db.example.com/cs?application_name=${value}`;

  test.each(["a@b", "a#b"])("are refused with %s, and the message says how to write it", (value) => {
    expect(() => requireLocation(withOption(value))).toThrow(/: percent-encode .*, and # @ in the options$/);
    expect(() => requireLocation(withOption(encodeURIComponent(value)))).not.toThrow();
  });
});

describe("the file of an inbox", () => {
  test("is its owner's alone, with what is beside it, whatever the umask is (Inbox open to all users)", async () => {
    const file = join(temporaryDirectory(stack), "inbox.sqlite");
    const umask = process.umask(0);
    stack.defer(() => void process.umask(umask));
    const notices: string[] = [];
    const inbox = await openTestInbox(stack, file, { onNotice: (text) => notices.push(text) });
    await accept(inbox, "a");
    expect(["", "-wal", "-shm"].map((end) => modeOf(file + end))).toEqual([0o600, 0o600, 0o600]);
    expect(notices).toEqual([]);
  });

  test("is closed if others could read it, and the start says so once", async () => {
    const file = join(temporaryDirectory(stack), "inbox.sqlite");
    const first = await openTestInbox(stack, file);
    await accept(first, "a");
    for (const [end, mode] of [
      ["", 0o644],
      ["-wal", 0o666],
      ["-shm", 0o640],
    ] as const)
      chmodSync(file + end, mode);
    const notices: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      const inbox = await openTestInbox(stack, file, { onNotice: (text) => notices.push(text) });
      expect(await inbox.count()).toBe(1);
    }
    expect(["", "-wal", "-shm"].map((end) => modeOf(file + end))).toEqual([0o600, 0o600, 0o600]);
    expect(notices).toEqual([`${file} could be read by others on this machine: its mode is now 600`]);
  });

  test("is named with the reason if it cannot be used", async () => {
    const folder = temporaryDirectory(stack);
    const file = join(folder, "inbox.sqlite");
    const missing = join(folder, "missing", "inbox.sqlite");
    expect(await failureOf(missing)).toContain(`${missing}: the folder ${join(folder, "missing")} does not exist`);
    writeFileSync(file, "no database, but long enough to be read as one ".repeat(100));
    expect(await failureOf(file)).toContain(`${file}: it is not a SQLite file`);
    expect(await failureOf(join(file, "below"))).toContain(`${file} is not a folder`);
    mkdirSync(join(folder, "directory"));
    expect(await failureOf(join(folder, "directory"))).toContain(`${join(folder, "directory")}: it is not a file`);
    symlinkSync(join(folder, "nowhere"), join(folder, "link"));
    expect(await failureOf(join(folder, "link"))).toContain("a link to a file that does not exist");
    expect(readdirSync(folder)).not.toContain("nowhere");
    await expect(openInboxReader(join(folder, "directory"))).rejects.toThrow("directory: it is not a file");
    execFileSync("mkfifo", [join(folder, "pipe")]);
    await expect(openInboxReader(join(folder, "pipe"))).rejects.toThrow("pipe: it is not a file");
    writeFileSync(file, "");
    await expect(openInboxReader(file)).rejects.toThrow(`${file} is empty: no origin has kept events in it`);
    rmSync(file);
    await expect(openInboxReader(file)).rejects.toThrow(`${file}: there is no such file`);
  });
});

describe.skipIf(missingPostgres())("a database", () => {
  const servers = new AsyncDisposableStack();
  let server: PostgresServer;
  let url: string;
  let ca: string;
  /** Returns a URL of the same server with an address that is not a loopback address. */
  const beyond = () => url.replace("127.0.0.1", "0.0.0.0");

  beforeAll(async () => {
    const authority = await issueCertificate({ subject: [{ CN: ["Database CA"] }], ca: {} });
    const { pem, keyPem } = await issueCertificate(
      {
        subject: [{ CN: ["database"] }],
        extendedKeyUsage: [SERVER_AUTH],
        subjectAltNames: [
          { type: "dns", value: "localhost" },
          { type: "ip", value: "0.0.0.0" },
        ],
      },
      authority,
    );
    ca = join(temporaryDirectory(servers), "ca.pem");
    // The file has a byte order mark, and line ends as on Windows.
    writeFileSync(ca, `\ufeffthe CA\r\n${authority.pem.replaceAll("\n", "\r\n")}`);
    writeFileSync(`${ca}.der`, Buffer.from(authority.base64, "base64"));
    writeFileSync(`${ca}.key`, authority.keyPem);
    server = await startPostgres(servers, { listen_addresses: "*" }, { certificate: pem, key: keyPem });
  });
  afterAll(() => servers.disposeAsync());
  beforeEach(async () => {
    url = await server.createDatabase();
  });

  const encryption = async () => {
    const { rows } = await withClient(url, (client) =>
      client.query(
        `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'countersign' AND datname = current_database()`,
      ),
    );
    return rows.map(({ ssl }) => ssl as boolean);
  };

  test("beyond this machine is reached only by TLS with a known CA", async () => {
    for (const end of ["", "?sslmode=require", "?sslmode=prefer", "?ssl=true"]) {
      const message = await failureOf(beyond() + end);
      expect(message).toContain("sslrootcert=FILE");
      expect(message).not.toMatch(/Node\.js|pg-connection-string/);
      expect(message).not.toContain(PASSWORD);
    }
    const notices: string[] = [];
    const inbox = await openTestInbox(stack, `${beyond()}?sslrootcert=${encodeURIComponent(ca)}`, {
      onNotice: (text) => notices.push(text),
    });
    await accept(inbox, "a");
    expect(await encryption()).toEqual([true]);
    expect(notices).toEqual([]);
    await openTestInbox(stack, `${beyond()}?sslrootcert=${encodeURIComponent(`${ca}.der`)}`);
  });

  test("is refused with a wrong file as CA or key, and the message says what it contains and how to fix it", async () => {
    const query = (parameter: string, name: string) => `${url}?${parameter}=${encodeURIComponent(name)}`;
    expect(await failureOf(query("sslrootcert", `${ca}.key`))).toContain("holds no certificate, but a private key: ");
    const pair = (cert: string, key: string) =>
      failureOf(`${query("sslcert", cert)}&sslkey=${encodeURIComponent(key)}`);
    expect(await pair(ca, ca)).toContain("holds no private key without a passphrase, but a certificate");
    expect(await pair("/dev/zero", `${ca}.key`)).toContain("sslcert /dev/zero cannot be read: it is larger than");
    expect(await failureOf(query("sslkey", `${ca}.key`))).toContain("sslcert and sslkey go together");
  });

  test("beyond this machine is used without TLS only if its URL says so, and the start repeats it", async () => {
    const notices: string[] = [];
    const inbox = await openTestInbox(stack, `${beyond()}?sslmode=disable`, { onNotice: (text) => notices.push(text) });
    await accept(inbox, "a");
    expect(await encryption()).toEqual([false]);
    expect(notices).toEqual([
      expect.stringMatching(/^postgres:\/\/0\.0\.0\.0:\d+\/inbox_\d+: sslmode=disable: .*without TLS/),
    ]);
  });

  test.each([
    ["sslmode=allow", "sslmode is none of disable"],
    ["sslmode=disable&sslmode=require", "sslmode is given twice"],
    ["sslcrl=/x", "sslcrl is not supported"],
    ["sslrootcert=/no/such/file", "/no/such/file"],
    ["sslrootcert=/etc/passwd", "sslrootcert /etc/passwd holds no certificate, but neither PEM nor DER"],
  ])("with %s in its URL is refused, with the reason", async (parameter, reason) => {
    expect(await failureOf(`${url}?${parameter}`)).toContain(reason);
  });

  test("reads its password from a file for each connection, and never prints it", async () => {
    const file = join(temporaryDirectory(stack), "password");
    const role = `rotated_${new URL(url).pathname.slice(1)}`;
    const setPassword = (password: string) =>
      withClient(url, (client) => client.query(`ALTER ROLE ${role} PASSWORD '${password}'`));
    await withClient(url, (client) => client.query(`CREATE ROLE ${role} SUPERUSER LOGIN`));
    await setPassword("sesame-1");
    const open = url.replace(/\/\/.*@/, `//${role}@`);
    vi.stubEnv("PGPASSWORD_FILE", file);
    stack.defer(() => void vi.unstubAllEnvs());
    expect(await failureOf(open)).toMatch(
      /the password PGPASSWORD: PGPASSWORD_FILE: cannot read .*: there is no such file/,
    );
    writeFileSync(file, "sesame-0\n");
    expect(await failureOf(open)).toMatch(/password authentication failed/);
    writeFileSync(file, "sesame-1\n");
    expect(await failureOf(url)).toMatch(/it holds a password, and a file holds one too \(PGPASSWORD\): remove one/);
    const inbox = await openTestInbox(stack, open);
    await accept(inbox, "a");
    await setPassword("sesame-2");
    writeFileSync(file, "sesame-2\n");
    await withClient(url, (client) =>
      client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`),
    );
    await expect.poll(async () => await accept(inbox, "b")).toEqual({ outcome: "stored" });
    vi.stubEnv("PGPASSWORD_FILE", undefined);
    const passfile = `${file}.pgpass`;
    writeFileSync(passfile, `127.0.0.1:*:*:${role}:sesame-2\n`, { mode: 0o600 });
    vi.stubEnv("PGPASSFILE", passfile);
    await accept(await openTestInbox(stack, open), "c");
    vi.stubEnv("PGPASSWORD_FILE", file);
    vi.stubEnv("PGPASSWORD", "sesame-2");
    expect(await failureOf(open)).toMatch(/it is given twice, by the variable PGPASSWORD and by PGPASSWORD_FILE/);
  });

  test("is judged by the `host` parameter of its URL if there is one", async () => {
    expect(await failureOf(`${url}?host=0.0.0.0`)).toContain("sslrootcert=FILE");
  });

  test("on this machine needs no TLS, and causes no warning", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on("warning", onWarning);
    stack.defer(() => void process.off("warning", onWarning));
    const inbox = await openTestInbox(stack, url, { onNotice: (text) => warnings.push(text) });
    await accept(inbox, "a");
    expect(await encryption()).toEqual([false]);
    const byTls = url.replace("127.0.0.1", "localhost");
    await openTestInbox(stack, `${byTls}?sslmode=require&sslrootcert=${encodeURIComponent(ca)}`);
    expect((await encryption()).sort()).toEqual([false, true]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  describe.skipIf(missingPgBouncer())("behind PgBouncer", () => {
    test("works like any other inbox, although each transaction may use another session", async () => {
      const pooled = await startPgBouncer(stack, url);
      const notices: string[] = [];
      const options = { onNotice: (text: string) => notices.push(text) };
      const [inbox, other] = [await openTestInbox(stack, pooled, options), await openTestInbox(stack, pooled, options)];
      expect(notices).toEqual(Array(2).fill(expect.stringContaining("a connection pooler answers")));
      const both = [inbox, other];
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) => accept(both[n % 2] as Inbox, `e${n}`, n % 5 === 0 ? "o" : undefined)),
      );
      expect(outcomes).toEqual(Array(200).fill({ outcome: "stored" }));
      for (let handled = 0; handled < 200; ) {
        const leases = (await Promise.all(both.map((one) => one.work.claim(50, 30_000)))).flat();
        expect(await Promise.all(leases.map((lease: Lease) => inbox.work.complete(lease)))).toEqual(
          leases.map(() => true),
        );
        handled += leases.length;
      }
      await inbox.prune({ bodySeconds: -1, eventSeconds: -1 });
      const reader = await openInboxReader(pooled);
      stack.defer(() => reader.close());
      expect((await reader.events({ limit: 999 })).every(({ state }) => state === "done")).toBe(true);
      // The pooler lends the same sessions to other programs, so the inbox must not change the search path of a session.
      expect(await withClient(pooled, async (client) => (await client.query("SHOW search_path")).rows)).toEqual([
        { search_path: '"$user", public' },
      ]);
    });

    test("is refused with the reason if PgBouncer gives a session only for one statement", async () => {
      const pooled = await startPgBouncer(stack, url, { mode: "statement" });
      expect(await failureOf(pooled)).toMatch(/statement pooling.*a pooler answers: give a direct address/);
    });
  });
});
