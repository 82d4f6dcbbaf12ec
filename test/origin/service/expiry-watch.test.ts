// Tests that a running origin reports what will soon expire, and what a sender presents for the first time, in log lines and
// metrics.

import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { runHere } from "../../support/command.ts";
import { listen } from "../../support/http.ts";
import { runCountersign } from "../../support/running.ts";
import { ACME, BETA, subjectOf } from "../../support/senders.ts";
import { sendOnce, TlsSender } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import {
  replaceFile,
  startTlsProcess,
  type TlsFiles,
  type TlsProcess,
  writeTlsFiles,
} from "../../support/tls-process.ts";

const HOUR_MILLISECONDS = 3_600_000;
const inDays = (days: number) => new Date(Date.now() + days * 24 * HOUR_MILLISECONDS + HOUR_MILLISECONDS);

let stack: AsyncDisposableStack;
let files: TlsFiles;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  files = await writeTlsFiles(stack);
});
afterEach(() => stack.disposeAsync());

const acmeCertificate = (days: number, issuer = files.senders.root): Promise<Identity> =>
  issueCertificate({ subject: subjectOf(ACME), notAfter: inDays(days) }, issuer);

/** Replaces the listener's certificate. Returns the time at which the new certificate expires. */
async function replaceListener(days: number, keys?: CryptoKeyPair): Promise<Date> {
  const server = await issueCertificate(
    {
      subject: [{ CN: [A] }],
      extendedKeyUsage: [SERVER_AUTH],
      subjectAltNames: [{ type: "dns", value: A }],
      notBefore: new Date(Date.now() - 300 * 24 * HOUR_MILLISECONDS),
      notAfter: inDays(days),
      ...(keys !== undefined && { keys }),
    },
    files.serverCa,
  );
  replaceFile(files.key, server.keyPem);
  replaceFile(files.certificate, server.pem);
  return server.certificate.notAfter;
}

const linesOf = ({ lines }: TlsProcess, decision: string) => lines.filter((line) => line["decision"] === decision);

