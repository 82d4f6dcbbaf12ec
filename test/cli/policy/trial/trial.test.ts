// Tests `countersign policy try` with the real program: how a changed policy would judge the requests that an origin stored.

import { createHmac } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../../cli/dev/authority.ts";
import { readLogFile } from "../../../../cli/log/read.ts";
import { importSecrets } from "../../../../core/admission/secrets.ts";
import type { LogLine } from "../../../../core/log-line.ts";
import { compilePolicy } from "../../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../../core/policy/schema.ts";
import { parseClientCertificate } from "../../../../core/x509/client-certificate.ts";
import { createOriginApp } from "../../../../origin/app.ts";
import { openSqliteInbox } from "../../../../origin/inbox/sqlite/inbox.ts";
import { openLog } from "../../../../origin/service/observations.ts";
import { runHere } from "../../../support/command.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

const SECRET = "HUSH-the-secret-of-all";
const ENVIRONMENT = { WORD: SECRET, KEY: SECRET };
const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const identities: Readonly<Record<string, Identity>> = {
  acme: await issueCertificate({ subject: [{ CN: ["acme"] }] }, root),
  beta: await issueCertificate({ subject: [{ CN: ["beta"] }] }, root),
};
const sender = (CN: string) => ({ certificates: [{ subject: { CN } }], trust: { anchors: ["root"] } });
const POLICY: PolicyDocument = {
  anchors: { root: root.pem },
  senders: {
    acme: { ...sender("acme"), basic: { username: "acme", secret: "WORD" } },
    signed: { signature: { scheme: "github", secrets: ["KEY"] } },
  },
  routes: {
    "/acme": { senders: ["acme"], methods: ["POST"], mode: "observe" },
    "/signed": { senders: ["signed"], methods: ["POST"], maxBodyBytes: 100 },
  },
};

/** Sends one event to a new origin. The origin stores the event, and records observed certificates next to the inbox. */
async function send(
  accept: ReturnType<typeof openSqliteInbox>["accept"],
  log: (line: LogLine) => void,
  path: string,
  identity?: Identity,
) {
  const policy = compilePolicy(POLICY);
  const app = createOriginApp({
    policy,
    secrets: importSecrets(policy, () => SECRET),
    accept,
    readCertificate: () =>
      parseClientCertificate({ leaf: identity?.base64 ?? "", intermediates: [], platform: undefined }),
    log,
  });
  const body = JSON.stringify({ path });
  const headers = {
    authorization: `Basic ${Buffer.from(`acme:${SECRET}`).toString("base64")}`,
    "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
  };
  return (await app.request(`https://origin.example${path}`, { method: "POST", headers, body })).status;
}

beforeAll(async () => {
  writeFileSync(file("policy.json"), JSON.stringify(POLICY));
  const inbox = openSqliteInbox(file("inbox.sqlite"));
  const log = openLog(file("inbox.sqlite"), () => {}, readLogFile);
  expect(await send(inbox.accept, log, "/acme", identities["acme"])).toBe(202);
  expect(await send(inbox.accept, log, "/acme", identities["beta"])).toBe(403);
  expect(await send(inbox.accept, log, "/signed")).toBe(202);
  await inbox.close();
});

interface Told {
  readonly code: number;
  readonly text: string;
  readonly json: {
    events: number;
    certificates: number;
    same: number;
    takenOver: number;
    differences: { what: string; kind: string; target: string }[];
  };
}

async function attempt(
  change: (policy: PolicyDocument) => void,
  options: string[] = [],
  environment = ENVIRONMENT,
): Promise<Told> {
  const changed = structuredClone(POLICY);
  change(changed);
  writeFileSync(file("changed.json"), JSON.stringify(changed));
  const inbox = options.includes("--inbox") ? [] : ["--inbox", file("inbox.sqlite")];
  const args = ["policy", "try", file("changed.json"), "--policy", file("policy.json"), ...inbox, ...options];
  const [text, json] = await Promise.all([runHere(args, environment), runHere([...args, "--json"], environment)]);
  expect([text.stderr, json.stderr, json.code]).toEqual(["", "", text.code]);
  expect(text.stdout + json.stdout).not.toContain("HUSH");
  return { code: text.code, text: text.stdout, json: JSON.parse(json.stdout) };
}

