// Runs the whole system on this machine: TLS front, edge worker in workerd, origin with its inbox.

import { join } from "node:path";
import type { TestHarness } from "wrangler";
import { secretNames } from "../../core/admission/secrets.ts";
import type { LogLine } from "../../core/log-line.ts";
import { hostsOf, type Policy } from "../../core/policy/policy.ts";
import { formatPem } from "../../core/x509/certificate.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { loadSecrets } from "../../origin/secrets.ts";
import type { ConsoleSettings } from "../../origin/service/console.ts";
import { openLog } from "../../origin/service/observations.ts";
import { requireTarget } from "../../origin/service/target.ts";
import { compileEdgePolicy } from "../../worker/configuration.ts";
import { readCertificatesAsPem, readPair } from "../files/certificates.ts";
import { readPrivateKeySet } from "../files/key-sets.ts";
import { readLogFile } from "../log/read.ts";
import { loadTarget } from "../origin/target.ts";
import { complain, type Line } from "../output.ts";
import { loadPolicy } from "../policy/load.ts";
import { tabulate } from "../table.ts";
import { forwardEdgeLog, startLocalEdge } from "./local-edge.ts";
import { AUDIENCE, type Stop, startDevelopmentOrigin } from "./origin.ts";
import { DevelopmentRefusals } from "./refusals.ts";
import { CLIENTS, DEVELOPMENT_ROUTE, type DevelopmentState, openDevelopmentState } from "./state.ts";
import { startTlsFront } from "./tls-front.ts";

export interface DevelopmentOptions {
  readonly port: number;
  readonly directory: string;
  /** Default: the policy of the development state. */
  readonly policyFile?: string | undefined;
  /** Further CA certificates (PEM files) to name to clients in the handshake. */
  readonly clientCaFiles?: readonly string[];
  /** URL of an origin to use. If it is given, no origin is started. */
  readonly originUrl?: string | undefined;
  /**
   * The settings of the console. If undefined, the console listens on loopback, at the usual port if that port is free. With
   * `originUrl` there is no console.
   */
  readonly console?: ConsoleSettings | undefined;
  /** A module that handles the events of the origin that is started here. */
  readonly handlerFile?: string | undefined;
  readonly onDecision: (source: "edge" | "origin", line: LogLine) => void;
  /** Receives each request before the origin does, so that a demonstration can replay a request. */
  readonly onOriginRequest?: (request: Request) => void;
}

export interface Development {
  readonly edge: string;
  readonly origin: string;
  /** The URL of the console. Undefined if `originUrl` was given, because the inbox of that origin is not open here. */
  readonly console: string | undefined;
  readonly audience: string;
  readonly jwks: string;
  readonly policyFile: string;
  readonly state: DevelopmentState;
  /** Begins to hand stored events to the handler. Call it after the ready line, because each attempt prints a line. */
  handOut(): void;
  close(): Promise<void>;
}

