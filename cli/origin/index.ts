// `countersign origin` runs an origin behind the edge, behind a proxy, or with a TLS listener of its own.

import { type Command, parseHost, parsePort } from "../command.ts";
import { runEdgeOrigin } from "./behind-edge.ts";
import { PROXY_HELP, PROXY_USAGE, runProxyOrigin } from "./behind-proxy.ts";
import { parseClientCertificates } from "./client-certificates.ts";
import { CONSOLE_HELP, parseConsole } from "./console-options.ts";
import { INBOX_HELP, parseRefusals, parseRetention, parseWaitSeconds } from "./inbox-options.ts";
import {
  CRLS_HELP,
  METRICS_HELP,
  parseMetricsAddress,
  parseOriginOptions,
  parseWorkers,
  refuseOtherWays,
} from "./options.ts";
import { runTlsOrigin } from "./own-listener.ts";
import { DISPATCH_HELP } from "./target.ts";

export const command: Command = {
  help: `
countersign origin --issuer URL --audience TEXT --jwks FILE|URL [options]     behind the edge
countersign origin --tls --certificate FILE --key FILE [options]              on its own
${PROXY_USAGE}

  --policy FILE     this origin's copy of the policy (default policy.json)${INBOX_HELP}${CRLS_HELP}${METRICS_HELP}${CONSOLE_HELP}
  --host ADDRESS    default 127.0.0.1
  --port PORT       default 8080, with --tls 8443; 0 means any free port
  --workers N       number of processes on the port or socket (default 1); a process that dies, or hangs under a watchdog, is
                    replaced
  --json            print the ready line as JSON

behind the edge:
  --issuer URL      the edge's ISSUER
  --audience TEXT   the edge's AUDIENCE
  --jwks FILE|URL   the edge's public keys: pinned in a file (see keys jwks), or fetched from ISSUER/.well-known/jwks.json

on its own:
  --tls                            terminate mutual TLS
  --certificate FILE, --key FILE   the server's certificate and key, in PEM; repeat the pair for further hostnames
  --key-passphrase-file FILE       a file with the passphrase of the keys that have one, in one line
  --client-certificates [HOST=]request|require|none   the mode of all hosts; repeat it with HOST= for the mode of one host
                                   request: a refused client gets an HTTP response; require: a client without a verified
                                   certificate gets no response; none: no certificate is requested
${PROXY_HELP}${DISPATCH_HELP}
The secrets that the policy names are environment variables (NAME), files (NAME_FILE) or credentials of systemd. The password of
a database is in PGPASSWORD, in the file that PGPASSWORD_FILE names, or in PGPASSFILE. The files with the policy, secrets, keys,
certificates and CAs are loaded again on SIGHUP, and when one of them changes. If a file is broken, the old state stays in force.
Prints one JSON line per decision, and one if a sender presents a new key, issuer or intermediate. Also prints a line 30, 14, 7, 3
and 1 days before something expires, and when it has expired: see countersign policy expiring.
On SIGINT or SIGTERM, the origin answers the requests in progress, returns the events that are not handled yet to the inbox, and
ends.
`,
  async run(args) {
    const options = parseOriginOptions(args);
    const { values } = options;
    if (values["behind-proxy"] !== undefined) return await runProxyOrigin(options);
    refuseOtherWays(options, values.tls ? "tls" : "edge");
    const { policy, inbox, crls, json } = values;
    const metrics = values.metrics === undefined ? undefined : parseMetricsAddress(values.metrics);
    const retention = parseRetention(values);
    const host = parseHost(values.host);
    const waitSeconds = parseWaitSeconds(values["wait-for-store"], inbox);
    const consoleSettings = await parseConsole(values);
    const refusals = parseRefusals(values.refusals);
    const store = { inbox, anyway: values.anyway, retention, waitSeconds, refusals };
    const common = { ...store, policy, crls, host, json, metrics, console: consoleSettings, dispatch: values };
    if (!values.tls) {
      const { issuer, audience, jwks } = values;
      const port = parsePort(values.port ?? "8080");
      return await runEdgeOrigin({ ...common, port, issuer, audience, jwks, workers: parseWorkers(values.workers) });
    }
    return await runTlsOrigin({
      ...common,
      port: parsePort(values.port ?? "8443"),
      certificates: values.certificate ?? [],
      keys: values.key ?? [],
      passphraseFile: values["key-passphrase-file"],
      clientCertificates: parseClientCertificates(values["client-certificates"]),
      workers: parseWorkers(values.workers),
    });
  },
};
