// Runs `countersign origin --behind-proxy`. The operator's proxy terminates mutual TLS and forwards the certificate.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { systemClock } from "../../origin/clock.ts";
import { FORWARDED_FORMATS, forwardedFormat } from "../../origin/forwarded/certificate.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import { examineProxyIdentity, type ProxyIdentity } from "../../origin/node/proxy-identity.ts";
import {
  readProxiedCertificate,
  type SocketListener,
  serveProxy,
  type TlsListener,
} from "../../origin/node/proxy-server.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { prepareSharedSocket } from "../../origin/node/socket-file.ts";
import { Problems } from "../../origin/problems.ts";
import { loadSecrets } from "../../origin/secrets.ts";
import { reportsFiles } from "../../origin/service/workers/worker.ts";
import { parseChoice } from "../arguments/values.ts";
import { parseHost, parsePort, requireOption, UsageError } from "../command.ts";
import { formatPems, readAuthorities } from "../files/certificates.ts";
import { readServerPair } from "../files/server-pair.ts";
import { complainLogLine } from "../output.ts";
import { examinePolicy } from "../policy/check/examine.ts";
import { loadPolicy } from "../policy/load.ts";
import { parseConsole } from "./console-options.ts";
import { parseRefusals, parseRetention, parseWaitSeconds } from "./inbox-options.ts";
import { type OriginOptions, parseMetricsAddress, parseWorkers, refuseOtherWays } from "./options.ts";
import { serveWay } from "./serve.ts";

type Values = OriginOptions["values"];

export const PROXY_USAGE =
  "countersign origin --behind-proxy FORMAT --socket PATH [options]              behind your own proxy";

export const PROXY_HELP = `
behind your own proxy, which terminates mutual TLS and sets the certificate's header on every request:
  --behind-proxy FORMAT       ${FORWARDED_FORMATS.join(", ")}
  --certificate-header NAME   the header with the certificate, for nginx, apache and haproxy (default ssl-client-cert); the
                              chain is in NAME-chain
  --socket PATH               listen on a Unix socket; every program that may open it counts as the proxy
  --socket-mode 0600|0660     who may open the socket: only its owner (default), or owner and group
  instead of --socket, listen on --host and --port (default 8443) with TLS:
  --certificate FILE, --key FILE   this origin's certificate and key, in PEM
  --key-passphrase-file FILE       a file with the passphrase of the key, in one line
  --proxy-ca FILE                  the CA certificates that certify the proxy, in PEM
  --proxy-subject DN               the proxy's whole subject, for example CN=proxy.example.com,O=Example
`;

/** Runs until a signal arrives. Loads the whole configuration first, so that one message lists all faults. */
export async function runProxyOrigin(options: OriginOptions): Promise<number> {
  const { values } = options;
  const first = await load(options);
  return await serveWay(
    {
      settings: { ...values, ...first.common, dispatch: values },
      files: [values.policy, values.certificate, values.key, values["key-passphrase-file"], values["proxy-ca"]]
        .flat()
        .filter((file) => file !== undefined),
      load: () => load(options),
      async prepareToShare() {
        return "socket" in first.listener ? await prepareSharedSocket(first.listener) : undefined;
      },
      async listen({ createApp, log }) {
        const app = createApp({ readCertificate: readProxiedCertificate(first.format) });
        const server = await serveProxy(app.fetch, { listener: first.listener, log });
        return { ...server, apply: ({ listener }) => server.replace(listener) };
      },
      certificates: ({ listener }) => ("certificate" in listener ? [listener.certificate] : []),
      greet: (url) =>
        `origin ready at ${url} for ${values["behind-proxy"]} alone, events in ${describeInbox(values.inbox)}`,
    },
    first,
  );
}

