// A user who receives events of a sender. The user adds the preset of this sender with the program, starts an origin with the
// policy, and accepts the certificates that the origin observed.

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { runHere } from "../../support/command.ts";
import type { RawAnswer } from "../../support/http.ts";
import { readEvents } from "../../support/origin.ts";
import { type Running, startCountersign } from "../../support/running.ts";
import { type ClientPem, sendOnce, type TlsRequest } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { endProcess, writeTlsFiles } from "../../support/tls-process.ts";

export interface User {
  /** Writes a file of certificates and returns the path of the file. */
  write(name: string, ...certificates: readonly Identity[]): string;
  /** Runs `countersign policy add` on the policy. Returns what it printed. */
  add(...args: readonly string[]): Promise<string>;
  /** Starts an origin with the user's policy. Senders connect to the origin directly, without an edge or a proxy. */
  start(secrets?: Record<string, string>): Promise<Listening>;
}

export interface Listening {
  /** Sends a request of the sender over TLS 1.2, which every sender supports. */
  send(client: ClientPem | undefined, request: TlsRequest): Promise<Answer>;
  /**
   * Adds to the policy the recorded certificate that has this digest, and sets the route to `enforce`. Then the route refuses
   * certificates that the policy does not admit.
   */
  accept(sender: string, route: string, sha256: string): Promise<void>;
  stored(): number;
  events(): ReturnType<typeof readEvents>;
  readonly lines: Running["lines"];
  readonly line: Running["line"];
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: RawAnswer["headers"];
  readonly retryAfter: unknown;
}

export async function createUser(stack: AsyncDisposableStack): Promise<User> {
  const files = await writeTlsFiles(stack);
  const folder = dirname(files.policy);
  const write = (name: string, ...certificates: readonly Identity[]) => {
    writeFileSync(join(folder, name), certificates.map(({ pem }) => pem).join("\n"));
    return join(folder, name);
  };
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runHere(args);
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  };
  const add = (...args: readonly string[]) => run("policy", "add", "--policy", files.policy, ...args);
  async function start(secrets: Record<string, string> = {}): Promise<Listening> {
    const running = await startCountersign(files.args, secrets);
    stack.defer(() => endProcess(running));
    const server = { port: Number(new URL(running.ready["origin"] ?? "").port), ca: files.serverCa.pem, name: A };
    return {
      lines: running.lines,
      line: running.line,
      async send(client, request) {
        const tls = { maxVersion: "TLSv1.2" } as const;
        const { status, headers, body } = await sendOnce(server, client, { method: "POST", ...request }, tls);
        return { status, headers, body: body.toString(), retryAfter: headers["retry-after"] };
      },
      async accept(sender, route, sha256) {
        const observed = await run("policy", "observed", join(folder, "observed.jsonl"), "--pem", sha256);
        writeFileSync(join(folder, "observed.pem"), observed);
        const before = running.lines.length;
        await add(
          "--sender",
          sender,
          "--route",
          route,
          "--mode",
          "enforce",
          "--certificate",
          join(folder, "observed.pem"),
        );
        await running.line({ decision: "reloaded" }, before);
      },
      stored: () => readEvents(files.inbox).length,
      events: () => readEvents(files.inbox),
    };
  }
  return { write, add, start };
}

/** Issues a client certificate. Its PEM also contains the issuer's certificate, because a sender presents its chain. */
export async function issueClient(subject: Record<string, string>, issuer: Identity): Promise<Identity & ClientPem> {
  const names = Object.entries(subject).map(([type, value]) => ({ [type]: [value] }));
  const client = await issueCertificate({ subject: names }, issuer);
  return { ...client, pem: `${client.pem}\n${issuer.pem}` };
}
