// Tests the files in docs/monitoring. The alert rules pass their own test. An origin serves every series that the rules and the
// dashboard use.

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Health } from "../../../../origin/service/health.ts";
import { Metrics } from "../../../../origin/service/metrics/metrics.ts";
import { serveMetrics } from "../../../../origin/service/metrics/server.ts";
import { run } from "../../../support/running.ts";

const FOLDER = "docs/monitoring";
const isInstalled = existsSync("/usr/bin/promtool");

test.skipIf(!isInstalled && process.env["CI"] === undefined)("the alert rules fire when they should", async () => {
  expect(await run("promtool", ["check", "rules", `${FOLDER}/alerts.yml`])).toMatchObject({ code: 0 });
  const { code, stdout, stderr } = await run("promtool", ["test", "rules", `${FOLDER}/alerts.test.yml`]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("SUCCESS");
});

/** The series of Prometheus itself, which an origin does not serve. */
const OTHERS: ReadonlySet<string> = new Set(["up"]);

test("every series and label in the rules and the dashboard is served", async () => {
  const served = await serveAll();
  const rules = readFileSync(`${FOLDER}/alerts.yml`, "utf8");
  const { panels } = JSON.parse(readFileSync(`${FOLDER}/dashboard.json`, "utf8")) as {
    panels: { targets: { expr: string }[] }[];
  };
  const asked = [rules, ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))].join("\n");
  const names = new Set(asked.match(/\b(?:countersign|process|nodejs)_\w+/g));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names) expect(served, name).toMatch(new RegExp(`^${name}[{ ]`, "m"));
  for (const [, name = "", matchers = ""] of asked.matchAll(/\b(\w+)\{([^{}]*)\}/g)) {
    if (OTHERS.has(name)) continue;
    for (const [, label] of matchers.matchAll(/(\w+)(?:=|!=|=~)"/g)) {
      if (label !== "job") expect(served, `${name} ${label}`).toMatch(new RegExp(`^${name}\\{[^}]*\\b${label}="`, "m"));
    }
  }
  // Every series that an origin serves must be in the dashboard or in a rule.
  const own = [...served.matchAll(/^# TYPE (countersign_\w+)/gm)].map(([, name = ""]) => name);
  for (const name of own) if (name !== "countersign_build_info") expect(asked).toContain(name);
});

/** Returns the metrics of an origin in which everything has happened once. */
async function serveAll(): Promise<string> {
  const metrics = await Metrics.load("1.0.0");
  metrics.count({ decision: "accepted", code: "", route: "/hooks/acme", sender: "acme" });
  metrics.count({ decision: "noticed", code: "new key", route: "", sender: "acme" });
  for (const kind of ["request", "accept", "attempt"] as const) metrics.observe({ of: kind, label: "x", seconds: 0.1 });
  metrics.setBacklog({ waiting: 1, leased: 0, dead: 0, oldestAcceptedAt: 1 });
  metrics.setPresented([["acme", 1]]);
  metrics.setListEnds([["http://crl.example/", 1]]);
  metrics.setRefusals({ refusals: 1, bytes: 1 });
  const what = { pointer: "/anchors/a", notAfter: 1, refuses: true, sha256: "00" };
  metrics.setExpiries([{ kind: "anchor", name: "a", ...what } as Parameters<Metrics["setExpiries"]>[0][number]]);
  const server = await serveMetrics({ metrics, health: new Health(1) }, { hostname: "127.0.0.1", port: 0 }, () => {});
  try {
    return await (await fetch(server.url)).text();
  } finally {
    server.close();
  }
}
