// Tests `countersign explain` with recorded data: an event in an inbox, or a decision in a log.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import type { Explanation } from "../../../cli/explain/explanation.ts";
import type { Recorded } from "../../../cli/explain/text/recorded.ts";
import { importSecrets } from "../../../core/admission/secrets.ts";
import { formatLogLine, type LogLine } from "../../../core/log-line.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { createOriginApp } from "../../../origin/app.ts";
import { openSqliteInbox } from "../../../origin/inbox/sqlite/inbox.ts";
import { runHere } from "../../support/command.ts";
import { run } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);

const SECRET = "the-password-of-acme";
const AUTHORIZATION = `Basic ${Buffer.from(`acme:${SECRET}`).toString("base64")}`;
const SECONDS = Math.floor(Date.now() / 1000);
const lines: LogLine[] = [];
let root: Identity;
let acme: Identity;
let beta: Identity;
let policy: PolicyDocument;
/** `stored` is the id of a stored event. `refused` is the id of a refused request in the log. */
let stored: string;
let refused: string;

beforeAll(async () => {
  root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  acme = await issueCertificate({ subject: [{ CN: ["acme"] }] }, root);
  beta = await issueCertificate({ subject: [{ CN: ["beta"] }] }, root);
  policy = {
    anchors: { root: root.pem },
    senders: {
      acme: {
        certificates: [{ subject: { CN: "acme" } }],
        trust: { anchors: ["root"] },
        basic: { username: "acme", secret: "WORD" },
        token: { header: "X-Token", secrets: ["WORD"] },
      },
    },
    routes: { "/hooks/*": { senders: ["acme"], methods: ["POST"], mode: "observe" } },
  };
  writeFileSync(file("policy.json"), JSON.stringify(policy));
  writeFileSync(file("beta.pem"), beta.pem);
  const own = openSqliteInbox(file("inbox.sqlite"));
  stack.defer(() => own.close());
  const send = (identity: Identity) => sendTo(identity, own.accept);
  stored = ((await (await send(acme)).json()) as { event: string }).event;
  refused = ((await (await send(beta)).json()) as { decision: string }).decision;
  writeFileSync(
    file("origin.log"),
    lines.map((line) => `2026-11-24T10:00:00Z origin[7]: ${formatLogLine(line)}\n`).join(""),
  );
});

/** Sends one event to a new origin, which logs into `lines`. */
function sendTo(
  identity: Identity,
  accept: ReturnType<typeof openSqliteInbox>["accept"],
): Response | Promise<Response> {
  const compiled = compilePolicy(policy);
  const app = createOriginApp({
    policy: compiled,
    secrets: importSecrets(compiled, () => SECRET),
    accept,
    readCertificate: () => parseClientCertificate({ leaf: identity.base64, intermediates: [], platform: undefined }),
    log: (line) => void lines.push(line),
  });
  const headers = { authorization: AUTHORIZATION, "x-token": SECRET, "content-type": "application/json" };
  return app.request("https://origin.example/hooks/1", { method: "POST", headers, body: "{}" });
}

type Json = Partial<Explanation> & { readonly recorded: Recorded };

async function explain(
  ...args: readonly string[]
): Promise<{ code: number; text: string; json: Json; stderr: string }> {
  const given = ["explain", "--policy", file("policy.json"), ...args];
  const [human, machine] = await Promise.all([runHere(given), runHere([...given, "--json"])]);
  expect(human.stdout + machine.stdout).not.toContain(SECRET);
  expect(human.stdout + machine.stdout).not.toContain(AUTHORIZATION);
  const json = (machine.stdout === "" ? {} : JSON.parse(machine.stdout)) as Json;
  return { code: human.code, text: human.stdout, json, stderr: human.stderr };
}

describe("a stored event", () => {
  test("is judged by its certificate, body and headers, at its time, with the credentials that were checked then", async () => {
    const { code, json, text } = await explain("--event", stored, "--inbox", file("inbox.sqlite"));
    expect(code).toBe(0);
    expect(json).toMatchObject({
      verdict: "accepted",
      sender: "acme",
      asked: { method: "POST", target: "/hooks/1", bodyBytes: 2 },
      recorded: {
        verdict: "accepted",
        sender: "acme",
        event: { id: stored, factors: ["mtls", "basic", "token"] },
        lacking: [],
        notes: [],
      },
    });
    expect(json.senders?.[0]?.basic).toMatchObject({ verdict: "accepted", wasCheckedBefore: true });
    expect(json.senders?.[0]?.token).toMatchObject({ verdict: "accepted", header: "x-token", wasCheckedBefore: true });
    expect(json.asked?.at).toBe(json.recorded.event?.["acceptedAt"]);
    expect(text).toContain("checked when the event was stored");
    expect(text).toContain("by the current policy:\nACCEPTED");
  });

  test("may be refused by the current policy", async () => {
    const changed = { ...policy, deny: [{ serial: acme.certificate.serialNumber, issuer: "CN=Root" }] };
    writeFileSync(file("changed.json"), JSON.stringify(changed));
    const args = ["--event", stored, "--inbox", file("inbox.sqlite"), "--policy", file("changed.json")];
    const { code, json, text } = await explain(...args);
    expect(code).toBe(1);
    expect(json).toMatchObject({ code: "certificate_denied", decidedBy: { rule: "/deny/0" } });
    expect(json.recorded.notes[0]).toContain("another policy");
    expect(text).toContain("DENIED");
  });

  test("that does not exist, or is not in an inbox, is an error of the user", async () => {
    const { code, stderr } = await explain("--event", "none", "--inbox", file("inbox.sqlite"));
    expect([code, stderr]).toEqual([2, expect.stringContaining('holds no event "none"')]);
    expect((await explain("--event", "none", "--inbox", file("policy.json"))).code).toBe(2);
  });
});

