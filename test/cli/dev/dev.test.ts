// Tests the local system with real TLS. The clients are `curl` and `openssl`.

import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { runHere } from "../../support/command.ts";
import { runInbox } from "../../support/inbox-stores.ts";
import { curl, type Running, run, startCountersign } from "../../support/running.ts";

const BODY = '{"event":"hello"}';

let dev: Running;
let url: string;
const directory = mkdtempSync(join(tmpdir(), "countersign-dev-"));

beforeAll(async () => {
  dev = await startCountersign(["dev", "--port", "0", "--state", directory]);
  url = `${dev.ready["edge"]}/hooks/example`;
});

afterAll(async () => {
  await dev?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const asClient = (name: string): string[] => {
  const files = dev.ready.clients[name] ?? { certificate: "", key: "" };
  return ["--cacert", dev.ready["serverCa"] ?? "", "--cert", files.certificate, "--key", files.key];
};
const anonymous = (): string[] => ["--cacert", dev.ready["serverCa"] ?? ""];

interface Answered {
  readonly token?: string;
  readonly status?: number;
  readonly body?: string;
  readonly refusals?: unknown;
}

const storedBodies = (): string[] => {
  const database = new DatabaseSync(join(directory, "inbox.sqlite"), { readOnly: true, timeout: 20_000 });
  const rows = database.prepare("SELECT body FROM event").all();
  database.close();
  return rows.map((row) => Buffer.from(row["body"] as Uint8Array).toString());
};

describe("countersign dev", () => {
  it.each(["--tlsv1.3", "--tls-max 1.2"])("accepts the good client over %s and stores its bytes", async (version) => {
    const body = `{"over":"${version}"}`;
    const answer = await curl(`${url}?over=tls`, [...asClient("good"), ...version.split(" "), "--json", body]);
    expect(answer.status).toBe(202);
    const line = await dev.line({ source: "origin", edgeDecision: answer.problem["event"] });
    expect(line).toMatchObject({ decision: "accepted", sender: "example" });
    expect(storedBodies()).toContain(body);
  });

  it.each([
    ["self-signed", "platform_disagrees"],
    ["expired", "certificate_expired"],
    ["wrong-ca", "issuer_unknown"],
    ["wrong-subject", "sender_not_allowed"],
    ["server-auth", "wrong_extended_key_usage"],
  ])("refuses the %s client as %s", async (client, code) => {
    const answer = await curl(url, [...asClient(client), "--json", BODY]);
    expect(answer.status).toBe(403);
    expect(await dev.line({ id: answer.problem["decision"] })).toMatchObject({
      source: "edge",
      decision: "refused",
      code,
    });
    expect(answer.body).not.toMatch(/Sender|Customer|development|sender\.test/);
  });

  it("keeps refusals of the edge with the presented certificate, for explain", async () => {
    const answer = await curl(url, [...asClient("wrong-ca"), "--json", BODY]);
    const inbox = join(directory, "inbox.sqlite");
    const id = String(answer.problem["decision"]);
    const kept = await vi.waitFor(async () => {
      const { stdout } = await runInbox(inbox, "refusals", id, "--json");
      return JSON.parse(stdout) as { code: string; certificate: { der: string; intermediates: string[] } };
    }, 20_000);
    expect(kept).toMatchObject({ code: "issuer_unknown", route: "/hooks/example", method: "POST" });
    const leaf = new X509Certificate(readFileSync(asClient("wrong-ca")[3] ?? ""));
    expect(kept.certificate.der).toBe(leaf.raw.toString("base64"));
    const policy = dev.ready["policy"] ?? "";
    const explained = await runHere([
      "explain",
      "--decision",
      id,
      "--inbox",
      inbox,
      "--policy",
      String(policy),
      "--json",
    ]);
    expect(JSON.parse(explained.stdout)).toMatchObject({ verdict: "refused", code: "issuer_unknown" });
  });

  it("shows events and refusals in its console, which also sends them", async () => {
    const console = dev.ready["console"] ?? "";
    const asJson = { accept: "application/json" };
    const ask = async (path: string) => (await fetch(console + path, { headers: asJson })).json() as Promise<Answered>;
    const { token = "" } = await ask("/send");
    const send = async (sender: string) => {
      const body = new URLSearchParams({ token, sender, body: '{"from":"the console"}' });
      const answer = await fetch(`${console}/send`, { method: "POST", headers: asJson, body });
      const { status, body: text = "" } = (await answer.json()) as Answered;
      const { event, decision } = JSON.parse(text) as Record<string, string>;
      return { status, id: event ?? decision ?? "" };
    };
    const accepted = await send("good");
    expect(accepted.status).toBe(202);
    expect(await ask(`/events/${accepted.id}`)).toMatchObject({ sender: "example", anchor: "development" });
    const refused = {
      expired: "certificate_expired",
      "wrong-subject": "sender_not_allowed",
      "no certificate": "no_certificate",
    };
    for (const [sender, code] of Object.entries(refused)) {
      const { status, id } = await send(sender);
      expect([sender, status]).toEqual([sender, 403]);
      await expect
        .poll(async () => (await ask(`/refusals?id=${id}`)).refusals, { timeout: 25_000 })
        .toMatchObject([{ code, what: expect.stringMatching(/./) }]);
    }
  });

  it("answers a client whose name no header can hold (Letters beyond Latin-1)", async () => {
    for (const name of ["Zażółć Gęślą S.A.", "株式会社", "a\u202eb"]) {
      const client = await issueCertificate({ subject: [{ O: [name] }, { CN: ["client"] }] });
      const [certificate, key] = [join(directory, "named.pem"), join(directory, "named.key")];
      writeFileSync(certificate, client.pem);
      writeFileSync(key, client.keyPem);
      const answer = await curl(url, [...anonymous(), "--cert", certificate, "--key", key, "--json", BODY]);
      expect(answer.problem).toMatchObject({ status: 403, code: "certificate-not-proven" });
      const line = await dev.line({ id: answer.problem["decision"] });
      expect(line["certificate"]).toMatchObject({ subject: expect.stringContaining(name) });
    }
  });

  it("refuses a handshake without a certificate", async () => {
    const answer = await curl(url, [...anonymous(), "--json", BODY]);
    expect(answer.problem).toMatchObject({ status: 403, code: "no-client-certificate" });
  });

  it.each(["MF-CF-Blob", "mf-cf-blob", "Mf_Cf_Blob"])("takes no identity from a client's %s header", async (name) => {
    const blob = JSON.stringify({ tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0" } });
    const answer = await curl(url, [...anonymous(), "--header", `${name}: ${blob}`, "--json", BODY]);
    expect(answer.problem).toMatchObject({ code: "no-client-certificate" });
  });

  it("names the CAs that it knows in the CertificateRequest", async () => {
    const { port } = new URL(url);
    const { stdout } = await run("openssl", [
      "s_client",
      "-connect",
      `localhost:${port}`,
      "-CAfile",
      dev.ready["serverCa"] ?? "",
      "-tls1_2",
    ]);
    expect(stdout).toMatch(/Acceptable client certificate CA names\n.*CN = Development root CA/);
  });

  it("publishes only the public keys", async () => {
    const answer = await curl(dev.ready["jwks"] ?? "", anonymous());
    const { keys } = JSON.parse(answer.body) as { keys: Record<string, unknown>[] };
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([["alg", "crv", "kid", "kty", "use", "x", "y"]]);
  });

  it("refuses another host name on the same connection", async () => {
    const answer = await curl(url, [...asClient("good"), "--header", "Host: other.test", "--json", BODY]);
    expect(answer.problem).toMatchObject({ status: 421, code: "unknown-host" });
  });

  it.each([
    ["a Host with a path", "malformed_host", ["--header", "Host: 1/hooks"], "/example"],
    ["a target that a URL parser writes anew", "malformed_target", ["--path-as-is"], "/hooks/../hooks/example"],
  ])("refuses %s as the edge does, before a URL is made of it", async (_, code, options, path) => {
    const answer = await curl(`${dev.ready["edge"]}${path}`, [...asClient("good"), ...options, "--json", BODY]);
    expect(answer.status).toBe(400);
    expect(await dev.line({ id: answer.problem["decision"] })).toMatchObject({ source: "edge", code });
  });

  it("refuses an oversize body, declared or chunked", async () => {
    const file = join(directory, "large");
    writeFileSync(file, Buffer.alloc(1024 * 1024 + 1));
    for (const extra of [[], ["--header", "Transfer-Encoding: chunked"]]) {
      const answer = await curl(url, [...asClient("good"), "--request", "POST", ...extra, "--data-binary", `@${file}`]);
      expect(answer.status).toBe(413);
    }
  });

  it("keeps serving one connection with different verdicts", async () => {
    const twice = await run("curl", [
      "--silent",
      ...asClient("good"),
      "--json",
      BODY,
      url,
      "--next",
      ...asClient("good"),
      "--silent",
      "--json",
      BODY,
      `${url}/other`,
    ]);
    expect(twice.stdout).toMatch(/"event".*"not-found"/s);
  });

  it("prints the ready line before the lines of events that waited", async () => {
    const state = mkdtempSync(join(tmpdir(), "countersign-dev-"));
    const file = (name: string) => join(state, name);
    const start = (handler: string) => startCountersign(["dev", "--port", "0", "--state", state, "--handler", handler]);
    writeFileSync(file("failing.mjs"), 'export default () => { throw new Error("not yet"); };\n');
    writeFileSync(file("handler.mjs"), "export default () => {};\n");
    try {
      const first = await start(file("failing.mjs"));
      const { certificate = "", key = "" } = first.ready.clients["good"] ?? {};
      const client = ["--cacert", first.ready["serverCa"] ?? "", "--cert", certificate, "--key", key];
      expect(await curl(`${first.ready["edge"]}/hooks/example`, [...client, "--json", BODY])).toMatchObject({
        status: 202,
      });
      const { id } = await first.line({ decision: "retrying" });
      await first.stop();
      expect(await runHere(["inbox", "retry", String(id), "--inbox", file("inbox.sqlite")])).toMatchObject({ code: 0 });
      const second = await start(file("handler.mjs"));
      await second.line({ decision: "dispatched", id });
      expect(Object.keys(second.lines[0] ?? {})).toContain("edge");
      await second.stop();
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  });
});
