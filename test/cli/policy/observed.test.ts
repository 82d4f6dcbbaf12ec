// Tests the way from an observed route to an enforced route, as the README describes it: observe, paste the entry, enforce. At
// first, the policy does not know the subject of the sender's certificate.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIENT_AUTH, type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { openDevelopmentState } from "../../../cli/dev/state.ts";
import { runHere } from "../../support/command.ts";
import { type Running, startCountersign } from "../../support/running.ts";

const directory = mkdtempSync(join(tmpdir(), "countersign-observe-"));
const file = (name: string) => join(directory, name);
const SECRET = { DOCUSIGN_HMAC_KEY: "yoxTD6V6QLlPnVH2ugjh8shUDpPNS+Zkyl5UVzHmVBQ=" };
const SUBJECT = "CN=connect@sender.test,O=Sender\\, Inc.,C=US";

const running: Running[] = [];
let issuing: Identity;

/**
 * Issues a client certificate, and writes the certificate and its key. If the issuer is `issuing`, the certificate of `issuing` is
 * written after the client certificate, into the same file.
 */
async function writeClient(name: string, request: Parameters<typeof issueCertificate>[0], issuer?: Identity) {
  const client = await issueCertificate(request, issuer);
  writeFileSync(file(`${name}.pem`), issuer === issuing ? `${client.pem}\n${issuing.pem}\n` : `${client.pem}\n`);
  writeFileSync(file(`${name}.key`), client.keyPem, { mode: 0o600 });
}

beforeAll(async () => {
  await openDevelopmentState(file("state"));
  const root = await issueCertificate({ subject: [{ O: ["Trial"] }, { CN: ["Trial Root"] }], ca: {} });
  issuing = await issueCertificate({ subject: [{ CN: ["Trial Issuing"] }], ca: { pathLength: 0 } }, root);
  writeFileSync(file("root.pem"), `${root.pem}\n`);
  const subject = [{ C: ["US"] }, { O: ["Sender, Inc."] }, { CN: ["connect@sender.test"] }];
  const soon = new Date(Date.now() + 10 * 86_400_000);
  await writeClient("sender", { subject, extendedKeyUsage: [CLIENT_AUTH], notAfter: soon }, issuing);
  await writeClient("stranger", { subject, extendedKeyUsage: [CLIENT_AUTH] });
});
afterAll(async () => {
  for (const program of running) await program.stop();
  rmSync(directory, { recursive: true, force: true });
});