/** Returns the samples of one metric: the value for each set of labels. */
async function scrape(origin: TlsProcess, metric: string): Promise<Map<string, number>> {
  const response = await fetch(origin.ready["metrics"] ?? "");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const samples = (await response.text()).split("\n").filter((line) => line.startsWith(`${metric}{`));
  return new Map(
    samples.map((line) => {
      const [, labels = "", value = ""] = /^[^{]+\{(.*)\} (\S+)$/.exec(line) ?? [];
      return [labels, Number(value)] as const;
    }),
  );
}

const decided = (code: string, route: string, sender: string) =>
  `decision="${code === "" ? "accepted" : "refused"}",code="${code}",route="${route}",sender="${sender}"`;

describe("what ends soon", () => {
  test("is logged once, after the ready line, and a reload logs what it changes", async () => {
    await replaceListener(10);
    const origin = await startTlsProcess(stack, files);
    expect(await origin.line({ decision: "expiring" })).toMatchObject({
      what: "listener-certificate",
      name: A,
      days: 10,
      refuses: true,
    });
    expect(origin.lines[0]).toHaveProperty("origin");
    origin.process.kill("SIGHUP");
    await origin.line({ decision: "reloaded" });
    await replaceListener(2);
    expect(await origin.line({ decision: "expiring", days: 2 })).toMatchObject({ what: "listener-certificate" });
    expect(linesOf(origin, "expiring")).toHaveLength(2);
  });

  test("includes a sender's certificate as soon as it is accepted", async () => {
    const origin = await startTlsProcess(stack, files);
    const acme = await issueCertificate(
      { subject: subjectOf(ACME), notBefore: new Date(Date.now() - 100 * 24 * HOUR_MILLISECONDS), notAfter: inDays(5) },
      files.senders.root,
    );
    expect((await sendOnce(origin.server, acme)).status).toBe(202);
    expect(await origin.line({ decision: "expiring" })).toMatchObject({
      what: "sender-certificate",
      name: ACME,
      days: 5,
    });
  });
});

describe("a first sight", () => {
  test("is logged after acceptance, also across a restart, and never twice", async () => {
    const [first, rekeyed] = [files.senders.acme, files.senders.acmeToo];
    const before = await startTlsProcess(stack, files);
    expect((await sendOnce(before.server, first)).status).toBe(202);
    expect(await before.stop()).toBe(0);

    const origin = await startTlsProcess(stack, files);
    for (const identity of [first, rekeyed, rekeyed, first]) {
      expect((await sendOnce(origin.server, identity)).status).toBe(202);
    }
    const noticed = await origin.line({ decision: "noticed" });
    expect(noticed).toMatchObject({ what: "new key", sender: ACME });
    const accepted = await origin.line({ decision: "accepted", id: noticed["id"] });
    expect(noticed["new"]).toBe((accepted["certificate"] as { spkiSha256: string }).spkiSha256);
    expect(await origin.stop()).toBe(0);
    expect(linesOf(before, "noticed")).toEqual([]);
    expect(linesOf(origin, "noticed")).toHaveLength(1);
  });

  test("is not logged for a refused certificate", async () => {
    const origin = await startTlsProcess(stack, files);
    const stranger = await issueCertificate({ subject: subjectOf(ACME) });
    expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
    expect((await sendOnce(origin.server, stranger)).status).toBe(403);
    expect((await sendOnce(origin.server, files.senders.beta)).status).toBe(403);
    expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
    expect(await origin.stop()).toBe(0);
    expect(linesOf(origin, "noticed")).toEqual([]);
  });
});

describe("metrics", () => {
  test("are off unless asked for, and then on loopback", async () => {
    const [without, origin] = [
      await startTlsProcess(stack, files),
      await startTlsProcess(stack, files, "--metrics", "0"),
    ];
    expect(without.ready).not.toHaveProperty("metrics");
    expect(origin.ready["metrics"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect((await fetch(new URL("/", origin.ready["metrics"]))).status).toBe(404);
    expect((await fetch(origin.ready["metrics"] ?? "", { method: "POST" })).status).toBe(404);
  });

  test("count decisions while events arrive, and contain no value of a stranger", async () => {
    const origin = await startTlsProcess(stack, files, "--metrics", "127.0.0.1:0");
    const acme = new TlsSender(origin.server, files.senders.acme);
    stack.defer(() => acme.close());
    const flow = (async () => {
      for (let sent = 0; sent < 40; sent += 1) expect((await acme.send()).status).toBe(202);
    })();
    let last = 0;
    while (last < 40) {
      const count = (await scrape(origin, "countersign_decisions_total")).get(decided("", "/hooks/acme", ACME)) ?? 0;
      expect(count).toBeGreaterThanOrEqual(last);
      last = count;
    }
    await flow;
    const stranger = await issueCertificate({ subject: [{ CN: ["Mallory"] }] });
    await sendOnce(origin.server, stranger, { target: "/mallory?mallory" });
    await sendOnce(origin.server, stranger);
    await sendOnce(origin.server, files.senders.beta);
    const samples = await scrape(origin, "countersign_decisions_total");
    expect(samples.get(decided("unknown_route", "", ""))).toBe(1);
    expect(samples.get(decided("issuer_unknown", "/hooks/acme", ""))).toBe(1);
    expect(samples.get(decided("sender_not_allowed", "/hooks/acme", ""))).toBe(1);
    expect([...samples.keys()].join()).not.toMatch(/mallory/i);
  });

  test("show when everything ends, as Unix time", async () => {
    const end = await replaceListener(10);
    const origin = await startTlsProcess(stack, files, "--metrics", "127.0.0.1:0");
    const acme = await acmeCertificate(77);
    await sendOnce(origin.server, acme);
    const ends = () => scrape(origin, "countersign_end_timestamp_seconds");
    await expect.poll(async () => [...(await ends()).keys()].join("\n")).toContain('kind="sender-certificate"');
    const kinds = Array.from(await ends(), ([labels, end]) => [/kind="([^"]+)"/.exec(labels)?.[1], end] as const);
    const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
    expect(new Map(kinds)).toEqual(
      new Map([
        ["sender-certificate", seconds(acme.certificate.notAfter)],
        ["listener-certificate", seconds(end)],
        ["anchor", seconds(files.senders.root.certificate.notAfter)],
      ]),
    );
  });

  test("on a port that is taken prevent the start, with one line", async () => {
    const { port } = new URL(await listen(stack, () => {}));
    for (const workers of ["1", "2"]) {
      const { code, stderr } = await runCountersign([...files.args, "--metrics", port, "--workers", workers]);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^countersign: --metrics: 127\.0\.0\.1 port \d+: EADDRINUSE: another program listens there/m,
      );
    }
    const { code, stderr } = await runHere([...files.args, "--metrics", "localhost"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is not HOST:PORT or PORT/)]);
  });
});

describe("two workers", () => {
  test("have one page of metrics, whose counts never decrease, and log everything once", async () => {
    await replaceListener(10);
    const origin = await startTlsProcess(stack, files, "--metrics", "127.0.0.1:0", "--workers", "2");
    const accepted = async () =>
      (await scrape(origin, "countersign_decisions_total")).get(decided("", "/hooks/acme", ACME)) ?? 0;
    const senders = Array.from(
      { length: 12 },
      (_, index) => new TlsSender(origin.server, index % 2 === 0 ? files.senders.acme : files.senders.acmeToo),
    );
    for (const sender of senders) stack.defer(() => sender.close());
    const send = async (times: number) => {
      for (let sent = 0; sent < times; sent += 1) await Promise.all(senders.map((sender) => sender.send()));
    };
    await send(5);
    await expect.poll(accepted).toBe(60);
    await expect.poll(() => linesOf(origin, "accepted")).toHaveLength(60);
    await expect.poll(() => linesOf(origin, "noticed")).toMatchObject([{ what: "new key", sender: ACME }]);
    await expect
      .poll(() => scrape(origin, "countersign_first_sights_total"))
      .toEqual(new Map([[`sender="${ACME}",what="new key"`, 1]]));
    await origin.line({ decision: "expiring" });

    // When a worker is killed, the counts that it has reported are not lost.
    const [victim] = readFileSync(`/proc/${origin.pid}/task/${origin.pid}/children`, "utf8").split(" ");
    process.kill(Number(victim), "SIGKILL");
    // The primary gives connections to this worker until it notices that the worker has ended.
    await expect.poll(() => existsSync(`/proc/${victim}`)).toBe(false);
    expect(await accepted()).toBeGreaterThanOrEqual(60);
    for (let sent = 0; sent < 5; sent += 1) await sendOnce(origin.server, files.senders.acme);
    await expect.poll(accepted).toBe(65);
    // The new worker also checks what expires. The worker before it has already logged this expiry, so the new worker must not log
    // it again.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(linesOf(origin, "expiring")).toHaveLength(1);
    expect(await origin.stop()).toBe(0);
  });
});

test("senders of other routes are counted under their own names", async () => {
  const origin = await startTlsProcess(stack, files, "--metrics", "[::1]:0");
  expect(origin.ready["metrics"]).toMatch(/^http:\/\/\[::1\]:/);
  await sendOnce(origin.server, files.senders.beta, { target: "/hooks/both" });
  const samples = await scrape(origin, "countersign_decisions_total");
  expect(samples).toEqual(new Map([[decided("", "/hooks/both", BETA), 1]]));
});
