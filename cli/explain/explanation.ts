// Makes one explanation: the verdict on a certificate and a request, and everything on which the verdict depends.

import { formatPointer } from "../../core/configuration-error.ts";
import { findRoute, type Policy, type Route } from "../../core/policy/policy.ts";
import { Refusal, resultOf } from "../../core/refusal.ts";
import { readRequestTarget } from "../../core/request/target.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import { formatTime } from "../../core/x509/crl.ts";
import { faultOf } from "../../origin/explain/path.ts";
import { evidenceOf, readChain } from "../../origin/explain/question.ts";
import { explainSender, type SenderExplanation } from "../../origin/explain/senders.ts";
import { type Answer, ask, detailsOf, publicAnswer } from "./ask.ts";
import { explainWays } from "./modes.ts";
import { type PlatformExplanation, readPlatform } from "./platform.ts";
import type { CommandQuestion } from "./question.ts";
import { type DecidedBy, denyRulesOf, nearestRoutes, ruleOfAcceptance, ruleOfRefusal } from "./rule.ts";
import { type Outcome, settle } from "./verdict.ts";

export type Explanation = Awaited<ReturnType<typeof explain>>;

/** Returns the verdict of the origin's own middleware, and an explanation of each sender of the route. */
export async function judge(question: CommandQuestion) {
  const route = routeOf(question);
  const platform = await readPlatform(question);
  const asksPlatform = [...(route?.senders ?? []), ...(route?.shadow ?? [])].some(
    ({ certificate }) => certificate?.trust.platform,
  );
  const inFront =
    asksPlatform || question.platform !== undefined ? { verified: platform.verified, revoked: false } : undefined;
  const certificate = resultOf(() => readChain(question, inFront));
  const way = { readCertificate: () => readChain(question, inFront) };
  const evidence = evidenceOf(question, certificate);
  const senders = await Promise.all(
    route?.senders.map((one) => explainSender(one, "sender", question, evidence)) ?? [],
  );
  const answer = await ask(way, question);
  return { route, platform, inFront, certificate, way, evidence, senders, answer, outcome: settle(answer, senders) };
}

/** Judges the request at the time that the question names. Reads nothing except the question, and changes nothing. */
export async function explain(question: CommandQuestion) {
  const { policy, request, at } = question;
  const { route, platform, inFront, certificate, way, evidence, senders, answer, outcome } = await judge(question);
  const shadow = await Promise.all(route?.shadow.map((one) => explainSender(one, "shadow", question, evidence)) ?? []);
  const denied = deniedCertificates(certificate, route, question);
  return {
    ...outcome,
    ...(await describeAnswer(answer, outcome, route, question)),
    decidedBy: decidedBy(outcome, detailsOf(answer.line), route, senders, denied),
    asked: {
      at: formatTime(at),
      method: request.method,
      target: request.url.replace(/^[^/]*\/\/[^/]*/, ""),
      bodyBytes: request.body?.byteLength ?? null,
      policy: policy.digest,
    },
    route: describeRoute(route, question),
    certificate: describePresented(certificate),
    denied,
    senders,
    shadow:
      route === undefined || route.shadow.length === 0
        ? null
        : { ...settle(await ask(way, question, { policy: withShadow(policy, route) }), shadow), senders: shadow },
    revocationLists: question.lists.sources,
    platform: platformOf(platform, question, inFront !== undefined),
    ways: (await explainWays({ question, senders, platform })).map((row) => ({
      ...row,
      differs: row.verdict !== outcome.verdict || row.code !== outcome.code,
    })),
  };
}

function routeOf({ policy, request }: CommandQuestion): Route | undefined {
  const target = resultOf(() => readRequestTarget(request.url));
  return target instanceof Refusal ? undefined : findRoute(policy, target.path, target.url.host);
}

/**
 * Describes the route of the request. If no route has the path of the request, `path` and `rule` are null, the lists are empty,
 * and `nearest` has the most similar routes.
 */
function describeRoute(route: Route | undefined, { policy, request }: CommandQuestion) {
  const names = (senders: Route["senders"] = []) => senders.map(({ name }) => name);
  const size = request.body?.byteLength;
  return {
    path: route?.path ?? null,
    rule: route === undefined ? null : formatPointer(["routes", route.path]),
    nearest: route === undefined ? nearestRoutes(URL.parse(request.url)?.pathname ?? "", policy) : [],
    methods: route?.methods ?? [],
    senders: names(route?.senders),
    shadow: names(route?.shadow),
    mode: route === undefined ? null : route.isObserved ? "observe" : "enforce",
    headers: route?.headers ?? [],
    maxBodyBytes: route?.maxBodyBytes ?? null,
    isBodyWithin: route === undefined || size === undefined ? null : size <= route.maxBodyBytes,
  };
}