const told = ({ json }: Told) => json.differences.map(({ what, kind, target }) => `${what} ${kind} ${target}`);

/** Returns the policy with wider types. So a test can change any member without a check that the member exists. */
const of = (policy: PolicyDocument) =>
  policy as unknown as {
    senders: Record<string, Record<string, unknown>>;
    routes: Record<string, Record<string, unknown>>;
    deny?: unknown;
  };

describe("a changed policy", () => {
  test("gives the same verdicts if the change does not matter", async () => {
    const result = await attempt(
      (policy) => void Object.assign(of(policy).routes["/acme"] ?? {}, { maxBodyBytes: 5000 }),
    );
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({ events: 2, certificates: 2, same: 4, differences: [] });
    expect(result.text).toMatch(/^2 stored event\(s\) and 2 observed certificate\(s\)/);
    expect(result.text).toMatch(/same verdict +4 \(.*1 refused by both/);
    expect(result.text).toContain(`digest ${compilePolicy(POLICY).digest}`);
    expect(result.text).toContain("on routes that do not observe are not stored, and were not judged");
  });

  test("that would refuse what is accepted today ends with 1, with a line for each", async () => {
    const result = await attempt((policy) => {
      of(policy).deny = [{ serial: identities["acme"]?.certificate.serialNumber, issuer: "CN=Root" }];
    });
    expect(result.code).toBe(1);
    expect(told(result)).toEqual(["REFUSED event /acme", "REFUSED certificate /acme"]);
    expect(result.text).toMatch(
      /^REFUSED +20.*Z {2}event [0-9a-f-]{36} {2}POST \/acme {2}today accepted as acme, then certificate_denied: /m,
    );
    expect(result.text).toMatch(/would be refused +2\n/);
  });

  test.each<readonly [string, (policy: PolicyDocument) => void, readonly string[]]>([
    [
      "another name",
      (policy) => void Object.assign(of(policy).senders["acme"] ?? {}, sender("other")),
      ["event /acme", "certificate /acme"],
    ],
    ["no such route", (policy) => void delete of(policy).routes["/signed"], ["event /signed"]],
    [
      "a smaller body",
      (policy) => void Object.assign(of(policy).routes["/signed"] ?? {}, { maxBodyBytes: 3 }),
      ["event /signed"],
    ],
    [
      "another method",
      (policy) => void Object.assign(of(policy).routes["/signed"] ?? {}, { methods: ["PUT"] }),
      ["event /signed"],
    ],
    [
      "another way of signing",
      (policy) =>
        void Object.assign(of(policy).senders["signed"] ?? {}, {
          signature: { scheme: "pagerduty", secrets: ["KEY"] },
        }),
      ["event /signed"],
    ],
  ])("refuses for %s", async (_, change, places) => {
    const result = await attempt(change);
    expect(result.code).toBe(1);
    expect(told(result)).toEqual(places.map((place) => `REFUSED ${place}`));
  });

  test("that would accept what is refused today says so, and ends with 0", async () => {
    const result = await attempt((policy) => {
      const { senders, routes } = of(policy);
      senders["beta"] = sender("beta");
      Object.assign(routes["/acme"] ?? {}, { senders: ["acme", "beta"] });
    });
    expect(result.code).toBe(0);
    expect(told(result)).toEqual(["ACCEPTED certificate /acme"]);
    expect(result.text).toMatch(/today sender_not_allowed: .*, then accepted as beta/);
  });

  test("that accepts an event as another sender's says so", async () => {
    const result = await attempt((policy) => {
      const { senders, routes } = of(policy);
      senders["first"] = { signature: { scheme: "github", secrets: ["KEY"] } };
      Object.assign(routes["/signed"] ?? {}, { senders: ["first", "signed"] });
    });
    expect(result.code).toBe(0);
    expect(told(result)).toEqual(["OTHER SENDER event /signed"]);
    expect(result.text).toContain("today accepted as signed, then accepted as first");
  });
});

describe("data that is not stored", () => {
  const none = {} as typeof ENVIRONMENT;

  test("keeps its earlier verdict if its rule is the same, and is counted", async () => {
    const result = await attempt(() => {}, [], none);
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({ events: 2, certificates: 2, same: 4, differences: [] });
    expect(result.text).toMatch(
      /by signatures or credentials that cannot be verified again, under rules that are the same/,
    );
  });

  test("has no verdict if its rule has changed, and the command ends with 2", async () => {
    const secrets = await attempt(
      (policy) =>
        void Object.assign(of(policy).senders["signed"] ?? {}, { signature: { scheme: "github", secrets: ["NEW"] } }),
    );
    expect(secrets.code).toBe(2);
    expect(told(secrets)).toEqual(["UNKNOWN event /signed"]);
    expect(secrets.text).toMatch(/cannot be judged here +1\n +1 {2}cannot be checked: secret NEW is not set/);
    const basic = await attempt(
      (policy) =>
        void Object.assign(of(policy).senders["acme"] ?? {}, { basic: { username: "other", secret: "WORD" } }),
    );
    expect(basic.code).toBe(2);
    expect(told(basic)).toEqual(["UNKNOWN event /acme"]);
    expect(basic.text).toContain("credentials are not stored");
  });

  test("includes an erased body, which is reported if it matters", async () => {
    mkdirSync(file("erased"));
    copyFileSync(file("inbox.sqlite"), file("erased/inbox.sqlite"));
    const database = new DatabaseSync(file("erased/inbox.sqlite"));
    database.exec("UPDATE event SET body = NULL");
    database.close();
    const erased = ["--inbox", file("erased/inbox.sqlite")];
    expect(await attempt(() => {}, erased)).toMatchObject({ code: 0, json: { events: 2, same: 2, certificates: 0 } });
    const smaller = await attempt(
      (policy) => void Object.assign(of(policy).routes["/signed"] ?? {}, { maxBodyBytes: 50 }),
      erased,
    );
    expect(smaller.code).toBe(2);
    expect(smaller.text).toMatch(/1 {2}its body is erased/);
  });
});

test("--last limits the events, and --log reads only certificates", async () => {
  expect((await attempt(() => {}, ["--last", "1"])).json).toMatchObject({ events: 1, certificates: 2 });
  const args = ["policy", "try", file("changed.json"), "--policy", file("policy.json"), "--json"];
  const { stdout } = await runHere([...args, "--log", file("observed.jsonl")], ENVIRONMENT);
  expect(JSON.parse(stdout)).toMatchObject({ events: 0, certificates: 2, ok: true });
  expect(readFileSync(file("policy.json"), "utf8")).toBe(JSON.stringify(POLICY));
});

test.each<readonly [readonly string[], RegExp]>([
  [[], /policy try FILE: name the changed policy/],
  [["a.json", "b.json"], /policy try FILE/],
  [["policy.json", "--last", "0"], /--last 0 is not a whole number from 1 to 999999/],
  [["policy.json", "--log", "x", "--last", "5"], /--last needs --inbox/],
  [
    ["policy.json", "--inbox", "/nowhere/inbox.sqlite"],
    /\/nowhere\/inbox\.sqlite: the folder \/nowhere does not exist/,
  ],
  [["policy.json", "--log", "/nowhere/log"], /cannot read \/nowhere\/log/],
  [["/nowhere/policy.json"], /cannot read \/nowhere\/policy.json/],
  [["package.json"], /package\.json: \d+ problems/],
])("%j is refused in one sentence", async (args, fault) => {
  const { code, stdout, stderr } = await runHere(["policy", "try", ...args]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(fault);
  expect(stderr).not.toMatch(/^ {4}at /m);
});
