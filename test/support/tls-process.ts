// Runs `countersign origin --tls` as a separate process, with files that a test may replace.

import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { type Running, startCountersign } from "./running.ts";
import { createSenders, type Senders } from "./senders.ts";
import { temporaryDirectory } from "./temporary.ts";
import type { TlsServer } from "./tls-client.ts";
import { A, issueServer } from "./tls-origin.ts";

export interface TlsFiles {
  readonly senders: Senders;
  readonly serverCa: Identity;
  readonly policy: string;
  readonly certificate: string;
  readonly key: string;
  readonly inbox: string;
  /** The command line without the option `--json`. */
  readonly args: readonly string[];
}

/** Writes the files for a listener with the host name `A`, and makes the command line of a program that uses these files. */
export async function writeTlsFiles(
  stack: AsyncDisposableStack,
  change: (policy: PolicyDocument) => PolicyDocument = (policy) => policy,
): Promise<TlsFiles> {
  const directory = temporaryDirectory(stack);
  const file = (name: string) => join(directory, name);
  const [policy, certificate, key, inbox] = ["policy.json", "server.pem", "server.key", "inbox.sqlite"].map(file) as [
    string,
    string,
    string,
    string,
  ];
  const senders = await createSenders();
  const serverCa = await issueCertificate({ subject: [{ CN: ["Test Server CA"] }], ca: {} });
  const server = await issueServer(serverCa, A);
  writeFileSync(policy, JSON.stringify(change(senders.policy)));
  writeFileSync(certificate, server.certificate);
  writeFileSync(key, server.key);
  const args = ["origin", "--tls", "--policy", policy, "--certificate", certificate, "--key", key, "--inbox", inbox];
  return {
    senders,
    serverCa,
    policy,
    certificate,
    key,
    inbox,
    args: [...args, "--port", "0", "--client-certificates", "request"],
  };
}

export interface TlsProcess extends Running {
  readonly server: TlsServer;
  readonly port: number;
  readonly pid: number;
}

/** Starts the program and waits until it listens. The program ends at the latest when the stack is disposed. */
export async function startTlsProcess(
  stack: AsyncDisposableStack,
  { args, serverCa }: TlsFiles,
  ...more: readonly string[]
): Promise<TlsProcess> {
  const running = await startCountersign([...args, ...more]);
  stack.defer(() => endProcess(running));
  const port = Number(new URL(running.ready["origin"] ?? "").port);
  return { ...running, port, pid: running.process.pid ?? 0, server: { port, ca: serverCa.pem, name: A } };
}

export async function endProcess({ process: child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  // Kills a process that does not stop within 20 seconds. Its workers then end by themselves.
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await once(child, "exit");
  clearTimeout(timer);
}

/** Replaces a file in one step, as deployments do, so that no reader sees half of the new content. */
export function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}
