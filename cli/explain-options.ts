// The options of countersign explain, read into a question: from files, from a stored event, or from a decision in a log.

import type { Policy, Sender } from "../core/policy.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import type { PolicyDocument } from "../core/policy-schema.ts";
import { readEvent } from "../origin/inbox/sqlite-reader.ts";
import type { StoredEvent } from "../origin/inbox.ts";
import { parseOptions, UsageError } from "./command.ts";
import { toRequest } from "./explain-ask.ts";
import { loadCrls } from "./explain-crls.ts";
import { findDecision, type RecordedDecision } from "./explain-log.ts";
import type { AskedRequest, Chain, Question } from "./explain-question.ts";
import { readAvailableSecrets } from "./explain-secrets.ts";
import { readEnvironment, readJson, readText } from "./files.ts";
import { askOpenssl } from "./openssl-verify.ts";
import { parseHeaders, readBytes } from "./send.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  certificate: { type: "string" },
  route: { type: "string" },
  url: { type: "string" },
  method: { type: "string" },
  header: { type: "string", multiple: true },
  body: { type: "string" },
  at: { type: "string" },
  platform: { type: "string" },
  crls: { type: "string", default: "crls" },
  "fetch-crls": { type: "boolean", default: false },
  event: { type: "string" },
  inbox: { type: "string" },
  decision: { type: "string" },
  log: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export type Values = ReturnType<typeof parse>;

export function parse(args: string[]) {
  const { values } = parseOptions(args, OPTIONS);
  const { event, inbox, decision, log, url, route, body } = values;
  if (event !== undefined && decision !== undefined) throw new UsageError("--event or --decision, not both");
  if ((event === undefined) !== (inbox === undefined)) throw new UsageError("--event and --inbox go together");
  if ((decision === undefined) !== (log === undefined)) throw new UsageError("--decision and --log go together");
  if (url !== undefined && route !== undefined) throw new UsageError("--route or --url, not both");
  if (body === "-" && log === "-") throw new UsageError("--body and --log cannot both be standard input");
  return values;
}

/** What an inbox or a log says of the request. Options take precedence over it. */
export interface Source {
  readonly event?: StoredEvent;
  readonly decision?: RecordedDecision;
}

/** @throws UsageError */
export async function readSource({ event: id, inbox, decision, log }: Values): Promise<Source> {
  if (decision !== undefined && log !== undefined) return { decision: await findDecision(decision, log) };
  if (id === undefined || inbox === undefined) return {};
  try {
    const event = readEvent(inbox, id);
    if (event !== undefined) return { event };
  } catch (error) {
    throw new UsageError(`${inbox}: ${error instanceof Error ? error.message : error}`);
  }
  throw new UsageError(`${inbox} holds no event ${JSON.stringify(id)}`);
}

/** What a source lacks for the question to be asked, as the options that would say it. Without a source they are required. */
export function lackingOptions(values: Values, { event, decision }: Source): string[] {
  if (event === undefined && decision === undefined) return [];
  const isRouteKnown = (values.route ?? values.url ?? event ?? targetOf(decision)) !== undefined;
  const isCertificateKnown =
    (values.certificate ?? decision?.chain ?? event?.certificate?.der) !== undefined ||
    !needsCertificate(event, decision);
  return [...(isRouteKnown ? [] : ["--route"]), ...(isCertificateKnown ? [] : ["--certificate"])];
}

/** A decision that names no certificate had none, unless it is about one that could not be read. */
function needsCertificate(event: StoredEvent | undefined, decision: RecordedDecision | undefined): boolean {
  if (event !== undefined) return event.certificate !== undefined;
  if (decision === undefined) return false;
  const isUnreadable = decision.lines.some(({ code }) => /^(certificate_|too_many_intermediates)/.test(`${code}`));
  return decision.sha256 !== undefined || isUnreadable;
}