/** Starts everything, except the dispatch of stored events. If a part fails, the parts that were started before are stopped. */
export async function startDevelopment(options: DevelopmentOptions): Promise<Development> {
  const started: Stop[] = [];
  const close = async () => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    return { ...(await start(options, started)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: DevelopmentOptions, started: Stop[]): Promise<Omit<Development, "close">> {
  const state = await openDevelopmentState(options.directory);
  const policyFile = options.policyFile ?? state.policy;
  // The policy is compiled here before the build of the edge compiles it, because the error message of loadPolicy() is better.
  const policy = loadPolicy(policyFile, compileEdgePolicy);
  const secrets = loadSecrets(policy, readSecret);
  const keySet = readPrivateKeySet(state.keys);
  const target = await loadTarget({ handler: options.handlerFile });
  if (options.originUrl === undefined) requireTarget(policy, target);

  const refusals = new DevelopmentRefusals();
  const logEdge = refusals.loggingEdge((line) => options.onDecision("edge", line));
  const edge = Promise.withResolvers<TestHarness>();
  // If the start fails early, nothing waits for this promise yet. Without this line, Node would report its rejection in addition
  // to the error of start().
  edge.promise.catch(() => undefined);
  const front = await startTlsFront({
    port: options.port,
    ...readPair(state.serverCertificate, state.serverKey),
    clientCas: clientCasOf(policy, state, options.clientCaFiles ?? []),
    edge: edge.promise,
    log: logEdge,
    onPresented: refusals.notePresented,
  });
  started.push(() => front.close());
  // A URL object leaves out the port 443, as the Host header of a client does.
  const urlOf = (host: string) => new URL(`https://${host}:${front.port}`);
  const issuer = urlOf("localhost").origin;
  const parts = { ...options, state, policy, policyFile, secrets, target, refusals, issuer, keySet, started };
  const own = options.originUrl === undefined ? await startDevelopmentOrigin(parts) : undefined;
  const origin = options.originUrl ?? own?.url ?? "";
  const harness = await startLocalEdge({
    policyFile,
    vars: {
      HOSTS: [urlOf("localhost").host, urlOf("127.0.0.1").host, ...hostsOf(policy)],
      ISSUER: issuer,
      AUDIENCE,
      ORIGIN_URL: origin,
    },
    secrets: { SIGNING_KEYS: JSON.stringify(keySet), ...readSecretTexts(policy) },
    report: (text) => complain(`edge: ${text}`),
  });
  started.push(() => harness.close());
  const needsCron = policy.crlSources.length > 0 || policy.routes.some(({ isQueued }) => isQueued);
  if (needsCron) started.push(await runCronTrigger(harness));
  started.push(forwardEdgeLog(harness, openLog(join(state.directory, "inbox.sqlite"), logEdge, readLogFile)));
  edge.resolve(harness);
  const jwks = `${issuer}/.well-known/jwks.json`;
  const handOut = () => own?.handOut();
  return { edge: issuer, origin, console: own?.console, audience: AUDIENCE, jwks, policyFile, state, handOut };
}

/** Returns the secrets that the policy names, as bindings of the worker. loadSecrets() has checked that all of them exist. */
function readSecretTexts(policy: Policy): Record<string, string> {
  return Object.fromEntries(secretNames(policy).map((name) => [name, readSecret(name) ?? ""]));
}

const CRON_MILLISECONDS = 60_000;

/** Runs the worker's cron trigger once, and then again every minute. Returns a function that stops it. */
async function runCronTrigger(harness: TestHarness): Promise<() => void> {
  const trigger = () => harness.getWorker().scheduled({ cron: "* * * * *" });
  await trigger();
  const timer = setInterval(() => void trigger().catch(() => undefined), CRON_MILLISECONDS);
  return () => clearInterval(timer);
}

/** Returns the CA of the development clients, the policy's anchors, and the CAs that the user gave. */
function clientCasOf(policy: Policy, state: DevelopmentState, files: readonly string[]): string[] {
  const anchors = policy.anchors.map(({ certificate }) => formatPem(certificate.base64));
  return [...anchors, ...[state.clientCa, ...files].flatMap(readCertificatesAsPem)];
}

/**
 * Returns the addresses of all parts, the values that a separate origin of the user needs, and commands to copy. Commands with the
 * development certificates are shown only for the development policy, because the certificates are made for this policy.
 */
export function describe({ edge, origin, console: shown, jwks, audience, policyFile, state }: Development): Line[] {
  const curl = (client: string) => {
    const { certificate, key } = state.clients[client as (typeof CLIENTS)[number]];
    return `  curl --cacert ${state.serverCa} --cert ${certificate} --key ${key} --json '{"event":"hello"}' ${edge}${DEVELOPMENT_ROUTE}`;
  };
  return [
    ...tabulate([
      ["  edge", edge],
      ["  origin", origin],
      ...(shown === undefined ? [] : [["  console", shown]]),
      ["  keys", jwks],
      ["  issuer", edge],
      ["  audience", audience],
      ["  policy", policyFile],
    ]),
    "",
    ...(policyFile === state.policy
      ? [
          "accepted:",
          curl("good"),
          "refused:",
          ...CLIENTS.filter((client) => client !== "good").map(curl),
          `  curl --cacert ${state.serverCa} --json '{"event":"hello"}' ${edge}${DEVELOPMENT_ROUTE}`,
        ]
      : [
          "an event of a sender of this policy:",
          `  countersign send ${edge}/PATH --ca ${state.serverCa} --certificate FILE --key FILE`,
        ]),
  ];
}
