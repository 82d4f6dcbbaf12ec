// `countersign dev` runs the whole system on this machine until the command is stopped.

import { resolve } from "node:path";
import { loadOptional } from "../../origin/optional-package.ts";
import { untilSignal } from "../../origin/service/signals.ts";
import { parseBaseUrl } from "../arguments/base-url.ts";
import { type Command, parseOptions, parsePort, UsageError } from "../command.ts";
import { formatDecision } from "../log/text.ts";
import { CONSOLE_OPTIONS, parseConsole } from "../origin/console-options.ts";
import { print, printLogLine } from "../output.ts";
import type { Development } from "./system.ts";

export const command: Command = {
  help: `
countersign dev [options]

  --port PORT         the port of the HTTPS front on localhost (default 8443; 0 means any free port)
  --policy FILE       default: a policy for the development client certificates
  --client-ca FILE    another CA that the front names to clients; may be repeated
  --origin URL        use this origin instead of starting one
  --console [HOST:]PORT|unix:PATH  where the console listens: pages that show the stored events (default 9465, or any free port if
                      9465 is in use)
  --handler MODULE    pass the events that the origin stores to this module: see countersign origin --help
  --state DIR         certificates, keys, policy and inbox of the local run (default .countersign)
  --json              print one JSON line when ready, then one JSON line per decision

The front requests a client certificate and lets every handshake complete. The worker decides, as on Cloudflare.
`,
  async run(args) {
    const { values } = parseOptions(args, {
      port: { type: "string", default: "8443" },
      policy: { type: "string" },
      "client-ca": { type: "string", multiple: true },
      origin: { type: "string" },
      handler: { type: "string" },
      ...CONSOLE_OPTIONS,
      state: { type: "string", default: ".countersign" },
      json: { type: "boolean", default: false },
    });
    if (values.handler !== undefined && values.origin !== undefined)
      throw new UsageError("--handler has no effect with --origin, because no origin is started here");
    if (values.console !== undefined && values.origin !== undefined)
      throw new UsageError("--console has no effect with --origin, because no origin is started here");
    const consoleSettings = await parseConsole(values);
    const originUrl = values.origin === undefined ? undefined : parseBaseUrl("origin", values.origin);
    const { describe, startDevelopment } = await loadDevelopment();
    const stopped = untilSignal();
    const development = await startDevelopment({
      port: parsePort(values.port),
      directory: resolve(values.state),
      policyFile: values.policy === undefined ? undefined : resolve(values.policy),
      clientCaFiles: values["client-ca"] ?? [],
      originUrl,
      handlerFile: values.handler,
      console: consoleSettings,
      onDecision: (source, line) =>
        values.json ? printLogLine({ source, ...line }) : print(formatDecision(source, line, new Date())),
    });
    print(values.json ? [readyLine(development)] : ["ready", ...describe(development)]);
    development.handOut();
    await stopped;
    await development.close();
    return 0;
  },
};

/**
 * Loads the modules of `countersign dev` only when they are needed. This is because workerd and the certificate library are
 * missing if only production packages are installed.
 */
async function loadDevelopment() {
  const packages = ["wrangler", "@peculiar/x509", "reflect-metadata"];
  return await loadOptional("dev", packages, () => import("./system.ts"));
}

function readyLine({ edge, origin, jwks, audience, policyFile, state, console: shown }: Development): string {
  return JSON.stringify({
    edge,
    origin,
    console: shown,
    jwks,
    issuer: edge,
    audience,
    policy: policyFile,
    serverCa: state.serverCa,
    clientCa: state.clientCa,
    clients: state.clients,
  });
}
