// countersign origin --tls: the origin terminates mutual TLS itself, reloads without dropping connections, and may
// run as several processes on one port.

import type { Secrets } from "../core/candidate.ts";
import { formatLogLine, type LogLine } from "../core/decision.ts";
import type { Policy } from "../core/policy.ts";
import { loadSecrets } from "../core/secrets.ts";
import { createOriginApp } from "../origin/app.ts";
import type { CrlStore } from "../origin/crl-store.ts";
import { openSqliteInbox } from "../origin/inbox/sqlite.ts";
import { anchorsInUse, createTlsState, type TlsHostFiles, type TlsState } from "../origin/node/tls-hosts.ts";
import { listenTls } from "../origin/node/tls-listener.ts";
import { crossCheckTlsPeer, readTlsPeer } from "../origin/node/tls-peer.ts";
import { UsageError, untilSignal } from "./command.ts";
import { readEnvironment, readText } from "./files.ts";
import { openCrls } from "./origin-crls.ts";
import { loadPolicy } from "./policy-file.ts";
import { Problems, problemsOf } from "./problems.ts";
import { watchFiles } from "./watch-files.ts";
import { announceReady, runWorkers } from "./workers.ts";

export interface TlsOriginSettings {
  readonly policy: string;
  readonly inbox: string;
  readonly crls: string | undefined;
  readonly host: string;
  readonly port: number;
  /** PEM files in pairs: the first certificate goes with the first key. */
  readonly certificates: readonly string[];
  readonly keys: readonly string[];
  readonly clientCertificates: "request" | "require";
  readonly workers: number;
  readonly json: boolean;
}

interface Loaded {
  readonly policy: Policy;
  readonly secrets: Secrets;
  readonly tls: TlsState;
}

/** What requests are judged by, replaced as a whole. */
type InForce = Loaded & { readonly crls: CrlStore };

/** Runs until a signal. The configuration is loaded first, so that a fault stops the start, in one message. */
export async function runTlsOrigin(settings: TlsOriginSettings): Promise<number> {
  if (settings.certificates.length !== settings.keys.length)
    throw new UsageError("each --certificate needs its --key, in the same order");
  const loaded = await load(settings);
  if (settings.workers > 1)
    return runWorkers(
      settings.workers,
      (url) => ready(settings, url),
      () => serveTls(settings, loaded),
    );
  return serveTls(settings, loaded);
}

async function serveTls(settings: TlsOriginSettings, first: Loaded): Promise<number> {
  // From now on: whoever reads the ready line may send a signal at once, and one that comes before it must not be lost.
  const stopped = untilSignal();
  const log = (line: LogLine) => console.log(formatLogLine(line));
  const inbox = openSqliteInbox(settings.inbox);
  let current: InForce = { ...first, crls: await openCrls(first.policy, settings) };
  const app = createOriginApp({
    get policy() {
      return current.policy;
    },
    get secrets() {
      return current.secrets;
    },
    accept: inbox.accept,
    lists: () => current.crls.lists(),
    readCertificate: (_, environment) => readTlsPeer(environment),
    crossCheck: crossCheckTlsPeer,
    log,
  });
  const { host: hostname, port, clientCertificates } = settings;
  const server = await listenTls(app.fetch, { hostname, port, clientCertificates, state: () => current.tls, log });
  const stopWatching = watchFiles([settings.policy, ...settings.certificates, ...settings.keys], async () => {
    current = await reload(settings, current, log);
  });
  announceReady(server.url, (url) => ready(settings, url));
  await stopped;
  await server.close();
  // Last: without it a SIGHUP during the stop would end the process before its answers.
  stopWatching();
  current.crls.close();
  inbox.close();
  return 0;
}

/** A broken new file keeps the old state and says so. */
async function reload(settings: TlsOriginSettings, current: InForce, log: (line: LogLine) => void): Promise<InForce> {
  try {
    const loaded = await load(settings);
    const crls = await openCrls(loaded.policy, settings);
    current.crls.close();
    log({
      decision: "reloaded",
      policy: loaded.policy.digest,
      hosts: [...loaded.tls.hosts.keys()],
      anchors: loaded.tls.anchors,
    });
    return { ...loaded, crls };
  } catch (error) {
    log({
      decision: "failed",
      code: "reload_refused",
      why: "the files in force stay in force",
      policy: current.policy.digest,
      problems: problemsOf(error),
    });
    return current;
  }
}

/** @throws ConfigurationError that lists every problem of policy, certificates and keys */
async function load(settings: TlsOriginSettings): Promise<Loaded> {
  const problems = new Problems();
  const policy = await problems.attempt(() => loadPolicy(settings.policy));
  const secrets = policy && (await problems.attempt(() => loadSecrets(policy, readEnvironment)));
  const anchors = policy && (await problems.attempt(() => anchorsInUse(policy)));
  const files = await readHosts(settings, problems);
  // Also without anchors: what is wrong with the files is told in the same message.
  const tls = files && (await problems.attempt(() => createTlsState(files, anchors ?? [])));
  if (policy === undefined || secrets === undefined || anchors === undefined || tls === undefined)
    throw problems.toError("origin");
  return { policy, secrets, tls };
}

async function readHosts(
  { certificates, keys }: TlsOriginSettings,
  problems: Problems,
): Promise<TlsHostFiles[] | undefined> {
  const hosts: TlsHostFiles[] = [];
  for (const [index, file] of certificates.entries()) {
    const certificate = await problems.attempt(() => readText(file));
    const key = await problems.attempt(() => readText(keys[index] ?? ""));
    if (certificate !== undefined && key !== undefined) hosts.push({ certificate, key });
  }
  return hosts.length === certificates.length ? hosts : undefined;
}

function ready({ json, inbox }: TlsOriginSettings, url: string): void {
  console.log(json ? JSON.stringify({ origin: url }) : `origin ready at ${url}, events in ${inbox}`);
}
