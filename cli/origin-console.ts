// The console of `countersign origin` and `countersign dev`: where it listens, who may see it, and what it shows.

import { importBasicCredential, verifyBasic } from "../core/basic.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import type { LogLine } from "../core/decision.ts";
import { messageOf } from "../core/failure-chain.ts";
import type { Policy } from "../core/policy.ts";
import { refusalOf } from "../core/refusal.ts";
import type { ConsoleOptions, ConsoleRole, ConsoleVisitor, TestSenders } from "../origin/console/options.ts";
import { describeInbox } from "../origin/inbox/location.ts";
import type { Inbox } from "../origin/inbox.ts";
import type { ConsoleListener, ConsoleServer } from "../origin/node/console-server.ts";
import { readSecret } from "../origin/node/secret-files.ts";
import { UsageError } from "./command.ts";
import { Problems, problemsOf } from "./problems.ts";
import { readServerPair } from "./server-pair.ts";
import { watchFiles } from "./watch-files.ts";

export const CONSOLE_OPTIONS = {
  console: { type: "string" },
  "console-certificate": { type: "string" },
  "console-key": { type: "string" },
  "console-host": { type: "string", multiple: true },
} as const;

export const CONSOLE_HELP = `
  --console [HOST:]PORT|unix:PATH  serve pages that show what is stored, and why: docs/console.md (off unless given; HOST is
                    127.0.0.1 unless given, and another one needs TLS)
  --console-certificate FILE, --console-key FILE   of the console's own TLS listener, in PEM
  --console-host NAME      a further host of the console's URL, of a proxy in front; may be repeated
                    The passwords of the users operator and reader are the secrets CONSOLE_OPERATOR_PASSWORD and
                    CONSOLE_READER_PASSWORD. A reader changes nothing. On loopback without either, everybody is operator`;

/** The secret with the password of each user, whose name is the role. */
const PASSWORDS: Readonly<Record<ConsoleRole, string>> = {
  operator: "CONSOLE_OPERATOR_PASSWORD",
  reader: "CONSOLE_READER_PASSWORD",
};
export const CONSOLE_SECRETS: readonly string[] = Object.values(PASSWORDS);
/** Nothing limits how often a stranger may guess. */
const MIN_PASSWORD_CHARACTERS = 16;

interface Values {
  readonly console?: string | undefined;
  readonly "console-certificate"?: string | undefined;
  readonly "console-key"?: string | undefined;
  readonly "console-host"?: readonly string[] | undefined;
}

export interface ConsoleSettings {
  readonly listener: ConsoleListener;
  /** Of the TLS listener: read again when they change. */
  readonly files: readonly [certificate: string, key: string] | undefined;
  readonly hosts: readonly string[];
  /** Whether a visitor needs a password. */
  readonly isClosed: boolean;
}

/** Undefined if no console is asked for. @throws ConfigurationError that lists every problem */
export async function parseConsole(values: Values): Promise<ConsoleSettings | undefined> {
  const { console: place, "console-host": hosts = [] } = values;
  const problems = new Problems();
  const address = place === undefined ? undefined : await problems.attempt(() => parsePlace(place));
  if (place === undefined) await problems.attempt(() => refuseWithoutConsole(values));
  for (const host of hosts) await problems.attempt(() => requireHostName(host));
  const files = await problems.attempt(() => filesOf(values));
  const pair = files && (await problems.attempt(() => readServerPair(...files)));
  const passwords = place === undefined ? 0 : await countPasswords(problems);
  if (address !== undefined)
    await problems.attempt(() => requireProtected(address, { hasTls: files !== undefined, passwords }));
  if (problems.count > 0) throw problems.toError("console");
  if (address === undefined) return undefined;
  const listener =
    pair === undefined ? address : { ...(address as { hostname: string; port: number }), ...onlyPem(pair) };
  return { listener, files, hosts, isClosed: passwords > 0 };
}

function parsePlace(text: string): { readonly socket: string } | { readonly hostname: string; readonly port: number } {
  if (text.startsWith("unix:")) {
    if (text === "unix:") throw new UsageError("--console unix: names no path");
    return { socket: text.slice("unix:".length) };
  }
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new UsageError(`--console ${text} is not HOST:PORT, PORT or unix:PATH`);
  return { hostname: bracketed ?? plain ?? "127.0.0.1", port: Number(port) };
}

function refuseWithoutConsole(values: Values): void {
  const given = Object.keys(CONSOLE_OPTIONS).filter((name) => values[name as keyof Values] !== undefined);
  if (given.length > 0)
    throw new UsageError(
      `${given.map((name) => `--${name}`).join(", ")} ${given.length === 1 ? "has" : "have"} no effect without --console`,
    );
}

function requireHostName(host: string): void {
  if (!/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i.test(host))
    throw new UsageError(`--console-host ${host} is no host name: without scheme and port`);
}

