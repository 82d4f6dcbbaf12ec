// Tests the metrics of an origin behind the edge, and of an origin behind a proxy. Also tests which values may become a label.

import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { publicJwk } from "../../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../../core/policy/compile.ts";
import { Health } from "../../../../origin/service/health.ts";
import { toCount } from "../../../../origin/service/metrics/labels.ts";
import { forwardedRequest } from "../../../support/forgery.ts";
import { exchange } from "../../../support/http.ts";
import { makeOriginFolder, type OriginFolder } from "../../../support/origin-folder.ts";
import type { Running } from "../../../support/running.ts";
import { ACME, AUDIENCE, ISSUER, MARKER } from "../../../support/senders.ts";
import { newSigningKey } from "../../../support/signing-key.ts";

let stack: AsyncDisposableStack;
let { file, senders, start } = {} as OriginFolder;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  ({ file, senders, start } = await makeOriginFolder(stack));
});
afterEach(() => stack.disposeAsync());

async function metricsOf(origin: Running): Promise<string> {
  return await (await fetch(origin.ready["metrics"] as string)).text();
}

async function samplesOf(origin: Running): Promise<string[]> {
  const text = await metricsOf(origin);
  return text.split("\n").filter((line) => /^countersign_\w+\{/.test(line));
}

const accepted = `countersign_decisions_total{decision="accepted",code="",route="/hooks/acme",sender="${ACME}"} 1`;
const refused = (code: string) =>
  `countersign_decisions_total{decision="refused",code="${code}",route="/hooks/acme",sender=""} 1`;

test("an origin behind the edge counts its decisions, by route and sender", async () => {
  const key = await newSigningKey();
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(key)] }));
  const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"];
  const origin = await start(...edge);
  const event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
  const forwarded = forwardedRequest(event);
  const send = (headers = forwarded.headers) =>
    exchange({ ...forwarded, headers, url: `${origin.ready["origin"]}${forwarded.target}` });
  expect((await send()).status).toBe(202);
  expect((await send()).status).toBe(409);
  expect((await send([])).status).toBe(401);
  await expect.poll(() => samplesOf(origin)).toEqual(expect.arrayContaining([accepted, refused("assertion_missing")]));
  await expect
    .poll(() => metricsOf(origin))
    .toMatch(/^countersign_request_duration_seconds_count\{decision="refused"\} 2$/m);
  const samples = await samplesOf(origin);
  expect(samples.join()).toContain(`code="replayed",route="/hooks/acme",sender="${ACME}"`);
  const text = await metricsOf(origin);
  expect(text).toMatch(/^countersign_request_duration_seconds_count\{decision="accepted"\} 1$/m);
  // The inbox was asked about the accepted event and about the replay, so the count is 2.
  expect(text).toMatch(/^countersign_accept_duration_seconds_count 2$/m);
  expect(text).toMatch(/^countersign_build_info\{version="\S+",node="v\S+"\} 1$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(samples.join("\n")).toMatch(/countersign_end_timestamp_seconds\{kind="anchor",.*,refuses="true"\} \d{10}$/m);
  expect(await origin.stop()).toBe(0);
});

test("an origin behind a proxy serves metrics in addition to its socket", async () => {
  const socket = file("origin.sock");
  const origin = await start("--behind-proxy", "haproxy", "--socket", socket);
  const send = (headers: Record<string, string>) =>
    new Promise((resolve, reject) => {
      const options = { socketPath: socket, method: "POST", path: "/hooks/acme", headers: { host: "x", ...headers } };
      const outgoing = request(options, (incoming) => resolve(incoming.resume().statusCode));
      outgoing.once("error", reject);
      outgoing.end("{}");
    });
  expect(await send({ "ssl-client-cert": senders.acme.base64 })).toBe(202);
  expect(await send({})).toBe(403);
  await expect.poll(() => samplesOf(origin)).toEqual(expect.arrayContaining([accepted, refused("no_certificate")]));
  expect(await origin.stop()).toBe(0);
});

/** Returns the status and the text of a probe. */
async function probe(origin: Running, path: "/livez" | "/readyz"): Promise<string> {
  const response = await fetch(new URL(path, origin.ready["metrics"]));
  return `${response.status} ${await response.text()}`;
}
const SOON = { interval: 100 };

async function startBehindEdge(...args: readonly string[]): Promise<Running> {
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(await newSigningKey())] }));
  const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"];
  return await start(...edge, ...args);
}

