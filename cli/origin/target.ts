// The options of `countersign origin` that say where stored events are delivered: to a module of the user, or to an upstream. If
// neither is given, events are only stored.

import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { importSigningKeys, type SigningKeys } from "../../core/assertion/keys.ts";
import type { Handler } from "../../origin/dispatch/handler.ts";
import { DISPATCH_LIMITS, type DispatchLimits } from "../../origin/dispatch/limits.ts";
import { forwardTo } from "../../origin/dispatch/upstream.ts";
import { fetchUpstream } from "../../origin/node/upstream-fetch.ts";
import { inFile, Problems } from "../../origin/problems.ts";
import type { DispatchTarget } from "../../origin/service/target.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { parseBaseUrl, parsePrivateUrl } from "../arguments/base-url.ts";
import { parseWhole } from "../arguments/values.ts";
import { requireOption, UsageError } from "../command.ts";
import { formatPems, readAuthorities } from "../files/certificates.ts";
import { readPrivateKeySet } from "../files/key-sets.ts";

export const DISPATCH_OPTIONS = {
  handler: { type: "string" },
  upstream: { type: "string" },
  "upstream-audience": { type: "string" },
  "upstream-ca": { type: "string" },
  "upstream-unencrypted": { type: "boolean" },
  "signing-keys": { type: "string" },
  "origin-issuer": { type: "string" },
  concurrency: { type: "string" },
  "attempt-seconds": { type: "string" },
  "max-attempts": { type: "string" },
  "retry-seconds": { type: "string" },
} as const;

type TextOption = Exclude<keyof typeof DISPATCH_OPTIONS, "upstream-unencrypted">;
export type DispatchSettings = { readonly [option in TextOption]?: string | undefined } & {
  readonly "upstream-unencrypted"?: boolean | undefined;
};

export const DISPATCH_HELP = `
deliver every stored event to your code, at least once:
  --handler MODULE          a .js or .ts module: export default (delivery, { id, attempt, signal }) => …
or deliver it to your own program over HTTP, at the path of the event:
  --upstream URL            scheme, host and port; http:// only to loopback
  --upstream-ca FILE        the CA certificates that certify the upstream, instead of the public ones
  --upstream-unencrypted    allow http:// to a private address; anybody on that network can read events and answer for the upstream
  --origin-issuer URL       iss of this origin's assertions; the upstream must be configured with it
  --upstream-audience TEXT  aud of this origin's assertions (default: the URL of the upstream)
  --signing-keys FILE       this origin's own keys, made by countersign keys new; published at /.well-known/jwks.json
for both:
  --concurrency N           attempts at the same time in each process (default ${DISPATCH_LIMITS.concurrency}); attempts
                            for whose response a sender waits are not counted
  --attempt-seconds N       deadline of an attempt (default ${DISPATCH_LIMITS.deadlineMilliseconds / 1000})
  --max-attempts N          after this number of attempts, the event is dead (default ${DISPATCH_LIMITS.maxAttempts}); see countersign inbox
  --retry-seconds N         the upper limit of the random wait before the second attempt (default ${DISPATCH_LIMITS.firstRetryMilliseconds / 1000}); the limit
                            triples for each later attempt, up to an hour
`;

/** Returns undefined if events are only stored. @throws ConfigurationError that lists every problem */
export async function loadTarget(settings: DispatchSettings): Promise<DispatchTarget | undefined> {
  const problems = new Problems();
  const { handler: module, upstream } = settings;
  if (module !== undefined && upstream !== undefined)
    await problems.attempt(() => refuse("--handler and --upstream: give only one of them"));
  const limits = await parseLimits(settings, problems);
  if (upstream === undefined) await problems.attempt(() => refuseUpstreamOptions(settings));
  if (module === undefined && upstream === undefined) {
    const isLimited = Object.keys(limits).length > 0;
    if (isLimited)
      await problems.attempt(() => refuse("limits of attempts have no effect without --handler or --upstream"));
  }
  const handler = module === undefined ? undefined : await problems.attempt(() => loadHandler(module));
  const forwarding = upstream === undefined ? undefined : await loadUpstream(upstream, settings, problems);
  if (problems.count > 0) throw problems.toError("origin");
  if (handler !== undefined) return { handler, limits, keys: undefined, files: [], reload: async () => {} };
  return forwarding && { ...forwarding, limits };
}

async function loadHandler(module: string): Promise<Handler> {
  const file = resolve(module);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`--handler ${module}: there is no such file`);
  if (!stats.isFile()) throw new UsageError(`--handler ${module} is no file: name the module itself, as in handler.js`);
  const loaded: { readonly default?: unknown } = await import(pathToFileURL(file).href).catch((error: unknown) =>
    refuse(`--handler ${module} cannot be loaded: ${describeLoading(error, module)}`),
  );
  if (typeof loaded.default === "function") return loaded.default as Handler;
  return refuse(`--handler ${module} has no function as its default export`);
}

