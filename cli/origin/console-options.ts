// The options of the console: its address, and the passwords of its users.

import { importBasicCredential } from "../../core/admission/basic.ts";
import type { Credential } from "../../core/admission/credential.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import type { ConsoleRole } from "../../origin/console/options.ts";
import type { ConsolePair } from "../../origin/node/console-server.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { Problems } from "../../origin/problems.ts";
import {
  CONSOLE_PASSWORDS,
  CONSOLE_ROLES,
  CONSOLE_SECRETS,
  type ConsoleSettings,
} from "../../origin/service/console.ts";
import { parseAddress } from "../arguments/values.ts";
import { UsageError } from "../command.ts";
import { readServerPair } from "../files/server-pair.ts";

export const CONSOLE_OPTIONS = {
  console: { type: "string" },
  "console-certificate": { type: "string" },
  "console-key": { type: "string" },
  "console-host": { type: "string", multiple: true },
} as const;

export const CONSOLE_HELP = `
  --console [HOST:]PORT|unix:PATH  serve pages that show the stored events and the reasons for their states, see docs/console.md
                    (default: no console; default HOST: 127.0.0.1; a HOST beyond loopback needs TLS)
  --console-certificate FILE, --console-key FILE   certificate and key of the console's own TLS listener, in PEM
  --console-host NAME      another host in the console's URL, for a proxy in front of the console; may be repeated
                    The passwords of the users operator and reader are the secrets CONSOLE_OPERATOR_PASSWORD and
                    CONSOLE_READER_PASSWORD. A reader cannot change anything. If neither is set, which is allowed only on
                    loopback, everybody is operator`;

/** A password must be long, because nothing limits the number of guesses. */
const MIN_PASSWORD_CHARACTERS = 16;

interface Values {
  readonly console?: string | undefined;
  readonly "console-certificate"?: string | undefined;
  readonly "console-key"?: string | undefined;
  readonly "console-host"?: readonly string[] | undefined;
}

/** Returns undefined if no console is requested. @throws ConfigurationError that lists every problem */
export async function parseConsole(values: Values): Promise<ConsoleSettings | undefined> {
  const { console: place, "console-host": hosts = [] } = values;
  const problems = new Problems();
  const address = place === undefined ? undefined : await problems.attempt(() => parsePlace(place));
  if (place === undefined) await problems.attempt(() => refuseWithoutConsole(values));
  for (const host of hosts) await problems.attempt(() => requireHostName(host));
  const files = await problems.attempt(() => filesOf(values));
  const pair = files && { files, read: () => onlyPem(readServerPair(...files)) };
  const first = pair && (await problems.attempt(pair.read));
  const passwords = place === undefined ? 0 : await countPasswords(problems);
  if (address !== undefined)
    await problems.attempt(() => requireProtected(address, { hasTls: files !== undefined, passwords }));
  if (problems.count > 0) throw problems.toError("console");
  if (address === undefined) return undefined;
  const listener = first === undefined ? address : { ...(address as { hostname: string; port: number }), ...first };
  return { listener, pair, hosts, readCredential: passwords > 0 ? readCredential : undefined };
}

function parsePlace(text: string): { readonly socket: string } | { readonly hostname: string; readonly port: number } {
  if (text.startsWith("unix:")) {
    if (text === "unix:") throw new UsageError("--console unix: names no path");
    return { socket: text.slice("unix:".length) };
  }
  const address = parseAddress(text);
  if (address === undefined) throw new UsageError(`--console ${text} is not HOST:PORT, PORT or unix:PATH`);
  return address;
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
    throw new UsageError(`--console-host ${host} is not a host name: write it without scheme and port`);
}

function filesOf(values: Values): readonly [certificate: string, key: string] | undefined {
  const { "console-certificate": certificate, "console-key": key } = values;
  if (certificate !== undefined && key !== undefined) return [certificate, key];
  if (certificate !== undefined || key !== undefined)
    throw new UsageError("--console-certificate and --console-key go together");
  return undefined;
}

/** Returns the PEM texts without the other members of the pair. */
function onlyPem({ certificate, key }: ConsolePair): ConsolePair {
  return { certificate, key };
}

async function countPasswords(problems: Problems): Promise<number> {
  let passwords = 0;
  for (const role of CONSOLE_ROLES) {
    const credential = await problems.attempt(() => readCredential(role));
    if (credential !== undefined) passwords += 1;
  }
  return passwords;
}

/**
 * Returns the credential of a role, from the current value of its secret. Undefined if the secret is not set.
 * @throws UsageError that does not quote the secret
 */
function readCredential(role: ConsoleRole): Credential | undefined {
  const name = CONSOLE_PASSWORDS[role];
  try {
    const password = readSecret(name);
    const credential = password === undefined ? undefined : importBasicCredential(role, password);
    if (password === undefined || password.length >= MIN_PASSWORD_CHARACTERS) return credential;
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`);
  }
  throw new UsageError(
    `${name} is shorter than ${MIN_PASSWORD_CHARACTERS} characters, and nothing limits the number of guesses`,
  );
}

/**
 * Requires a password for a console beyond loopback. If such a console listens on a TCP port, also requires TLS.
 * @throws ConfigurationError if the password or TLS is missing
 */
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
