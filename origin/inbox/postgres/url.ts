// Reads what the URL of a PostgreSQL inbox says about TLS, in libpq's parameters. A connection that leaves this machine uses TLS,
// unless the URL or `PGSSLMODE` switches TLS off.

import { X509Certificate } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { ConfigurationError } from "../../../core/configuration-error.ts";
import { messageOf } from "../../../core/failure-chain.ts";
import { WrongContents } from "../../contents/wanted.ts";
import { readBoundedFile } from "../../node/bounded-file.ts";
import { formatKey, readKey, readPems } from "../../node/pem-files.ts";
import { readSecret, secretFile } from "../../node/secret-files.ts";
import { hasPassword, PASSWORD_NAME } from "../location.ts";

export interface PostgresAddress {
  /**
   * The URL without its TLS parameters. The driver would read them differently, and would print a warning that only programmers
   * understand.
   */
  readonly connectionString: string;
  readonly ssl: false | ConnectionOptions;
  /**
   * Returns the current password, if a file holds it. It is called for each connection, so that a replaced file needs no reload.
   */
  readonly password?: (() => string) | undefined;
  /** A notice for the operator if the connection is not protected. Undefined if there is nothing to notice. */
  readonly notice: string | undefined;
}

/**
 * The values of `sslmode`, without `no-verify`, which is handled apart. In libpq, `prefer`, `require` and `verify-ca` verify less
 * than `verify-full`. Here, every mode of this list except `disable` verifies the certificate fully.
 */
const MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
/** The largest size of a file that the URL names. It is four times the size of a bundle of all public CAs. */
const MAX_FILE_BYTES = 1024 * 1024;
/** Parameters of libpq that have no effect here. They are refused, because somebody may rely on them. */
const UNKNOWN = /^ssl(?!mode$|rootcert$|cert$|key$|negotiation$)./;

/** Reads the URL of an inbox. @throws ConfigurationError that names the faulty parameter */
export function readPostgresUrl(text: string): PostgresAddress {
  const url = new URL(text);
  const { searchParams } = url;
  const take = (name: string): string | undefined => {
    const values = searchParams.getAll(name);
    searchParams.delete(name);
    if (values.length > 1) refuse(`${name} is given twice`);
    return values[0];
  };
  const files = { ca: take("sslrootcert"), cert: take("sslcert"), key: take("sslkey") };
  const named = take("sslmode") ?? modeOfFlag(take("ssl")) ?? process.env["PGSSLMODE"];
  take("ssl");
  take("uselibpqcompat");
  const unknown = [...searchParams.keys()].find((name) => UNKNOWN.test(name));
  if (unknown !== undefined) refuse(`${unknown} is not supported: take it out of the URL`);
  const connectionString = url.href;
  const password = findPassword(text);
  const { host } = new pg.Client({ connectionString, ssl: false });
  const isNear = isThisMachine(host);
  const hasFiles = Object.values(files).some((file) => file !== undefined);
  const mode = named ?? (isNear && !hasFiles ? "disable" : "verify-full");
  if (mode === "disable") {
    const notice = isNear ? undefined : `sslmode=disable: events go to ${host} without TLS, and can be read on the way`;
    return { connectionString, password, ssl: false, notice };
  }
  if (mode === "no-verify") {
    const notice = `sslmode=no-verify: the certificate of ${host} is not verified, so anybody could take its place`;
    return { connectionString, password, ssl: { ...readFiles(files), rejectUnauthorized: false }, notice };
  }
  if (!MODES.some((known) => known === mode)) refuse(`sslmode is none of ${MODES.join(", ")}`);
  return { connectionString, password, ssl: { ...readFiles(files), rejectUnauthorized: true }, notice: undefined };
}

/**
 * Returns a function that reads the password from its file. If no file holds the password, returns undefined, and the driver finds
 * the password in its own ways. The file is read once now, so that a fault of the file stops the start.
 */
function findPassword(url: string): (() => string) | undefined {
  try {
    if (secretFile(PASSWORD_NAME) === undefined) return undefined;
    if (hasPassword(url))
      refuse(`it holds a password, and a file holds one too (${PASSWORD_NAME}): remove one of them`);
    readSecret(PASSWORD_NAME);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    return refuse(`the password ${PASSWORD_NAME}: ${messageOf(error)}`);
  }
  return () => readSecret(PASSWORD_NAME) ?? "";
}

function modeOfFlag(ssl: string | undefined): string | undefined {
  if (ssl === "true" || ssl === "1") return "verify-full";
  return ssl === "0" || ssl === "false" ? "disable" : ssl;
}

/** Returns true for a socket file or a loopback address. */
function isThisMachine(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

type Files = Readonly<Record<"ca" | "cert" | "key", string | undefined>>;

/**
 * Reads the files that the parameters name. `system` is libpq's word for the CAs of the system, which are used if no file is named.
 */
function readFiles({ ca, cert, key }: Files): ConnectionOptions {
  if ((cert === undefined) !== (key === undefined)) refuse("sslcert and sslkey go together");
  if (cert !== undefined && key !== undefined) requirePair(cert, key);
  return {
    ...(ca !== undefined && ca !== "system" && { ca: read("sslrootcert", ca, readPems).join("") }),
    ...(cert !== undefined && { cert: read("sslcert", cert, readPems).join("") }),
    ...(key !== undefined && { key: formatKey(read("sslkey", key, readKey)) }),
  };
}

function requirePair(certFile: string, keyFile: string): void {
  const [leaf = ""] = read("sslcert", certFile, readPems);
  if (new X509Certificate(leaf).checkPrivateKey(read("sslkey", keyFile, readKey))) return;
  refuse(`the key in ${keyFile} (sslkey) is not that of the certificate in ${certFile} (sslcert)`);
}

function read<T>(parameter: string, file: string, parse: (bytes: Uint8Array, file: string) => T): T {
  try {
    return parse(readBoundedFile(file, MAX_FILE_BYTES), file);
  } catch (error) {
    if (error instanceof WrongContents) return refuse(`${parameter} ${error.message}`);
    return refuse(`${parameter} ${file} cannot be read: ${messageOf(error)}`);
  }
}

function refuse(problem: string): never {
  throw new ConfigurationError("inbox", [`the inbox's URL: ${problem}`]);
}