/** Keeps the lines of the user's own code in the stack, and removes those of Node and Countersign. */
function describeLoading(error: unknown, module: string): string {
  if (!(error instanceof Error)) return String(error);
  if ((error as NodeJS.ErrnoException).code === "ERR_UNKNOWN_FILE_EXTENSION") return "it is no .js, .mjs or .ts module";
  const lines = (error.stack ?? error.message).split("\n");
  const own = lines.filter((line) => !/^ +at /.test(line) || !isForeign(line)).join("\n");
  // For an ES module, Node does not say where the syntax error is. So the message names a command that does.
  return error instanceof SyntaxError && lines[0]?.startsWith("SyntaxError")
    ? `${own}: node --check ${shellWord(module)}`
    : own;
}

/** The folders of Countersign through which a module of the user is loaded. */
const OWN_FOLDERS = ["cli", "origin"].map((folder) => join(import.meta.dirname, "../..", folder, "/"));

function isForeign(frame: string): boolean {
  return frame.includes("node:") || OWN_FOLDERS.some((folder) => frame.includes(folder));
}

async function loadUpstream(upstream: string, settings: DispatchSettings, problems: Problems) {
  const { "upstream-ca": caFile, "upstream-unencrypted": isPlain = false } = settings;
  const origin = await problems.attempt(() => parseUpstream(upstream, caFile, isPlain));
  const loadCa = () => caFile && formatPems(readAuthorities(caFile));
  let ca = await problems.attempt(loadCa);
  const issuer = await problems.attempt(() =>
    requireOption(settings["origin-issuer"], "origin-issuer", "iss of this origin's assertions, for the upstream"),
  );
  const file = await problems.attempt(() =>
    requireOption(settings["signing-keys"], "signing-keys", "this origin's own, made by countersign keys new"),
  );
  const load = async () => await inFile(file ?? "", () => importSigningKeys(readPrivateKeySet(file ?? "")));
  let keys = file === undefined ? undefined : await problems.attempt(load);
  if (origin === undefined || issuer === undefined || file === undefined || keys === undefined) return undefined;
  const current = () => keys as SigningKeys;
  const audience = settings["upstream-audience"] ?? origin;
  const connection = caFile !== undefined || isPlain ? { fetch: fetchUpstream(() => ca || undefined) } : {};
  return {
    handler: forwardTo({ origin, issuer, audience, keys: current, ...connection }),
    keys: current,
    files: caFile === undefined ? [file] : [file, caFile],
    async reload() {
      const next = await load();
      ca = loadCa();
      keys = next;
    },
  };
}

function parseUpstream(url: string, caFile: string | undefined, isPlain: boolean): string {
  if (!isPlain) {
    const origin = parseBaseUrl("upstream", url);
    return caFile === undefined || origin.startsWith("https:")
      ? origin
      : refuse("--upstream-ca: --upstream is no https URL");
  }
  return caFile === undefined
    ? parsePrivateUrl("upstream", url)
    : refuse("--upstream-ca and --upstream-unencrypted: without TLS there is no certificate");
}

function refuseUpstreamOptions(settings: DispatchSettings): void {
  const options = [
    "upstream-audience",
    "upstream-ca",
    "upstream-unencrypted",
    "signing-keys",
    "origin-issuer",
  ] as const;
  const given = options.filter((option) => settings[option] !== undefined);
  if (given.length > 0)
    refuse(`${given.map((option) => `--${option}`).join(", ")} without --upstream has no effect: give --upstream too`);
}

async function parseLimits(settings: DispatchSettings, problems: Problems): Promise<Partial<DispatchLimits>> {
  const count = (option: TextOption, max: number) => problems.attempt(() => parseCount(settings, option, max));
  const concurrency = await count("concurrency", 1_000);
  const deadlineSeconds = await count("attempt-seconds", 3_600);
  const maxAttempts = await count("max-attempts", 1_000);
  const retrySeconds = await count("retry-seconds", 3_600);
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(deadlineSeconds !== undefined && { deadlineMilliseconds: deadlineSeconds * 1000 }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(retrySeconds !== undefined && { firstRetryMilliseconds: retrySeconds * 1000 }),
  };
}

function parseCount(settings: DispatchSettings, option: TextOption, max: number): number | undefined {
  const text = settings[option];
  return text === undefined ? undefined : parseWhole(`--${option}`, text, 1, max);
}

function refuse(message: string): never {
  throw new UsageError(message);
}