describe("probes", () => {
  test("say whether the store can be written, are not logged and not counted", async () => {
    writeFileSync(file("handler.js"), "export default () => { throw new Error('no'); };");
    const origin = await startBehindEdge("--handler", file("handler.js"));
    await expect.poll(() => probe(origin, "/readyz"), SOON).toBe("200 ok\n");
    expect(await probe(origin, "/livez")).toBe("200 ok\n");
    expect((await fetch(new URL("/healthz", origin.ready["metrics"]))).status).toBe(404);
    // The timeout is long, because the origin may be writing to the file.
    const database = new DatabaseSync(file("inbox.sqlite"), { timeout: 20_000 });
    database.exec("BEGIN IMMEDIATE");
    await expect
      .poll(() => probe(origin, "/readyz"), SOON)
      .toMatch(/^503 (?:[\s\S]*\n)?the store (?:does not answer|cannot be written)/);
    expect(await probe(origin, "/livez")).toBe("200 ok\n");
    database.exec("ROLLBACK");
    database.close();
    await expect.poll(() => probe(origin, "/readyz"), SOON).toBe("200 ok\n");
    expect(origin.lines.filter(({ decision }) => decision === "refused")).toEqual([]);
    expect((await samplesOf(origin)).join()).not.toContain('decision="refused"');
    expect(await origin.stop()).toBe(0);
  });

  test("are about all workers, and so are the metrics", async () => {
    const origin = await startBehindEdge("--workers", "2");
    await expect.poll(() => probe(origin, "/readyz"), SOON).toBe("200 ok\n");
    expect((await exchange({ url: `${origin.ready["origin"]}/hooks/acme` })).status).toBe(401);
    await expect
      .poll(() => metricsOf(origin), SOON)
      .toMatch(/^countersign_request_duration_seconds_count\{decision="refused"\} 1$/m);
    expect(await metricsOf(origin)).toMatch(/^countersign_inbox_events\{state="waiting"\} 0$/m);
    const pid = origin.process.pid ?? 0;
    const [worker = 0] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    process.kill(worker, "SIGSTOP");
    await expect
      .poll(() => probe(origin, "/readyz"), SOON)
      .toMatch(new RegExp(`^503 process ${worker} is silent for 1\\d s\n$`));
    process.kill(worker, "SIGCONT");
    await expect.poll(() => probe(origin, "/readyz"), SOON).toBe("200 ok\n");
    expect(await origin.stop()).toBe(0);
  });

  test("distinguish a process that starts, one that is silent, and one that needs a restart", () => {
    let now = 0;
    const health = new Health(2, () => now);
    expect([health.faults(), health.problems()]).toEqual([[], ["2 of 2 processes are not ready yet"]]);
    health.take({ pid: 1, problems: [] });
    health.take({ pid: 2, problems: ["p"] });
    expect(health.problems()).toEqual(["p"]);
    health.take({ pid: 2, problems: [] });
    expect(health.problems()).toEqual([]);
    now = 11_000;
    health.take({ pid: 1, problems: [] });
    expect([health.faults(), health.problems()]).toEqual([[], ["process 2 is silent for 11 s"]]);
    now = 61_000;
    health.take({ pid: 1, problems: [] });
    expect(health.faults()).toEqual(["process 2 is silent for 61 s"]);
    health.forget(2);
    expect([health.faults(), health.problems()]).toEqual([[], ["1 of 2 processes are not ready yet"]]);
  });
});

describe("a label", () => {
  test("is a route or a sender of the policy, or empty", () => {
    const policy = compilePolicy(senders.policy);
    const line = { decision: "refused", code: "unknown_route", route: "/made/up", sender: `${MARKER}-nobody` } as const;
    expect(toCount(line, policy)).toEqual({ decision: "refused", code: "unknown_route", route: "", sender: "" });
    expect(toCount({ ...line, route: "/hooks/acme/*", sender: ACME }, policy)).toMatchObject({
      route: "/hooks/acme/*",
      sender: ACME,
    });
    expect(toCount({ ...line, code: "issuer_unknown", keeps: true }, policy)).toMatchObject({ keeps: "true" });
    // The id in the line is a detail and does not become a label.
    expect(toCount({ decision: "noticed", what: "new key", sender: ACME, id: "x" }, policy)).toEqual({
      ...{ decision: "noticed", code: "new key", route: "", sender: ACME },
    });
  });
});