async function load(options: OriginOptions) {
  const { values } = options;
  const problems = new Problems();
  const way = values.socket === undefined ? "proxyTls" : "proxySocket";
  await problems.attempt(() => refuseOtherWays(options, way));
  const policy = await problems.attempt(() => loadPolicy(values.policy));
  const secrets = policy && (await problems.attempt(() => loadSecrets(policy, readSecret)));
  const format = await problems.attempt(() =>
    forwardedFormat(parseFormat(values["behind-proxy"]), values["certificate-header"]),
  );
  const metrics = await problems.attempt(() => values.metrics && parseMetricsAddress(values.metrics));
  const consoleSettings = await problems.attempt(() => parseConsole(values));
  const retention = await problems.attempt(() => parseRetention(values));
  const waitSeconds = await problems.attempt(() => parseWaitSeconds(values["wait-for-store"], values.inbox));
  const refusals = await problems.attempt(() => parseRefusals(values.refusals));
  const workers = await problems.attempt(() => parseWorkers(values.workers));
  const listener =
    values.socket === undefined
      ? await loadTlsListener(values, problems)
      : await loadSocketListener(values.socket, values, problems);
  const isComplete = policy !== undefined && secrets !== undefined && format !== undefined && listener !== undefined;
  if (
    problems.count > 0 ||
    !isComplete ||
    retention === undefined ||
    waitSeconds === undefined ||
    workers === undefined
  )
    throw problems.toError("origin");
  const common = { retention, waitSeconds, refusals, metrics: metrics || undefined, console: consoleSettings, workers };
  return { policy, secrets, format, listener, common };
}

async function loadSocketListener(
  socket: string,
  values: Values,
  problems: Problems,
): Promise<SocketListener | undefined> {
  const mode = await problems.attempt(() => parseSocketMode(values["socket-mode"]));
  return mode && { socket, mode };
}

async function loadTlsListener(values: Values, problems: Problems): Promise<TlsListener | undefined> {
  const file = (option: "certificate" | "key" | "proxy-ca", meaning: string) =>
    problems.attempt(() => requireOption(only(option, values[option]), option, meaning));
  const certificate = await file("certificate", "this origin's own, unless --socket is given");
  const key = await file("key", "of --certificate");
  const caFile = await file("proxy-ca", "who certifies the proxy");
  const ca = caFile && (await problems.attempt(() => formatPems(readAuthorities(caFile))));
  const subject = await problems.attempt(() =>
    requireOption(values["proxy-subject"], "proxy-subject", "the proxy's whole subject"),
  );
  await problems.attempt(() => requireProxy({ ca, subject }));
  const port = await problems.attempt(() => parsePort(values.port ?? "8443"));
  const pair =
    certificate && key
      ? await problems.attempt(() => readServerPair(certificate, key, values["key-passphrase-file"]))
      : undefined;
  return port === undefined || ca === undefined || subject === undefined || pair === undefined
    ? undefined
    : { hostname: parseHost(values.host), port, certificate: pair.certificate, key: pair.key, proxy: { ca, subject } };
}

/**
 * Checks the CA and the subject of the proxy. If one of them could not be read, the other is still checked, so that one message
 * lists all problems.
 * @throws ConfigurationError
 */
function requireProxy(identity: { readonly [part in keyof ProxyIdentity]: ProxyIdentity[part] | undefined }): void {
  const { ca, subject } = identity;
  const parts = { ...(ca !== undefined && { ca }), ...(subject !== undefined && { subject }) };
  const { problems, warnings } = examineProxyIdentity(parts, systemClock(), examinePolicy);
  if (problems.length > 0) throw new ConfigurationError("proxy", problems);
  if (!reportsFiles()) return;
  for (const problem of warnings) complainLogLine({ decision: "warning", code: "proxy_ca", problem });
}

/** Returns the only value of an option. This origin shows the proxy only one certificate, so several values are refused. */
function only(option: string, values: string | readonly string[] | undefined): string | undefined {
  if (values === undefined || typeof values === "string") return values;
  if (values.length > 1) throw new UsageError(`--${option} is given ${values.length} times, but may be given once`);
  return values[0];
}

function parseFormat(text: string | undefined): string {
  return parseChoice("--behind-proxy", requireOption(text, "behind-proxy", "a format"), FORWARDED_FORMATS);
}

function parseSocketMode(text = "0600"): SocketListener["mode"] {
  return parseChoice("--socket-mode", text, ["0600", "0660"]) === "0600" ? 0o600 : 0o660;
}
