// The subject of `countersign doctor`: one URL, the local facts about it, and a function that sends requests to it.

import { isIP } from "node:net";
import { parseProblemType } from "../../core/decision/problem.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy, Route } from "../../core/policy/policy.ts";
import type { Problem } from "../../core/refusal.ts";
import type { Pair } from "../files/certificates.ts";
import { type BufferedResponse, type SendOptions, sendEvent } from "../http-client.ts";

export interface Subject {
  readonly url: URL;
  readonly port: number;
  /** PEM of the CAs that sign the server's certificate. Undefined means the public roots of Node. */
  readonly serverCa: string | undefined;
  /** A sender's certificate and key. */
  readonly identity: Pair | undefined;
  /** The headers that sign PROBE_BODY as the sender does. Empty if the sender does not sign. */
  readonly signature: Readonly<Record<string, string>>;
  readonly policy: Policy | undefined;
  /** The policy's route for the URL's path. */
  readonly route: Route | undefined;
  readonly options: SubjectOptions;
}

export interface SubjectOptions {
  readonly httpPort: number;
  /** Other URLs of the Worker, on which no certificate is requested. They must not accept events. */
  readonly also: readonly string[];
  /** URL of the origin behind the edge. */
  readonly origin: string | undefined;
  /** URL of the edge's published keys. */
  readonly jwks: string | undefined;
  /** The public keys that the origin pins, as parsed from its file. */
  readonly pinned: unknown;
  /** The log lines of the origin, and the file that has them. */
  readonly log: { readonly file: string; readonly lines: readonly LogLine[] } | undefined;
}

/** The name in the URL, without the brackets of an IPv6 address. */
export function hostOf({ url }: Subject): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** Returns the server name for the handshake. Empty for an IP address. */
export function serverNameOf(subject: Subject): string {
  const host = hostOf(subject);
  return isIP(host) === 0 ? host : "";
}

/** The response to a request, or the reason why there was none. */
export interface Reply {
  /** 0 if there was no response. */
  readonly status: number;
  /** The reason why there was no response: a code of Node or OpenSSL if there is one, otherwise a message. */
  readonly error?: string;
  /** The problem that the response names if it is a refusal of Countersign, for example `not-found`. */
  readonly problem?: Problem | undefined;
  readonly location?: string | undefined;
  readonly date?: string | undefined;
}

/** The body that `countersign doctor` posts. It names the command, because a handler may receive it as an event. */
export const PROBE_BODY = JSON.stringify({ event: "countersign-doctor", data: {} });

/** Sends one request to any server, on a new connection. */
export async function ask(url: string, { headers = {}, ...options }: Partial<SendOptions> = {}): Promise<Reply> {
  try {
    const answer = await sendEvent(url, {
      method: "POST",
      body: PROBE_BODY,
      isServerVerified: false,
      ...options,
      headers: { "content-type": "application/json", ...headers },
    });
    return toReply(answer);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { status: 0, error: code ?? message };
  }
}

function toReply({ status, headers, body }: BufferedResponse): Reply {
  const text = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined);
  const isProblem = text("content-type")?.startsWith("application/problem+json") === true;
  return {
    status,
    problem: isProblem ? parseProblemType(body) : undefined,
    location: text("location"),
    date: text("date"),
  };
}

export function isAccepted({ status }: Reply): boolean {
  return status >= 200 && status < 300;
}

export function isRedirect({ status }: Reply): boolean {
  return status >= 300 && status < 400;
}

export function describeReply(reply: Reply): string {
  if (reply.error !== undefined) return `no answer (${reply.error})`;
  return reply.problem === undefined ? `${reply.status}` : `${reply.status} ${reply.problem}`;
}
