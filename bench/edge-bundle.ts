// A worker built as it deploys (`wrangler deploy --dry-run`) and served by workerd itself, without wrangler's proxy.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";
import { type RunningProcess, startInspectedWorkerd, startWorkerd } from "./processes.ts";

const WRANGLER_TOML = fileURLToPath(new URL("../wrangler.toml", import.meta.url));
const require = createRequire(import.meta.url);
const WRANGLER = join(dirname(require.resolve("wrangler/package.json")), "bin/wrangler.js");
const WORKERD = (require("workerd") as { default: string }).default;
const OFFLINE = { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };

/** Headers of the local stand-in for the platform: request.cf as JSON, and the scheme of the request. */
export const CF_HEADER = "bench-cf";
export const PROTO_HEADER = "bench-proto";

export interface WorkerSource {
  /** Absolute path of the entry module; that of wrangler.toml when left out. */
  readonly main?: string;
  /** Names of the code to replace by other names. */
  readonly define?: Readonly<Record<string, string>>;
  /** Absolute path of the policy file to build in. */
  readonly policyFile: string;
  readonly bindings: Readonly<Record<string, string | readonly string[]>>;
  /** An empty folder for what is built. */
  readonly folder: string;
}

/** Builds the worker and starts it. */
export async function startWorker(source: WorkerSource): Promise<RunningProcess> {
  const { configFile } = await buildWorker(source);
  return startWorkerd(WORKERD, configFile);
}

/** A worker that is not minified, so that a profile can name its parts. */
export interface InspectedWorker extends RunningProcess {
  /** The URL of its inspector. */
  readonly inspector: string;
  readonly bundle: string;
}

export async function startInspectedWorker(source: WorkerSource): Promise<InspectedWorker> {
  const { configFile, moduleFile } = await buildWorker(source, { minify: false });
  const { inspector, ...running } = await startInspectedWorkerd(WORKERD, configFile);
  return { ...running, inspector: `${inspector}/worker`, bundle: readFileSync(moduleFile, "utf8") };
}

async function buildWorker(
  { main, define = {}, policyFile, bindings, folder }: WorkerSource,
  options: { readonly minify?: boolean } = {},
) {
  mkdirSync(folder);
  const toml = unstable_readConfig({ config: WRANGLER_TOML });
  const { compatibility_date = "", compatibility_flags } = toml;
  const config = {
    name: "bench",
    main: main ?? toml.main,
    compatibility_date,
    compatibility_flags,
    minify: toml.minify,
    ...options,
    define,
    alias: { ...toml.alias, "countersign:policy": policyFile },
  };
  const configFile = join(folder, "wrangler.json");
  writeFileSync(configFile, JSON.stringify(config));
  const args = [WRANGLER, "deploy", "--dry-run", "--outdir", join(folder, "out"), "--config", configFile];
  await promisify(execFile)(process.execPath, args, { cwd: folder, env: { ...process.env, ...OFFLINE } });
  const capnpFile = join(folder, "config.capnp");
  const module = `out/${(config.main ?? "").replace(/^.*\//, "").replace(/\.ts$/, ".js")}`;
  writeFileSync(capnpFile, formatCapnp(module, compatibility_date, compatibility_flags, bindings));
  return { configFile: capnpFile, moduleFile: join(folder, module) };
}

/** JSON's string literals are Cap'n Proto's too, as long as they hold plain ASCII. */
function formatCapnp(
  module: string,
  date: string,
  flags: readonly string[],
  bindings: WorkerSource["bindings"],
): string {
  const formatBinding = ([name, value]: [string, string | readonly string[]]) =>
    typeof value === "string"
      ? `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`
      : `(name = ${JSON.stringify(name)}, json = ${JSON.stringify(JSON.stringify(value))})`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(
    name = "http", address = "127.0.0.1:0", service = "worker",
    http = (forwardedProtoHeader = "${PROTO_HEADER}", cfBlobHeader = "${CF_HEADER}"),
  )],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${module}")],
  compatibilityDate = ${JSON.stringify(date)},
  compatibilityFlags = ${JSON.stringify(flags)},
  bindings = [${Object.entries(bindings).map(formatBinding).join(", ")}],
);
`;
}
