// The location of an inbox: a PostgreSQL URL, or the path of a SQLite file. A text that looks like neither is refused. No message
// quotes the refused text, because it may hold a password.

import { dirname } from "node:path";
import { ConfigurationError } from "../../core/configuration-error.ts";

/** The name of the secret with the database's password. libpq uses the same name. */
export const PASSWORD_NAME = "PGPASSWORD";

export function isPostgresUrl(location: string): boolean {
  return /^postgres(ql)?:\/\//i.test(location);
}

/**
 * Matches scheme, user and password, host and port, database, and options. No part may contain `#` or `@`, and only the options may
 * contain `/` or `?`. In a password these characters must be percent-encoded. An `@` in the options is refused too, because it may
 * show that the options are the rest of a password with an unescaped `?`.
 */
const POSTGRES_URL = /^(postgres(?:ql)?:\/\/)(?:[^/@?#]*@)?([^/@?#]*)(\/[^/@?#]*)?(?:\?[^@#]*)?$/i;

/**
 * Texts that are not accepted as the path of a file, and a description of each. A file with such a name can be written as ./NAME.
 */
const NO_PATHS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^$/, "is empty"],
  [/\0/, "holds a NUL"],
  [/^\s|\s$/, "begins or ends with a blank"],
  [/^:/, "begins with a colon, which SQLite gives a meaning"],
  [/^p[a-z]*g[a-z]*:\/\//i, "has a scheme that is not spelt postgres://"],
  [/^[a-z][a-z0-9+.-]+:|:\/\//i, "is a URL of another kind"],
  [/^[a-z_]+\s*=|["'\s](?:host|hostaddr|dbname|user|password)\s*=/i, "is a list of libpq's parameters"],
  [/[?&](?:user|password|sslmode)=/i, "is a URL without its scheme"],
  [/^[^/\\]*:[^/\\]*@|^\/\/[^/]*@/, "is a URL without its scheme"],
];

/**
 * Checks that the location is a PostgreSQL URL or can be the path of a file.
 * @throws ConfigurationError; its message quotes nothing of the location, which may hold a password
 */
export function requireLocation(location: string): void {
  if (isPostgresUrl(location)) requireWellFormed(location);
  const what = isPostgresUrl(location) ? undefined : whyNoPath(location);
  if (what === undefined) return;
  throw new ConfigurationError("inbox", [
    `the inbox is the path of a file, or postgres://USER:PASSWORD@HOST:PORT/DATABASE; what is given ${what}`,
  ]);
}

function whyNoPath(location: string): string | undefined {
  return NO_PATHS.find(([pattern]) => pattern.test(location))?.[1];
}

/** Checks that it is clear where the password in the URL ends. @throws ConfigurationError; its message quotes nothing of the URL */
function requireWellFormed(location: string): void {
  try {
    if (POSTGRES_URL.test(location) && decodeURIComponent(new URL(location).password) !== undefined) return;
  } catch {}
  throw new ConfigurationError("inbox", [
    "the inbox's URL is not postgres://USER:PASSWORD@HOST:PORT/DATABASE: percent-encode / ? # @ : % in the user and the password, and # @ in the options",
  ]);
}

/**
 * Returns the location for messages: a URL without user, password and options, or a path. Returns `…` for a text that is not
 * accepted as a path, because it may hold a password.
 */
export function describeInbox(location: string): string {
  if (!isPostgresUrl(location)) return whyNoPath(location) === undefined ? location : "…";
  const [, scheme = "postgres://", host = "…", database = ""] = POSTGRES_URL.exec(location) ?? [];
  return scheme + host + database;
}

/** Returns true if the location is a URL that contains a password. */
export function hasPassword(location: string): boolean {
  if (!isPostgresUrl(location)) return false;
  const { password = "", searchParams } = URL.parse(location) ?? {};
  return password !== "" || searchParams?.has("password") === true;
}

/**
 * Returns the default folder for other files of the same origin: the folder of the inbox file. For a database, the current folder.
 */
export function folderOfInbox(location: string): string {
  return isPostgresUrl(location) ? "." : dirname(location);
}
