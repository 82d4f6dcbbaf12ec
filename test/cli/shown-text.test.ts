// Tests every command that prints text from strangers. The output contains no character that controls a terminal, reorders text,
// ends a line or is invisible. JSON output still contains the original value.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLIENT_AUTH, type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { MAX_ANSWER_BYTES } from "../../cli/http-client.ts";
import { runHere } from "../support/command.ts";
import { type Finished, runCountersign } from "../support/running.ts";
import { createSenders, subjectOf } from "../support/senders.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/**
 * Text with the C1 control CSI, an escape sequence, DEL, marks of direction, line separators, characters without width, and a tag
 * character.
 */
const EVIL = "\u009b2J\u001b[2J\u007f\u202eevil\u202c\u2066\u200f\u061c\u2028\u2029\u200b\ufeff\u{e0041}";
/** The same text without control characters, because the name in a certificate must not contain them. */
const EVIL_NAME = "\u202eevil\u202c\u2066\u200f\u061c\u2028\u2029\u200b\ufeff\u{e0041}";
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
const file = (name: string, content: string) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
let named: Identity;
let policy: string;
beforeAll(async () => {
  const { policy: document } = await createSenders();
  policy = file("policy.json", JSON.stringify(document));
  named = await issueCertificate({
    subject: subjectOf(EVIL_NAME),
    extendedKeyUsage: [CLIENT_AUTH],
  });
});
afterAll(() => stack.disposeAsync());

const logLine = (more: object) =>
  JSON.stringify({ decision: "refused", id: "1", route: "/hooks/acme", code: "issuer_unknown", ...more });
const observed = () =>
  file(
    "observed.jsonl",
    `${logLine({ decision: "observed", verdict: "issuer_unknown", isProven: false, clientCert: `:${named.base64}:` })}\n`,
  );

/** Expects that the output contains no invisible characters except line ends. */
function expectShown({ stdout, stderr }: Finished) {
  expect(stdout).not.toMatch(UNSEEN);
  expect(stderr).not.toMatch(UNSEEN);
}