const policyOf = (name: string) => file(`${name}.json`);
const add = (name: string, ...args: string[]) => runHere(["policy", "add", "--policy", policyOf(name), ...args]);
const observed = async (from: string, ...args: string[]) => {
  const { stdout, code, stderr } = await runHere(["policy", "observed", from, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

function send(url: string, client: string | undefined, ...args: string[]) {
  const certificate =
    client === undefined ? [] : ["--certificate", file(`${client}.pem`), "--key", file(`${client}.key`)];
  const ca = file("state/server-ca.pem");
  return runHere(["send", `${url}/hooks/docusign`, "--ca", ca, ...certificate, "--json", ...args], SECRET).then(
    ({ stdout }) => JSON.parse(stdout) as { status: number },
  );
}
const SIGNED = ["--sign", "docusign:DOCUSIGN_HMAC_KEY"];

/**
 * Does what an operator does. `start` starts the system with the policy. `applies` waits until the changed policy is in force,
 * after a reload or a restart.
 */
async function observePasteEnforce(
  name: string,
  observations: string,
  start: () => Promise<{ program: Running; url: string; applies(): Promise<string> }>,
) {
  expect((await add(name, "--preset", "docusign", "--anchor", `trial=${file("root.pem")}`)).code).toBe(0);
  const { program, url, applies } = await start();

  // The sender sends first, so that its certificate is the first in the list. The list is in the order of the first requests.
  expect((await send(url, "sender", ...SIGNED)).status).toBe(403);
  const others = [send(url, "sender", ...SIGNED), send(url, "stranger", ...SIGNED), send(url, undefined)];
  expect((await Promise.all(others)).map(({ status }) => status)).toEqual([403, 403, 403]);
  await program.line({ decision: "observed", isProven: false });

  const { observed: rows } = JSON.parse(await observed(observations, "--json"));
  expect(rows).toMatchObject([
    { route: "/hooks/docusign", verdict: "sender_not_allowed", subject: SUBJECT, matcher: { subject: SUBJECT } },
    { verdict: expect.stringMatching(/^(issuer_unknown|platform_disagrees)$/), subject: SUBJECT },
  ]);
  expect(rows[0].warnings).toEqual([expect.stringMatching(/^expires in (9|10) days/)]);
  expect(rows[1].warnings.join()).toMatch(/not proven.*another key/s);

  writeFileSync(file(`${name}-learned.pem`), await observed(observations, "--pem", rows[0].sha256.slice(0, 16)));
  const lines = (text: string) => text.split("\n").filter((one) => one !== "");
  expect(lines(readFileSync(file(`${name}-learned.pem`), "utf8"))).toEqual(
    lines(readFileSync(file("sender.pem"), "utf8")),
  );
  const enforce = ["--sender", "docusign", "--route", "/hooks/docusign", "--mode", "enforce"];
  expect(await add(name, ...enforce, "--certificate", file(`${name}-learned.pem`))).toMatchObject({ code: 0 });
  const { routes } = JSON.parse(readFileSync(policyOf(name), "utf8"));
  expect(routes["/hooks/docusign"].mode).toBe("enforce");

  const enforced = await applies();
  const sent = [
    send(enforced, "sender", ...SIGNED),
    send(enforced, "sender"),
    send(enforced, "stranger", ...SIGNED),
    send(enforced, undefined, ...SIGNED),
  ];
  expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([202, 401, 403, 403]);
}

describe("observe, paste, enforce", () => {
  it("leads from the preset to an enforced route of an origin without an edge", async () => {
    const args = ["--certificate", file("state/server.pem"), "--key", file("state/server.key")];
    const inbox = ["--inbox", file("origin/inbox.sqlite"), "--policy", policyOf("own"), "--port", "0"];
    mkdirSync(file("origin"));
    await observePasteEnforce("own", file("origin/observed.jsonl"), async () => {
      const mode = ["--client-certificates", "request"];
      const program = await startCountersign(["origin", "--tls", ...args, ...inbox, ...mode], SECRET);
      running.push(program);
      const url = `https://localhost:${new URL(program.ready["origin"] ?? "").port}`;
      const applies = async () => {
        await program.line({ decision: "reloaded" });
        return url;
      };
      return { program, url, applies };
    });
  });

  it("leads to the same result through the edge", async () => {
    await observePasteEnforce("edge", file("state/observed.jsonl"), async () => {
      const start = async () => {
        const args = ["dev", "--port", "0", "--state", file("state"), "--policy", policyOf("edge")];
        const program = await startCountersign(args, SECRET);
        running.push(program);
        return program;
      };
      const program = await start();
      const applies = async () => {
        await program.stop();
        return (await start()).ready["edge"] ?? "";
      };
      return { program, url: program.ready["edge"] ?? "", applies };
    });
  });

  it("reads what wrangler tail prints of a deployed edge", async () => {
    const [line = ""] = readFileSync(file("state/observed.jsonl"), "utf8").split("\n");
    const event = { outcome: "ok", logs: [{ message: ["another line"] }, { message: [line], level: "log" }] };
    writeFileSync(file("tail.json"), `${JSON.stringify(event, null, 2)}\n${JSON.stringify(event)}\n`);
    expect(JSON.parse(await observed(file("tail.json"), "--json")).observed).toHaveLength(1);
  });

  it("gives a line to paste, with the sender of the route if it has one", async () => {
    const args = ["policy", "observed", file("state/observed.jsonl"), "--policy", policyOf("edge")];
    const { code, stdout } = await runHere(args);
    expect(code).toBe(0);
    const [, log, short = ""] = /accept +countersign policy observed (\S+) --pem ([0-9a-f]{16}) > /.exec(stdout) ?? [];
    expect(log).toBe(file("state/observed.jsonl"));
    expect(stdout).toContain(
      `countersign policy add --policy ${policyOf("edge")} --sender docusign --route /hooks/docusign --certificate ${short}.pem`,
    );
    const { stdout: unnamed } = await runHere(args.slice(0, 3));
    expect(unnamed).toContain("countersign policy add --sender NAME --route /hooks/docusign --certificate");
  });

  it("refuses to guess which certificate is meant", async () => {
    const { code, stderr } = await runHere(["policy", "observed", file("state/observed.jsonl"), "--pem", ":"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/: [2-9] certificates have a SHA-256 that begins like this/);
  });

  it("does not start an origin whose secret is not set", async () => {
    const files = ["--certificate", file("state/server.pem"), "--key", file("state/server.key")];
    const args = ["origin", "--tls", ...files, "--client-certificates", "request", "--policy", policyOf("own")];
    const { code, stderr } = await runHere(args, { DOCUSIGN_HMAC_KEY: "" });
    expect(code).toBe(2);
    expect(stderr).toContain("/senders/docusign/signature: the secret DOCUSIGN_HMAC_KEY is empty");
  });
});
