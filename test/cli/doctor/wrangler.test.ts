// Tests countersign doctor --wrangler. It finds nothing in the wrangler files of this project, and reports each unsafe setting by
// its name.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readWranglerFile } from "../../../cli/cloudflare/wrangler-file.ts";
import { checkWrangler, type WranglerConfig } from "../../../cli/doctor/wrangler.ts";
import { WRANGLER_TOML } from "../../support/edge-bundle.ts";
import { ROOT, runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
afterAll(() => stack.disposeAsync());

const codesOf = (config: WranglerConfig) =>
  checkWrangler(config, "wrangler.toml", undefined).findings.map(({ code }) => code);

test.each([WRANGLER_TOML, join(ROOT, "template/wrangler.jsonc")])("%s leaves nothing open", async (file) => {
  expect(codesOf(await readWranglerFile(file, undefined))).toEqual([]);
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
];

test.each(FAULTS)("a configuration with %j", (fault, expected) => {
  const right: WranglerConfig = {
    ...{ workers_dev: false, preview_urls: false, routes: [domain], vars: { HOSTS: [HOST] } },
    ...{ compatibility_flags: ["global_fetch_strictly_public"], triggers: { crons: ["17 * * * *"] } },
    observability: { enabled: true, logs: { enabled: true, invocation_logs: false } },
  } as unknown as WranglerConfig;
  expect(codesOf({ ...right, ...fault })).toEqual(expected);
});

test("the command reads the file of an environment, without a URL, and says why wrangler refuses a malformed file", async () => {
  const file = join(directory, "wrangler.jsonc");
  const common = { name: "edge", main: "index.js", compatibility_date: "2026-10-01", preview_urls: false };
  writeFileSync(join(directory, "index.js"), "");
  writeFileSync(file, JSON.stringify({ ...common, workers_dev: false, env: { open: { workers_dev: true } } }));
  const open = await runCountersign(["doctor", "--wrangler", file, "--env", "open", "--json"]);
  expect(open).toMatchObject({ code: 1, stderr: "" });
  const [report] = JSON.parse(open.stdout).checks;
  expect(report).toMatchObject({ check: "wrangler file", findings: [{ code: "workers_dev_open" }, {}, {}] });
  writeFileSync(file, JSON.stringify({ ...common, routes: 7 }));
  const refused = await runCountersign(["doctor", "--wrangler", file]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain(file);
  expect(refused.stderr).not.toContain("    at ");
});