/** @throws UsageError, ConfigurationError */
export async function readQuestion(values: Values, source: Source): Promise<Question> {
  const document = readJson(values.policy) as PolicyDocument;
  const whole = compilePolicy(document);
  const chain = values.certificate === undefined ? chainOf(source) : readChain(values.certificate);
  const request = readRequest(values, source);
  const at = parseTime(values.at) ?? source.event?.acceptedAt ?? source.decision?.at ?? now();
  const { policy, passedBefore } = withoutCheckedCredentials(whole, request, source.event);
  return {
    document,
    policy,
    chain,
    request,
    at,
    unknown: unknownOf(source, values),
    passedBefore,
    platform: values.platform,
    lists: await loadCrls(policy, {
      policyFile: values.policy,
      directory: values.crls,
      isFetching: values["fetch-crls"],
      at,
    }),
    available: readAvailableSecrets(policy, readEnvironment),
    askOpenssl,
  };
}

function chainOf({ event, decision }: Source): Chain | undefined {
  const { der: leaf, intermediates = [] } = event?.certificate ?? {};
  return leaf === undefined ? decision?.chain : { leaf, intermediates };
}

/** The certificates of a PEM file, leaf first. A private key in the same file is not looked at. */
function readChain(file: string): Chain {
  const blocks = readText(file).matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g);
  const [leaf, ...intermediates] = Array.from(blocks, ([, base64 = ""]) => base64.replace(/\s+/g, ""));
  if (leaf === undefined) throw new UsageError(`${file} holds no certificate in PEM`);
  return { leaf, intermediates };
}

const ANY_HOST = "https://host.invalid";

function readRequest(values: Values, source: Source): AskedRequest {
  const { event, decision } = source;
  const url = values.url ?? toUrl(values.route) ?? toUrl(event?.request.target) ?? targetOf(decision);
  if (url === undefined) throw new UsageError("--route PATH or --url URL is required");
  try {
    const headers = new Headers(event?.headers.map(([name, value]) => [name, value]) ?? []);
    for (const [name, lines] of Object.entries(parseHeaders(values.header ?? []))) {
      headers.delete(name);
      for (const value of lines) headers.append(name, value);
    }
    const body = values.body === undefined ? event?.body : readBytes(values.body);
    const method = values.method ?? event?.request.method ?? decision?.request?.method ?? "POST";
    const request = { method, url, headers, body: body && new Uint8Array(body) };
    toRequest(request);
    return request;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`no such request can be sent: ${error instanceof Error ? error.message : error}`);
  }
}

function toUrl(target: string | undefined): string | undefined {
  if (target !== undefined && !target.startsWith("/")) throw new UsageError(`--route ${target} does not begin with /`);
  return target === undefined ? undefined : ANY_HOST + target;
}

/** Of a decision, the URL of the platform's event, else the path or the route that a line names. */
function targetOf(decision: RecordedDecision | undefined): string | undefined {
  const path = decision?.lines.map((line) => line["path"] ?? line["route"]).find((name) => typeof name === "string");
  return decision?.request?.url ?? (typeof path === "string" ? ANY_HOST + path : undefined);
}

function unknownOf({ event, decision }: Source, values: Values): Question["unknown"] {
  if (event !== undefined) return { credentials: "credentials are not stored, give them with --header" };
  if (decision === undefined) return {};
  return {
    ...(values.header === undefined && {
      headers: "the log holds no headers, give them with --header",
      credentials: "the log holds no credentials, give them with --header",
    }),
    body: "the log holds no body, give it with --body",
  };
}

/** A stored event has its Basic credentials behind it: who checked them kept that they passed, and not what they were. */
function withoutCheckedCredentials(policy: Policy, { headers }: AskedRequest, event: StoredEvent | undefined) {
  const sender = policy.senders.find(({ name }) => name === event?.sender);
  if (!event?.factors.includes("basic") || sender === undefined || headers.has("authorization")) {
    return { policy, passedBefore: undefined };
  }
  const others = (senders: readonly Sender[]) => senders.map((one) => (one === sender ? changed : one));
  const changed: Sender = { ...sender, basic: [] };
  const routes = policy.routes.map((route) => ({
    ...route,
    senders: others(route.senders),
    shadow: others(route.shadow),
  }));
  return {
    policy: { ...policy, senders: others(policy.senders), routes },
    passedBefore: { sender: sender.name, usernames: sender.basic.map(({ username }) => username) },
  };
}

const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "now") return now();
  const milliseconds = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw new UsageError(`--at ${text} is no instant like 2026-11-24T10:00:00Z, nor now`);
  return Math.floor(milliseconds / 1000);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
