// Runs `countersign origin --tls`. This origin terminates mutual TLS itself, reloads without dropping connections, and may run as
// several processes on one port.

import { readPolicyForm } from "../../core/policy/form.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { createTlsState, type TlsHostFiles, type TlsState } from "../../origin/node/tls/hosts.ts";
import { listenTls } from "../../origin/node/tls/listener.ts";
import { throughTls as ofListener } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { Problems } from "../../origin/problems.ts";
import { loadSecrets } from "../../origin/secrets.ts";
import type { Loaded } from "../../origin/service/mode.ts";
import { requireOption, UsageError } from "../command.ts";
import { readServerPair } from "../files/server-pair.ts";
import type { Finding } from "../policy/check/finding.ts";
import { readPolicyDocument } from "../policy/contents.ts";
import { loadPolicy } from "../policy/load.ts";
import { type AskedOfClients, askedAt, inspectRequired, requireAdmissible } from "./client-certificates.ts";
import { type ServeSettings, serveWay, type Way } from "./serve.ts";

export interface TlsOriginSettings extends ServeSettings {
  readonly host: string;
  readonly port: number;
  /** PEM files in pairs: the first certificate belongs to the first key. */
  readonly certificates: readonly string[];
  readonly keys: readonly string[];
  /** A file with the passphrase of all keys that have a passphrase. */
  readonly passphraseFile: string | undefined;
  readonly clientCertificates: AskedOfClients;
}

type TlsLoaded = Loaded & { readonly tls: TlsState };

/** Runs until a signal arrives. Loads the whole configuration first, so that one message lists all faults. */
export async function runTlsOrigin(settings: TlsOriginSettings): Promise<number> {
  if (settings.certificates.length !== settings.keys.length)
    throw new UsageError("each --certificate needs its --key, in the same order");
  const way = throughTls(settings);
  return await serveWay(way, await way.load());
}

function throughTls(settings: TlsOriginSettings): Way<TlsLoaded> {
  const { host: hostname, port, inbox } = settings;
  const clientCertificates = (name: string) => askedAt(settings.clientCertificates, name);
  return {
    settings,
    files: [settings.policy, ...settings.certificates, ...settings.keys, settings.passphraseFile ?? []].flat(),
    load: () => load(settings),
    listen({ createApp, loaded, log }) {
      const app = createApp(ofListener);
      return listenTls(app.fetch, { hostname, port, clientCertificates, state: () => loaded().tls, log });
    },
    certificates: ({ tls }) => tls.certificates,
    describe: ({ tls }) => ({ hosts: [...tls.hosts.keys()], anchors: tls.anchors }),
    greet: (url) => `origin ready at ${url}, events in ${describeInbox(inbox)}`,
  };
}

/** @throws ConfigurationError that lists every problem of policy, certificates and keys */
async function load(settings: TlsOriginSettings): Promise<TlsLoaded> {
  const problems = new Problems();
  const policy = await problems.attempt(async () =>
    loadPolicy(settings.policy, undefined, await findRequired(settings)),
  );
  const secrets = policy && (await problems.attempt(() => loadSecrets(policy, readSecret)));
  const anchors = policy && (await problems.attempt(() => anchorsInUse(policy)));
  const files = await readHosts(settings, problems);
  // The certificates and keys are checked even if the anchors could not be read, so that one message lists all faults.
  const tls = files && (await problems.attempt(() => createTlsState(files, anchors ?? [])));
  const hosts = tls && [...tls.hosts.keys()];
  if (policy !== undefined) await problems.attempt(() => requireAdmissible(settings.clientCertificates, hosts, policy));
  if (policy === undefined || secrets === undefined || anchors === undefined || tls === undefined || problems.count > 0)
    throw problems.toError("origin");
  return { policy, secrets, tls };
}

/**
 * Returns the warnings of `--client-certificates require`. A policy that does not compile has none, because loadPolicy() reports
 * its problems.
 */
async function findRequired({ policy: file, clientCertificates }: TlsOriginSettings): Promise<Finding[]> {
  return await inspectRequired(clientCertificates, () => readPolicyForm(readPolicyDocument(file)).output);
}

async function readHosts(
  { certificates, keys, passphraseFile }: TlsOriginSettings,
  problems: Problems,
): Promise<TlsHostFiles[] | undefined> {
  const hosts: TlsHostFiles[] = [];
  await problems.attempt(() => requireOption(certificates[0], "certificate", "this server's own, with its --key"));
  for (const [index, file] of certificates.entries()) {
    const pair = await problems.attempt(() => readServerPair(file, keys[index] ?? "", passphraseFile));
    if (pair !== undefined) hosts.push(pair);
  }
  return hosts.length > 0 && hosts.length === certificates.length ? hosts : undefined;
}