async function describeAnswer(
  answer: Answer,
  { verdict }: Outcome,
  route: Route | undefined,
  question: CommandQuestion,
) {
  const nothing = { details: {}, factors: [], answer: null, keepers: [] };
  if (verdict === "undecided") return nothing;
  if (answer.verdict === "accepted") {
    return {
      ...nothing,
      details: {},
      factors: answer.delivery.factors,
      answer: { status: route?.acknowledgement?.status ?? 202, headers: {}, problem: null, keeps: false },
    };
  }
  const details = detailsOf(answer.line);
  const given = publicAnswer(answer.code, answer.line);
  return { ...nothing, details, answer: given, keepers: given.keeps ? await describeKeepers(route, question) : [] };
}

/**
 * If a sender has a `retryStatus`, our refusals ask it to send the event again. For each of these senders, returns how long it
 * retries. `retries` is null if the sender's preset does not know this.
 */
async function describeKeepers(route: Route | undefined, { document }: CommandQuestion) {
  const { loadPresetsOf } = await import("../policy/check/presets.ts");
  const { describeRetries } = await import("../policy/preset/text.ts");
  const presetOf = await loadPresetsOf(document);
  return (route?.senders ?? []).flatMap(({ name, retryStatus }) => {
    const afterRefusal = presetOf(document.senders[name])?.behaviour.afterRefusal;
    const retries = afterRefusal && describeRetries(afterRefusal);
    return retryStatus === undefined ? [] : [{ sender: name, retries: retries ?? null }];
  });
}

function decidedBy(
  outcome: Outcome,
  details: Readonly<Record<string, unknown>>,
  route: Route | undefined,
  senders: readonly SenderExplanation[],
  denied: readonly Denied[],
): DecidedBy {
  if (outcome.verdict === "accepted") return ruleOfAcceptance(senders.find(({ sender }) => sender === outcome.sender));
  const rules = denied.flatMap((hit) => hit.rules);
  const { code } = outcome;
  return code === null ? { rule: null, fields: [] } : ruleOfRefusal({ code, details }, route, senders, rules);
}

function describePresented(certificate: ClientCertificate | Refusal) {
  if (certificate instanceof Refusal) {
    return certificate.code === "no_certificate"
      ? null
      : { fault: faultOf(certificate), leaf: null, intermediates: [] };
  }
  const { leaf, intermediates } = certificate;
  return { fault: null, leaf: describe(leaf), intermediates: intermediates.map(describe) };
}

function describe({ subjectText, issuerText, serial, sha256, spkiSha256, notBefore, notAfter }: Certificate) {
  const validity = { notBefore: formatTime(notBefore), notAfter: formatTime(notAfter) };
  return { subject: subjectText, issuer: issuerText, serial, sha256, spkiSha256, ...validity };
}

interface Denied {
  readonly subject: string;
  readonly sha256: string;
  readonly rules: readonly string[];
}

/** Checks the certificates that were sent and the anchors of the route. Returns those that the policy denies. */
function deniedCertificates(
  certificate: ClientCertificate | Refusal,
  route: Route | undefined,
  question: CommandQuestion,
): Denied[] {
  const sent = certificate instanceof Refusal ? [] : [certificate.leaf, ...certificate.intermediates];
  const anchors = (route?.senders ?? []).flatMap((sender) => sender.certificate?.trust.anchors ?? []);
  return [...new Set([...sent, ...anchors.map((anchor) => anchor.certificate)])].flatMap((one) => {
    const rules = denyRulesOf(one, question.document, question.policy);
    return rules.length === 0 ? [] : [{ subject: one.subjectText, sha256: one.sha256, rules }];
  });
}

/** Returns the policy in which the shadow senders of the route replace its senders. */
function withShadow(policy: Policy, route: Route): Policy {
  const routes = policy.routes.map((one) => (one === route ? { ...one, senders: one.shadow, shadow: [] } : one));
  return { ...policy, routes };
}

function platformOf({ verified, from, note }: PlatformExplanation, { chain }: CommandQuestion, isAsked: boolean) {
  return chain === undefined ? null : { verified, from, note, isAsked };
}
