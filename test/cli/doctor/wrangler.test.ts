// Tests `countersign doctor --wrangler`. The command must find no fault in the wrangler files of this project. It must report each
// unsafe setting by its name, and each thing that the policy needs and the file lacks.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readWranglerFile } from "../../../cli/cloudflare/wrangler-file.ts";
import { checkWrangler, type WranglerConfig } from "../../../cli/doctor/wrangler.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { WRANGLER_TOML } from "../../support/edge-bundle.ts";
import { ROOT, runCountersign } from "../../support/running.ts";
import { createSenders } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
const senders = await createSenders();
afterAll(() => stack.disposeAsync());

const codesOf = (config: WranglerConfig, policy?: Policy) =>
  checkWrangler(config, "wrangler.toml", policy).findings.map(({ code }) => code);

test.each([WRANGLER_TOML, join(ROOT, "template/wrangler.jsonc")])("%s leaves nothing open", async (file) => {
  expect(codesOf(await readWranglerFile(file, undefined), compilePolicy(senders.policy))).toEqual([]);
});

const HOST = "hooks.example.com";
const domain = { pattern: HOST, custom_domain: true };

/** A change of a correct configuration, and the expected findings. */
const FAULTS: readonly (readonly [Partial<WranglerConfig>, readonly string[]])[] = [
  [{}, []],
  [{ workers_dev: true }, ["workers_dev_open"]],
  [{ workers_dev: undefined }, ["workers_dev_open"]],
  [{ preview_urls: true }, ["preview_urls_open"]],
  [{ preview_urls: undefined }, ["preview_urls_open"]],
  [{ routes: [{ ...domain, previews_enabled: true }] as WranglerConfig["routes"] }, ["previews_enabled"]],
  [{ routes: [{ pattern: `${HOST}/*`, zone_name: "example.com" }] }, ["zone_route"]],
  [{ routes: [`https://${HOST}/hooks/*`] }, ["zone_route"]],
  [{ routes: [domain, { pattern: "other.example.com", custom_domain: true }] }, ["route_without_host"]],
  [{ routes: ["*.example.com/*"] }, ["zone_route"]],
  [{ vars: { HOSTS: [HOST, "more.example.com"] } }, ["host_without_route"]],
  [{ vars: {} }, ["route_without_host"]],
  [{ routes: [] }, []],
  [{ compatibility_flags: [] }, ["fetch_not_public"]],
  [{ observability: { enabled: true } }, ["invocation_logs_kept"]],
  [{ observability: { enabled: true, logs: { enabled: true } } }, ["invocation_logs_kept"]],
  [{ observability: { enabled: true, logs: { enabled: false } } }, []],
  [{ triggers: { crons: [] } }, ["cron_missing"]],
  [{ previews: { vars: {} } } as Partial<WranglerConfig>, ["previews_configured"]],
];

const right = {
  ...{ workers_dev: false, preview_urls: false, routes: [domain], vars: { HOSTS: [HOST] } },
  ...{ compatibility_flags: ["global_fetch_strictly_public"], triggers: { crons: ["17 * * * *"] } },
  observability: { enabled: true, logs: { enabled: true, invocation_logs: false } },
} as unknown as WranglerConfig;

test.each(FAULTS)("a configuration with %j", (fault, expected) => {
  expect(codesOf({ ...right, ...fault })).toEqual(expected);
});

const [[path, route] = ["", undefined]] = Object.entries(senders.policy.routes);
const signing = { signature: { scheme: "github", secrets: ["HUB_SECRET"] } } as const;
/** A policy that needs a secret, revocation lists and a queue. */
const demanding = compilePolicy({
  anchors: Object.fromEntries(
    Object.keys(senders.policy.anchors ?? {}).map((name) => [
      name,
      { certificate: senders.root.pem, crls: { sources: ["http://crl.example/"], freshness: "require" } },
    ]),
  ),
  senders: { ...senders.policy.senders, signing },
  routes: {
    [path]: { ...route, delivery: "queue" },
    [`${HOST}/signing`]: { senders: ["signing"], methods: ["POST"] },
  },
});
const vars = {
  ...{ HOSTS: [HOST], ISSUER: `https://${HOST}`, AUDIENCE: "https://origin.example" },
  ORIGIN_URL: "https://origin.example",
};
const consumers = [{ queue: "x-events", dead_letter_queue: "x-dead" }, { queue: "x-dead" }];
const queues = { producers: [{ binding: "EVENTS", queue: "x-events" }], consumers };
const whole = {
  ...{ ...right, vars, queues, secrets: { required: ["SIGNING_KEYS", "HUB_SECRET"] } },
  ...{ kv_namespaces: [{ binding: "CRLS" }], r2_buckets: [{ binding: "BODIES" }] },
} as unknown as WranglerConfig;

/** A change of a configuration that has all that the policy needs, and the expected findings. */
const LACKS: readonly (readonly [object, readonly string[]])[] = [
  [{}, []],
  [{ vars: { ...vars, AUDIENCE: undefined } }, ["vars_wrong"]],
  [{ vars: { ...vars, ORIGIN_URL: "http://origin.example" } }, ["vars_wrong"]],
  [{ vars: { ...vars, HOSTS: ["other.example"] }, routes: [] }, ["vars_wrong"]],
  [{ vars: { ...vars, HUB_SECRET: "hush" } }, ["secret_in_clear"]],
  [{ secrets: { required: ["SIGNING_KEYS"] } }, ["secret_not_required"]],
  [{ kv_namespaces: [] }, ["binding_missing"]],
  [{ r2_buckets: [] }, ["binding_missing"]],
  [{ queues: { ...queues, consumers: [] } }, ["queue_unconsumed"]],
  [{ queues: { ...queues, consumers: consumers.slice(0, 1) } }, ["queue_unconsumed"]],
  [{ triggers: { crons: [] } }, ["cron_missing"]],
  [{ routes: [{ pattern: `${HOST}${path}*`, custom_domain: true }] }, ["path_without_route"]],
  [{ routes: [`${HOST}${path}`, `${HOST}/sign*`] }, ["zone_route", "zone_route"]],
];

test.each(LACKS)("a configuration against the policy, with %j", (fault, expected) => {
  const config = { ...whole, ...fault } as WranglerConfig;
  expect(codesOf(config, demanding)).toEqual(expected);
  const { findings } = checkWrangler(config, "wrangler.toml", demanding);
  expect(JSON.stringify(findings)).not.toContain("hush");
});

test("the command reads the file of an environment, without a URL, and says why wrangler refuses a malformed file", async () => {
  const file = join(directory, "wrangler.jsonc");
  const common = { name: "edge", main: "index.js", compatibility_date: "2026-10-01", preview_urls: false };
  writeFileSync(join(directory, "index.js"), "");
  writeFileSync(file, JSON.stringify({ ...common, workers_dev: false, env: { open: { workers_dev: true } } }));
  const open = await runCountersign(["doctor", "--wrangler", file, "--env", "open", "--json"]);
  expect(open).toMatchObject({ code: 1, stderr: "" });
  const [report] = JSON.parse(open.stdout).checks;
  expect(report.check).toBe("wrangler file");
  const codes = new Set(report.findings.map(({ code }: { code: string }) => code));
  expect(codes).toEqual(
    new Set(["workers_dev_open", "fetch_not_public", "cron_missing", "vars_wrong", "secret_not_required"]),
  );
  writeFileSync(file, JSON.stringify({ ...common, routes: 7 }));
  const refused = await runCountersign(["doctor", "--wrangler", file]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain(file);
  expect(refused.stderr).not.toContain("    at ");
});
