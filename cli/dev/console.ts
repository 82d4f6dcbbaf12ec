// The console of `countersign dev`. Unlike other consoles, it can send test events with the development certificates.

import { ConfigurationError } from "../../core/configuration-error.ts";
import type { TestSenders } from "../../origin/console/options.ts";
import { type ConsoleSettings, openConsole, type RunningConsole, type Shown } from "../../origin/service/console.ts";
import { readCertificatesAsPem, readPair } from "../files/certificates.ts";
import { sendEvent } from "../http-client.ts";
import { parseConsole } from "../origin/console-options.ts";
import { CLIENTS, type ClientName, type DevelopmentState } from "./state.ts";

const USUAL_PORT = 9465;

/**
 * Opens the console with the given settings. Without settings, opens it at the usual port, or at a free port if the usual port is
 * in use.
 */
export async function openDevelopmentConsole(
  given: ConsoleSettings | undefined,
  shown: Shown,
): Promise<RunningConsole> {
  if (given !== undefined) return await openConsole(given, shown);
  const usual = (await parseConsole({ console: String(USUAL_PORT) })) as ConsoleSettings;
  return await openConsole(usual, shown).catch((error: unknown) => {
    if (!(error instanceof ConfigurationError)) throw error;
    return openConsole({ ...usual, listener: { hostname: "127.0.0.1", port: 0 } }, shown);
  });
}

const ABOUT: Readonly<Record<ClientName, string>> = {
  good: "the policy admits it",
  "self-signed": "its own issuer",
  expired: "ended yesterday",
  "wrong-ca": "another CA",
  "wrong-subject": "another name",
  "server-auth": "for servers only",
};
const NO_CERTIFICATE = "no certificate";

/** Returns the test senders. Each sends over TLS to the edge, as a real sender does. */
export function developmentSenders(state: DevelopmentState, url: string): TestSenders {
  const senders = CLIENTS.map((name) => ({ name: name as string, about: ABOUT[name] }));
  return {
    senders: [...senders, { name: NO_CERTIFICATE, about: "nothing is presented" }],
    async send(name, body) {
      const client = CLIENTS.find((one) => one === name);
      const files = client && state.clients[client];
      return await sendEvent(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        serverCa: readCertificatesAsPem(state.serverCa).join(""),
        ...(files !== undefined && readPair(files.certificate, files.key)),
      });
    },
  };
}