function filesOf(values: Values): ConsoleSettings["files"] {
  const { "console-certificate": certificate, "console-key": key } = values;
  if (certificate !== undefined && key !== undefined) return [certificate, key];
  if (certificate !== undefined || key !== undefined)
    throw new UsageError("--console-certificate needs its --console-key, and the other way round");
  return undefined;
}

function onlyPem({ certificate, key }: { readonly certificate: string; readonly key: string }) {
  return { certificate, key };
}

async function countPasswords(problems: Problems): Promise<number> {
  let passwords = 0;
  for (const name of CONSOLE_SECRETS) {
    const password = await problems.attempt(() => readPassword(name));
    if (password !== undefined) passwords += 1;
  }
  return passwords;
}

function readPassword(name: string): string | undefined {
  let password: string | undefined;
  try {
    password = readSecret(name);
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`);
  }
  if (password !== undefined && password.length < MIN_PASSWORD_CHARACTERS)
    throw new UsageError(
      `${name} is shorter than ${MIN_PASSWORD_CHARACTERS} characters, and nothing limits how often it may be guessed`,
    );
  return password;
}

/** @throws UsageError if somebody beyond this machine could read what senders sent */
function requireProtected(
  address: ReturnType<typeof parsePlace>,
  { hasTls, passwords }: { readonly hasTls: boolean; readonly passwords: number },
): void {
  const isSocket = "socket" in address;
  const isLocal = !isSocket && isLoopbackName(address.hostname);
  const problems = [
    ...(isSocket && hasTls ? ["--console-certificate has no effect on a socket"] : []),
    ...(isSocket || isLocal || hasTls
      ? []
      : [`--console beyond loopback (${address.hostname}) needs TLS: --console-certificate and --console-key`]),
    ...(isLocal || passwords > 0
      ? []
      : [
          `--console beyond loopback needs a password: the secret ${CONSOLE_SECRETS.join(" or ")}, or its name with _FILE`,
        ]),
  ];
  if (problems.length > 0) throw new ConfigurationError("console", problems);
}

function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** What a console shows. */
export interface Shown {
  readonly inbox: Inbox;
  readonly policy: () => Policy;
  readonly log: (line: LogLine) => void;
  /** As they stand on the command line. */
  readonly location: string;
  readonly policyFile: string;
  readonly tests?: TestSenders;
}

export interface RunningConsole {
  readonly url: string;
  close(): Promise<void>;
}

/** The places of an origin, for the commands that its console shows. */
export function placesOf({ inbox, policy }: { readonly inbox: string; readonly policy: string }) {
  return { location: inbox, policyFile: policy };
}

/** @throws UsageError if it cannot listen there */
export async function openConsole(settings: ConsoleSettings, shown: Shown): Promise<RunningConsole> {
  // Loaded when it is needed: most starts have no console.
  const { createConsoleOf } = await import("../origin/console/console.ts");
  const { hostsOf, serveConsole } = await import("../origin/node/console-server.ts");
  const { listener, files, isClosed } = settings;
  const end = new AbortController();
  const options: ConsoleOptions = {
    inbox: shown.inbox,
    policy: shown.policy,
    log: (line) => shown.log({ ...line, listener: "console" }),
    hosts: (host) => hostsOf(server?.listener() ?? listener, settings.hosts)(host),
    visitor: isClosed ? findVisitor : () => ({ role: "operator", name: "local" }),
    signal: end.signal,
    places: { inbox: describeInbox(shown.location), policy: shown.policyFile },
  };
  const challenge = isClosed ? { challenge: 'Basic realm="Countersign console", charset="UTF-8"' } : {};
  const app = createConsoleOf(options, { ...challenge, tests: shown.tests });
  let server: ConsoleServer | undefined;
  server = await serveConsole(app.fetch, { listener, log: shown.log }).catch(refuseAddress);
  const stopWatching = files === undefined ? () => {} : watchPair(files, server, shown.log);
  return {
    url: server.url,
    async close() {
      stopWatching();
      end.abort();
      await server?.close();
    },
  };
}

function refuseAddress(error: unknown): never {
  throw new UsageError(`--console: ${problemsOf(error).join("; ")}`);
}

/** The passwords are read for each request, so that a file may be replaced. */
function findVisitor(request: Request): ConsoleVisitor | undefined {
  const authorization = request.headers.get("authorization");
  const roles = Object.keys(PASSWORDS) as ConsoleRole[];
  const known = roles.filter((role) => {
    const password = readPassword(PASSWORDS[role]);
    if (password === undefined) return false;
    return refusalOf(() => verifyBasic([importBasicCredential(role, password)], authorization)) === undefined;
  });
  const [role] = known;
  return role && { role, name: role };
}

function watchPair(files: readonly [string, string], server: ConsoleServer, log: (line: LogLine) => void): () => void {
  return watchFiles(
    () => files,
    () => {
      try {
        server.replace(onlyPem(readServerPair(...files)));
      } catch (error) {
        const why = "the console's certificate in force stays in force";
        log({ decision: "failed", code: "reload_refused", why, problems: problemsOf(error) });
      }
    },
  );
}