describe("a decision in a log", () => {
  test("of an observed route is judged again with the certificate in the log", async () => {
    const { code, json, text } = await explain("--decision", refused, "--log", file("origin.log"));
    expect(code).toBe(1);
    expect(json.recorded).toMatchObject({ verdict: "refused", code: "sender_not_allowed", lacking: [] });
    expect(json.recorded.lines.map(({ decision }) => decision)).toEqual(["refused", "observed"]);
    expect(json).toMatchObject({ code: "sender_not_allowed", asked: { target: "/hooks/*" } });
    expect(json.certificate?.leaf?.subject).toBe("CN=beta");
    expect(text).toContain("logged as refused");
    expect(text).not.toContain("clientCert");
  });

  test("is undecided if the log lacks what a factor needs", async () => {
    const { code, json } = await explain("--decision", stored, "--log", file("origin.log"));
    expect([code, json.verdict, json.recorded.verdict]).toEqual([2, "undecided", "accepted"]);
    expect(json.why).toContain("the log holds no credentials");
  });

  const tail = (
    line: LogLine,
    request = { url: "https://hooks.example/hooks/7?x=1", method: "POST", headers: {} },
  ) => ({
    outcome: "ok",
    scriptName: "countersign",
    exceptions: [],
    logs: [{ message: [formatLogLine(line)], level: "log", timestamp: SECONDS * 1000 + 500 }],
    eventTimestamp: SECONDS * 1000 + 123,
    event: { request },
  });
  const withoutCertificate = (line: LogLine) => line["id"] === refused && line.decision === "refused";

  test("in the events of wrangler tail, printed over many lines, names the request and the time", async () => {
    const observed = lines.find((line) => line.decision === "observed" && line["id"] === refused) as LogLine;
    const line = lines.find(withoutCertificate) as LogLine;
    const events = [tail(observed), { logs: null }, tail(line)].map((event) => JSON.stringify(event, null, 2));
    writeFileSync(file("tail.json"), `Connected to countersign\n${events.join("\n")}\n`);
    const { json } = await explain("--decision", refused, "--log", file("tail.json"));
    expect(json).toMatchObject({
      code: "sender_not_allowed",
      asked: { target: "/hooks/7?x=1", at: formatTime(SECONDS) },
    });
  });

  test("about Cloudflare's verdict is judged again with that verdict", async () => {
    const asked = { id: "1", route: "/hooks/*", verdict: "FAILED:odd" };
    const line = { decision: "refused", code: "platform_disagrees", ...asked } as const;
    writeFileSync(file("platform.log"), formatLogLine(line));
    const args = ["--decision", "1", "--log", file("platform.log"), "--certificate", file("beta.pem")];
    const { json } = await explain(...args);
    expect(json).toMatchObject({ code: "platform_disagrees", platform: { verified: "FAILED:odd", from: "stated" } });
  });

  test("without its certificate: explain says what was decided, and what is missing", async () => {
    const line = lines.find(withoutCertificate) as LogLine;
    const input = `${JSON.stringify(tail(line))}\n`;
    const args = [
      "cli/main.ts",
      "explain",
      "--policy",
      file("policy.json"),
      "--decision",
      refused,
      "--log",
      "-",
      "--json",
    ];
    const { code, stdout } = await run(process.execPath, args, input);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: null,
      recorded: {
        code: "sender_not_allowed",
        lacking: ["--certificate"],
        lines: [{ nearMiss: { failed: ["subject.CN"] } }],
      },
    });
    const given = await run(process.execPath, [...args, "--certificate", file("beta.pem")], input);
    expect(JSON.parse(given.stdout)).toMatchObject({
      verdict: "refused",
      code: "sender_not_allowed",
      recorded: { notes: [] },
    });
  });

  test("gets its certificate from the inbox, if an event has the same certificate", async () => {
    const line = lines.find(({ decision, id }) => decision === "accepted" && id === stored) as LogLine;
    writeFileSync(file("accepted.log"), `${formatLogLine(line)}\n`);
    const { json } = await explain(
      "--decision",
      stored,
      "--log",
      file("accepted.log"),
      "--inbox",
      file("inbox.sqlite"),
    );
    expect(json.recorded.lacking).toEqual([]);
    expect(json.certificate?.leaf?.subject).toBe("CN=acme");
  });

  test("that does not exist, or is in a missing file, is an error of the user", async () => {
    const missing = await explain("--decision", "none", "--log", file("origin.log"));
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('holds no decision "none"')]);
    const fileless = await explain("--decision", "none", "--log", file("missing.log"));
    expect([fileless.code, fileless.stderr]).toEqual([2, expect.stringContaining("cannot read")]);
  });
});
