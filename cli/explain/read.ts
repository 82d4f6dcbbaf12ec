// Builds the question that `countersign explain` answers: which request, with which certificates, at what time. The values come
// from the options, and otherwise from the request that the inbox or the log has recorded.

import { dirname, join } from "node:path";
import { readAvailableSecrets } from "../../core/admission/secrets.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { showUrl } from "../../core/url.ts";
import { type AskedRequest, type Chain, urlOfTarget } from "../../origin/explain/question.ts";
import { withoutCheckedCredentials } from "../../origin/explain/recalled.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { inFile } from "../../origin/problems.ts";
import { UsageError } from "../command.ts";
import { readPresentedCertificates } from "../files/certificates.ts";
import { MAX_BODY_FILE_BYTES, readBytes } from "../files/files.ts";
import { readPolicyDocument } from "../policy/contents.ts";
import { parseHeaders } from "../send/index.ts";
import { toRequest } from "./ask.ts";
import { loadCrls } from "./crls.ts";
import { askOpenssl } from "./openssl.ts";
import type { Values } from "./options.ts";
import type { CommandQuestion } from "./question.ts";
import { chainOf, platformOf, type Source, targetOf, unknownOf } from "./recorded.ts";

/** Builds the question from the options and the recorded request. @throws UsageError, ConfigurationError */
export async function readQuestion(values: Values, source: Source): Promise<CommandQuestion> {
  const document = readPolicyDocument(values.policy) as PolicyDocument;
  const whole = inFile(values.policy, () => compilePolicy(document));
  const chain = values.certificate === undefined ? chainOf(source) : readChain(values.certificate);
  const request = readRequest(values, source);
  const at = parseTime(values.at) ?? source.event?.acceptedAt ?? source.decision?.at ?? now();
  const { policy, passedBefore } = withoutCheckedCredentials(whole, request.headers, source.event);
  return {
    document,
    policy,
    chain,
    request,
    at,
    unknown: unknownOf(source, values),
    passedBefore,
    platform: values.platform ?? platformOf(source),
    lists: await loadCrls(policy, {
      policyFile: values.policy,
      directory: values.crls ?? join(dirname(values.inbox ?? "inbox.sqlite"), "crls"),
      isFetching: values["fetch-crls"],
      at,
    }),
    available: readAvailableSecrets(policy, readSecret),
    askOpenssl,
  };
}

/**
 * Returns the certificates of a file, leaf first. A certificate that breaks the rules or is damaged is not refused here, because
 * the explanation says what is wrong with it. A private key in the same file is ignored.
 */
function readChain(file: string): Chain {
  const [leaf = "", ...intermediates] = readPresentedCertificates(file);
  return { leaf, intermediates };
}

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
    const body = values.body === undefined ? event?.body : readBytes(values.body, MAX_BODY_FILE_BYTES);
    const method = values.method ?? event?.request.method ?? decision?.request?.method ?? "POST";
    const request = { method, url, headers, body: body && new Uint8Array(body) };
    toRequest(request);
    return request;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = messageOf(error);
    throw new UsageError(`no such request can be sent: ${why.replaceAll(url, showUrl(url))}`);
  }
}

function toUrl(target: string | undefined): string | undefined {
  if (target !== undefined && !/^(?:[^/]*[.:][^/]*|localhost)?\//.test(target))
    throw new UsageError(`--route ${target} does not begin with /`);
  return target === undefined ? undefined : urlOfTarget(target);
}

const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "now") return now();
  const milliseconds = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds))
    throw new UsageError(`--at ${text} is neither a time like 2026-11-24T10:00:00Z nor now`);
  return Math.floor(milliseconds / 1000);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
