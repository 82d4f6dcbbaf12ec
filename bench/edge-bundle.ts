// Builds a worker as a deployment does (`wrangler deploy --dry-run`), and runs it in workerd itself, without wrangler's proxy.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";
import {
  type RunningIsolates,
  type RunningProcess,
  startInspectedWorkerd,
  startIsolates,
  startWorkerd,
} from "./processes.ts";

const WRANGLER_TOML = fileURLToPath(new URL("../wrangler.toml", import.meta.url));
const require = createRequire(import.meta.url);
const WRANGLER = join(dirname(require.resolve("wrangler/package.json")), "bin/wrangler.js");
const WORKERD = (require("workerd") as { default: string }).default;
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };

/** In these headers, a client sends what the platform would set: `request.cf` as JSON, and the scheme of the request. */
export const CF_HEADER = "bench-cf";
export const PROTO_HEADER = "bench-proto";

export interface WorkerSource {
  /** The absolute path of the entry module. The default is the module in wrangler.toml. */
  readonly main?: string;
  /** The names in the code that the build replaces, each with its replacement. */
  readonly define?: Readonly<Record<string, string>>;
  /** The absolute path of the policy file for the build. */
  readonly policyFile: string;
  readonly bindings: Readonly<Record<string, string | readonly string[]>>;
  /** A folder for the build. It must not exist yet. */
  readonly folder: string;
  /** The number of isolates, each with a socket of its own. Default 1. */
  readonly isolates?: number;
}

export async function startWorker(source: WorkerSource): Promise<RunningProcess> {
  const { configFile } = await buildWorker(source);
  return startWorkerd(WORKERD, configFile);
}

/** Builds the worker. Returns a function that starts it, and may be called several times. */
export async function prepareWorker(source: WorkerSource): Promise<() => Promise<RunningIsolates>> {
  const { configFile } = await buildWorker(source);
  return () => startIsolates(WORKERD, configFile, source.isolates ?? 1);
}

/**
 * A running worker with an inspector. The code of the worker is not minified, so that a profile shows the names in the code.
 */
export interface InspectedWorker extends RunningProcess {
  /** The URL of the worker's inspector. */
  readonly inspector: string;
  readonly bundle: string;
}

export async function startInspectedWorker(source: WorkerSource): Promise<InspectedWorker> {
  const { configFile, moduleFile } = await buildWorker(source, { minify: false });
  const { inspector, ...running } = await startInspectedWorkerd(WORKERD, configFile);
  return { ...running, inspector: `${inspector}/worker`, bundle: readFileSync(moduleFile, "utf8") };
}

async function buildWorker(
  { main, define = {}, policyFile, bindings, folder, isolates = 1 }: WorkerSource,
  options: { readonly minify?: boolean } = {},
) {
  mkdirSync(folder);
  const toml = unstable_readConfig({ config: WRANGLER_TOML });
  const { compatibility_date = "", compatibility_flags } = toml;
  const entry = main ?? toml.main ?? "";
  const config = {
    name: "bench",
    main: entry,
    compatibility_date,
    compatibility_flags,
    minify: toml.minify,
    keep_names: toml.keep_names,
    ...options,
    define,
    alias: { ...toml.alias, "countersign:policy": policyFile },
  };
  const configFile = join(folder, "wrangler.json");
  writeFileSync(configFile, JSON.stringify(config));
  const args = [WRANGLER, "deploy", "--dry-run", "--outdir", join(folder, "out"), "--config", configFile];
  await promisify(execFile)(process.execPath, args, { cwd: folder, env: { ...process.env, ...OFFLINE } });
  const capnpFile = join(folder, "config.capnp");
  const module = `out/${entry.replace(/^.*\//, "").replace(/\.ts$/, ".js")}`;
  writeFileSync(
    capnpFile,
    formatCapnp({ module, date: compatibility_date, flags: compatibility_flags, bindings, isolates }),
  );
  return { configFile: capnpFile, moduleFile: join(folder, module) };
}

interface Built extends Pick<WorkerSource, "bindings"> {
  readonly module: string;
  readonly date: string;
  readonly flags: readonly string[];
  readonly isolates: number;
}

/** Formats the configuration of workerd. Strings are written as JSON. A JSON string in ASCII is also a valid Cap'n Proto string. */
function formatCapnp({ module, date, flags, bindings, isolates }: Built): string {
  const formatBinding = ([name, value]: [string, string | readonly string[]]) =>
    typeof value === "string"
      ? `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`
      : `(name = ${JSON.stringify(name)}, json = ${JSON.stringify(JSON.stringify(value))})`;
  const names = Array.from({ length: isolates }, (_, index) => (index === 0 ? "worker" : `worker${index}`));
  const http = `http = (forwardedProtoHeader = "${PROTO_HEADER}", cfBlobHeader = "${CF_HEADER}")`;
  const services = names.map((name) => `(name = "${name}", worker = .worker)`);
  const sockets = names.map((name) => `(name = "${name}", address = "127.0.0.1:0", service = "${name}", ${http})`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(", ")}, (name = "internet", network = (allow = ["local"]))],
  sockets = [${sockets.join(", ")}],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${module}")],
  compatibilityDate = ${JSON.stringify(date)},
  compatibilityFlags = ${JSON.stringify(flags)},
  bindings = [${Object.entries(bindings).map(formatBinding).join(", ")}],
);
`;
}