describe("text of a stranger is escaped", () => {
  test("by policy observed, for people and as JSON (Names that steer terminals)", async () => {
    const text = await runHere(["policy", "observed", observed()]);
    expectShown(text);
    expect(text.stdout).toContain("\\u202eevil");
    const json = await runHere(["policy", "observed", observed(), "--json"]);
    expectShown(json);
    expect(JSON.parse(json.stdout).observed[0].subject).toContain(EVIL_NAME.slice(0, 5));
  });

  test("by explain, of a decision and of a certificate", async () => {
    const log = file("log.jsonl", `${logLine({ cause: EVIL, [EVIL]: [EVIL, "a\nnote: accepted"] })}\n`);
    const ask = (...args: string[]) => runHere(["explain", "--policy", policy, ...args]);
    const recorded = await ask("--decision", "1", "--log", log);
    expectShown(recorded);
    expect(recorded.stdout).not.toMatch(/^note: accepted/m);
    const json = await ask("--decision", "1", "--log", log, "--json");
    expectShown(json);
    expect(JSON.parse(json.stdout).recorded.lines[0].cause).toBe(EVIL);
    expectShown(await ask("--certificate", file("evil.pem", named.pem), "--route", `/hooks/acme?${EVIL}`));
  });

  test("by send, of an answer's type and body (Names that steer terminals)", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/\u009b2J" }).end(`first${EVIL}\r\nsecond`);
    }).listen(0, "127.0.0.1");
    stack.defer(() => void server.close());
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const text = await runHere(["send", url]);
    expectShown(text);
    expect(text.stdout).toMatch(/^200 text\/\\u009b2J\nfirst\\u009b2J.*\nsecond\n$/);
    const json = await runHere(["send", url, "--json"]);
    expectShown(json);
    expect(JSON.parse(json.stdout).body).toBe(`first${EVIL}\r\nsecond`);
  });

  test("by policy check and policy show, of a policy's own texts", async () => {
    const document = { anchors: {}, senders: { [EVIL]: {} }, routes: { [`/${EVIL}`]: {} }, [EVIL]: 1 };
    const path = file("evil.json", JSON.stringify(document));
    for (const action of ["check", "show", "expiring"])
      for (const more of [[], ["--json"]]) expectShown(await runHere(["policy", action, "--policy", path, ...more]));
  });

  test.concurrent.each([
    [EVIL],
    ["policy", EVIL],
    ["policy", "check", EVIL],
    ["policy", "show", "--policy", EVIL],
    ["policy", "observed", EVIL],
    [
      "policy",
      "remove",
      "--policy",
      "policy.json",
      "--sender",
      EVIL,
      "--anchor",
      EVIL,
      "--entry",
      EVIL,
      "--deny",
      EVIL,
    ],
    ["policy", "deny", "--policy", "policy.json", "--key", EVIL],
    ["policy", "deny", "--policy", "policy.json", "--serial", EVIL, "--issuer", EVIL],
    ["policy", "try", EVIL],
    ["policy", "try", "policy.json", "--inbox", EVIL],
    ["policy", "add", "--policy", EVIL, "--preset", EVIL],
    ["policy", "add", "--anchor", `${EVIL}=${EVIL}`, "--sender", EVIL, "--certificate", EVIL],
    ["explain", `--${EVIL}`],
    ["explain", "--policy", EVIL, "--route", EVIL],
    ["explain", "--url", `https://${EVIL}/`, "--header", EVIL],
    ["explain", "--decision", EVIL, "--log", EVIL],
    ["send", EVIL],
    ["send", `http://${EVIL}/`],
    ["send", "http://127.0.0.1:9/", "--certificate", EVIL, "--key", EVIL],
    ["send", "http://127.0.0.1:9/", "--header", EVIL, "--body", EVIL],
    ["keys", EVIL],
    ["keys", "jwks", "--file", EVIL],
    ["inbox", "show", EVIL, "--inbox", EVIL],
    ["inbox", "list", "--inbox", `postgres://${EVIL}`, "--state", EVIL],
    ["origin", "--policy", EVIL, "--issuer", EVIL, "--audience", EVIL, "--jwks", EVIL],
    ["origin", "--tls", "--policy", EVIL, "--certificate", EVIL, "--key", EVIL],
    ["origin", "--behind-proxy", EVIL, "--socket", EVIL],
    ["dev", "--port", EVIL, "--handler", EVIL],
  ])("by an error that repeats what was typed: %j", async (...args) => {
    // A case with a single argument is an unknown command. Only the real program reports an unknown command, so the program is
    // started.
    const ended = await (args.length === 1 ? runCountersign(args) : runHere(args));
    expect(ended.code).not.toBe(0);
    expectShown(ended);
  });
});

describe("text of a stranger does not end a command", () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}[1]${"}".repeat(depth)}`;

  test.each([5_000, 200_000])("explain reads a log line that is nested %d deep (Deep log line)", async (depth) => {
    const log = file("deep.jsonl", `${logLine({ details: 0 }).replace('"details":0', `"details":${nested(depth)}`)}\n`);
    for (const more of [[], ["--json"]]) {
      const args = ["explain", "--policy", policy, "--decision", "1", "--log", log, ...more];
      const { stdout, stderr } = await runHere(args);
      expect(stderr).toBe("");
      expect(stdout).toContain("issuer_unknown");
    }
  });

  test("policy observed skips a line whose members are nested or unreadable", async () => {
    const deep = nested(50_000);
    const line = logLine({ decision: "observed", clientCert: ":AAAA:", certificate: 0 });
    const path = file("odd.jsonl", `${line.replace('"certificate":0', `"certificate":${deep}`)}\n${line}\n`);
    expect(await runHere(["policy", "observed", path])).toMatchObject({ code: 0, stderr: "" });
  });

  test.each(["check", "show"])("policy %s says of a file that it has too many levels", async (action) => {
    const path = file("deep.json", nested(50_000));
    const { code, stderr } = await runHere(["policy", action, "--policy", path]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^countersign: .*deep\.json is not JSON: it has more than 100 levels/);
  });

  test("send reads an endless answer up to a limit", async () => {
    const server = createServer((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write("a".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    }).listen(0, "127.0.0.1");
    stack.defer(() => void server.close());
    await once(server, "listening");
    const { stdout, stderr, code } = await runHere([
      "send",
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ]);
    expect(code).toBe(0);
    expect(stdout.length).toBeLessThan(MAX_ANSWER_BYTES + 100);
    expect(stderr).toContain("the rest was not read");
  });
});
