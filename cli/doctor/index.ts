// `countersign doctor` sends the requests that senders and strangers would send to a server, and reports what is wrong.

import { existsSync } from "node:fs";
import { type Policy, type Route, selectRoute } from "../../core/policy/policy.ts";
import { Refusal, resultOf } from "../../core/refusal.ts";
import { readWranglerFile } from "../cloudflare/wrangler-file.ts";
import { type Command, parseOptions, parsePort, UsageError } from "../command.ts";
import { readCertificatesAsPem, readPair } from "../files/certificates.ts";
import { readPublicKeySet } from "../files/key-sets.ts";
import { readLogFile } from "../log/read.ts";
import { print, printJson } from "../output.ts";
import { compilePolicyFile } from "../policy/load.ts";
import { signBody } from "../send/sign.ts";
import { examineEndpoint } from "./examine.ts";
import type { CheckReport } from "./findings.ts";
import { PROBE_BODY, type Subject } from "./subject.ts";
import { formatReports } from "./text.ts";
import { checkWrangler } from "./wrangler.ts";

const OPTIONS = {
  policy: { type: "string" },
  certificate: { type: "string" },
  key: { type: "string" },
  "key-passphrase-file": { type: "string" },
  sign: { type: "string" },
  ca: { type: "string" },
  also: { type: "string", multiple: true },
  origin: { type: "string" },
  jwks: { type: "string" },
  pinned: { type: "string" },
  log: { type: "string" },
  wrangler: { type: "string" },
  env: { type: "string" },
  "http-port": { type: "string", default: "80" },
  json: { type: "boolean", default: false },
} as const;

export const command: Command = {
  help: `
countersign doctor URL [options]   report what is wrong with the endpoint that senders call

It connects to an https:// URL as senders and strangers would, and posts a small event: without a certificate, with a certificate of
an unknown CA, over plain HTTP, and for other host names. Each of these must be refused. If one is accepted, your code has handled
it as an event.

  --policy FILE        compare the CAs that the server names with the anchors of the route's senders (default: policy.json, if it exists);
                       and compare the values of its secrets that are set here, because no other secret may equal that of a handshake
  --certificate FILE   a sender's certificate, followed by its intermediates (PEM or DER); an event with it must be accepted
  --key FILE           the private key of the certificate
  --key-passphrase-file FILE  a file with the passphrase of the key, in one line
  --sign SCHEME:NAME   also sign the event with the certificate, as send does; the secret is in the variable NAME, or in the file
                       that NAME_FILE names
  --ca FILE            CA of the server's certificate (default: the public roots)
  --also URL           another address of the same Worker; it must not answer; may be repeated
  --origin URL         the origin behind the edge; it must refuse requests that no edge has signed
  --jwks URL           the URL of the edge's published keys (default: /.well-known/jwks.json of the URL's host)
  --pinned FILE        the JWK Set that the origin pins
  --log FILE           log lines of the origin, to check whether edge and origin have the same policy
  --wrangler FILE      check wrangler.toml or wrangler.jsonc for addresses without client certificates, and compare its variables,
                       bindings, secrets and routes with the policy; the URL may then be left out
  --env NAME           the environment in the file of --wrangler
  --http-port PORT     the port on which plain HTTP is tried (default 80)
  --json               print everything as JSON

The program openssl reads the handshake. Without it, the checks of the handshake are not made, and the report says so.
Exits with 0 if nothing is found, with 1 for an error, with 3 if there are only warnings.
`,
  async run(args) {
    const { values, positionals } = read(args);
    const reports = await examine(positionals, values);
    const findings = reports.flatMap((report) => report.findings);
    const hasErrors = findings.some(({ severity }) => severity === "error");
    if (values.json) printJson({ ok: findings.length === 0, url: positionals[0], checks: reports });
    else print(formatReports(reports));
    if (hasErrors) return 1;
    return findings.length > 0 ? 3 : 0;
  },
};

const DEFAULT_POLICY = "policy.json";

const read = (args: string[]) => parseOptions(args, OPTIONS, true);
type Values = ReturnType<typeof read>["values"];

/** @throws UsageError, ConfigurationError */
async function examine([text, ...rest]: readonly string[], values: Values): Promise<CheckReport[]> {
  const { wrangler, env } = values;
  if (rest.length > 0 || (text ?? wrangler) === undefined) throw new UsageError("one https:// URL is required");
  if (env !== undefined && wrangler === undefined) throw new UsageError("--env goes with --wrangler");
  const file = values.policy ?? (existsSync(DEFAULT_POLICY) ? DEFAULT_POLICY : undefined);
  const policy = file === undefined ? undefined : compilePolicyFile(file);
  const subject = text === undefined ? undefined : readSubject(text, values, policy);
  const config = wrangler === undefined ? undefined : await readWranglerFile(wrangler, env);
  return [
    ...(config === undefined ? [] : [checkWrangler(config, wrangler ?? "", policy)]),
    ...(subject === undefined ? [] : await examineEndpoint(subject)),
  ];
}

function readSubject(text: string, values: Values, policy: Policy | undefined): Subject {
  const { certificate, key, sign, ca, also = [], origin, jwks, pinned, log } = values;
  const passphraseFile = values["key-passphrase-file"];
  const url = requireUrl(text, "the URL", ["https:"]);
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError("--certificate and --key go together");
  if (sign !== undefined && certificate === undefined) throw new UsageError("--sign goes with --certificate");
  return {
    url,
    port: url.port === "" ? 443 : Number(url.port),
    serverCa: ca === undefined ? undefined : readCertificatesAsPem(ca).join(""),
    identity: certificate === undefined || key === undefined ? undefined : readPair(certificate, key, passphraseFile),
    signature: sign === undefined ? {} : signBody(sign, Buffer.from(PROBE_BODY), Math.floor(Date.now() / 1000)),
    policy,
    route: policy === undefined ? undefined : routeOf(policy, url),
    options: {
      httpPort: parsePort(values["http-port"]),
      also: also.map((one) => requireUrl(one, "--also", ["http:", "https:"]).href),
      origin: origin === undefined ? undefined : requireUrl(origin, "--origin", ["http:", "https:"]).origin,
      jwks: jwks === undefined ? undefined : requireUrl(jwks, "--jwks", ["http:", "https:"]).href,
      pinned: pinned === undefined ? undefined : readPublicKeySet(pinned),
      log: log === undefined ? undefined : { file: log, lines: readLogFile(log) },
    },
  };
}

function requireUrl(text: string, what: string, protocols: readonly string[]): URL {
  const url = URL.parse(text);
  if (url === null || !protocols.includes(url.protocol) || url.username !== "")
    throw new UsageError(`${what} ${JSON.stringify(text)} is not a URL with ${protocols.join(" or ")}`);
  return url;
}

/** Returns the route, or undefined if the policy has no route for the path. */
function routeOf(policy: Policy, { pathname, host }: URL): Route | undefined {
  const route = resultOf(() => selectRoute(policy, pathname, "POST", host));
  return route instanceof Refusal ? undefined : route;
}
