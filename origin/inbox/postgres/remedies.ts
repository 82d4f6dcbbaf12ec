// The remedies for errors of PostgreSQL and of its driver. A remedy is found by the code and the message of the error.

/**
 * A pattern for the code or the message of an error, and the remedy. `instead` replaces a message that only programmers understand.
 */
const REMEDIES: readonly (readonly [pattern: RegExp, remedy: string, instead?: string])[] = [
  [/^ECONNREFUSED/, "start the database server, or correct host and port"],
  [/^(?:ENOTFOUND|EAI_AGAIN)/, "correct the host name, or look at DNS"],
  [/^ENOENT/, "the server makes this socket when it is started: start it, or correct the folder"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID/,
    "name the host as that certificate does",
    "the server's certificate is for other hosts",
  ],
  [/^CERT_HAS_EXPIRED/, "renew the certificate of the database server"],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF|GET_ISSUER)/,
    "its certificate is from a CA that is not known here: add sslrootcert=FILE to the URL, with the certificate of that CA in PEM",
  ],
  [
    /does not support SSL/,
    "add sslmode=disable to the URL if nobody else can reach the network in between, or enable TLS on the server",
  ],
  [/no encryption$|SSL off$/, "the server asks for TLS: add sslmode=verify-full to the URL"],
  [
    /unsupported startup parameter|statement pooling/,
    "a pooler answers: give a direct address, or a pool in transaction or session mode, and no options in the URL",
  ],
  [
    /^28P01/,
    "correct the user in the URL, or the password in it, in PGPASSWORD, or in the file that PGPASSWORD_FILE names",
  ],
  [
    /client password must be a string/,
    "write it to a file, and name that in PGPASSWORD_FILE",
    "the server asks for a password, and none is given",
  ],
  [/^28000/, "have this user let in: a role with LOGIN, and a line in the server's pg_hba.conf"],
  [/^3D000/, "correct the name, or make it: createdb NAME"],
  [/^42501/, "let the user make a schema there: GRANT CREATE ON DATABASE NAME TO USER"],
  [/^53300/, "raise max_connections of the server, or run fewer programs on it"],
  [/^57P0[1-3]/, "the server starts or ends: try again"],
  [/Connection terminated unexpectedly/, "what listens there ended the connection: is it PostgreSQL?"],
  [
    /^timeout expired|Connection terminated due to connection timeout/,
    "nobody answers there: correct the host, or look at firewalls",
  ],
];

/** Returns the message with a remedy, if one is known. */
export function withRemedy(code: string | undefined, message: string): string {
  const texts = [code ?? "", message];
  const [, remedy, instead = message] = REMEDIES.find(([pattern]) => texts.some((text) => pattern.test(text))) ?? [];
  return remedy === undefined ? message : `${instead}: ${remedy}`;
}
