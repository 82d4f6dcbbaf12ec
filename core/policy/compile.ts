// Compiles policy.json to a Policy. If it contains anything that is not understood, throws an error that lists all problems, so
// that no part of a faulty policy comes into force. Does not check dates, because each request checks those that it needs.

import { type Place, parsePointer } from "../configuration-error.ts";
import { sha256 } from "../crypto.ts";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CHAIN_DEPTH } from "../wire.ts";
import { type Certificate, parseCertificate } from "../x509/certificate.ts";
import { findCertified, findCertifiers } from "../x509/issuance.ts";
import { canMatch } from "../x509/public-key.ts";
import { Allowlist } from "./allowlist.ts";
import { compileDenyList } from "./deny-list.ts";
import { readPolicyForm } from "./form.ts";
import { FORWARDED_HEADERS, isForwardableHeader } from "./forwardable.ts";
import { findSignedForAskers } from "./handshake-keys.ts";
import { compileCertificateMatcher, parseInstant } from "./matcher.ts";
import type {
  Anchor,
  CertificateRule,
  EventKeyRule,
  Intermediate,
  Policy,
  Route,
  SignatureRule,
  TokenRule,
} from "./policy.ts";
import { PolicyError, PolicyFault, type PolicyProblem, readOrFault, type TellProblem } from "./problem.ts";
import { checkRoutePath } from "./route-path.ts";
import { indexRivals } from "./route-rivals.ts";
import type { PolicyDocument, SenderDocument } from "./schema.ts";
import { type PolicyProblemCode, wordsOf } from "./words.ts";

/**
 * Compiles a policy document (the value of policy.json, as policy.schema.json describes it). Does not check whether dates have
 * passed, or whether the policy is sensible. `countersign policy check` checks both.
 * @throws ConfigurationError that lists every problem, each with its JSON pointer
 */
export function compilePolicy(document: unknown): Policy {
  return compilePolicyInWords(document, wordsOf);
}

/** Does the same as compilePolicy, but formats problems with `tell`, because the worker lacks their texts. @throws PolicyError */
export function compilePolicyInWords(document: unknown, tell: TellProblem): Policy {
  const { output, problems: ofForm } = readPolicyForm(document);
  if (output === undefined) throw new PolicyError(ofForm, tell);
  const { policy, problems } = compileSoundParts(output);
  if (problems.length > 0) throw new PolicyError(problems, tell);
  return policy;
}

/** Returns the policy without its faulty parts, and the problems. Never use this policy to decide about a request. */
export function compileSoundParts(document: PolicyDocument): { policy: Policy; problems: readonly PolicyProblem[] } {
  const compiler = new PolicyCompiler(document);
  return { policy: compiler.compile(), problems: compiler.problems };
}

type SignatureDocument = NonNullable<SenderDocument["signature"]>;

const RETRY_STATUS = { final: undefined, retry: 503, "retry-429": 429 } as const;

class PolicyCompiler {
  readonly #document: PolicyDocument;
  readonly problems: PolicyProblem[] = [];

  constructor(document: PolicyDocument) {
    this.#document = document;
  }

  compile(): Policy {
    const { anchors, intermediates = {}, senders, routes, deny } = this.#document;
    const intermediateByName = this.#compileAll("intermediates", intermediates, (name, pem) => ({
      name,
      certificate: compileAuthority(pem),
    }));
    const intermediateList = [...intermediateByName.values()];
    const anchorByName = connect(this.#compileAll("anchors", anchors, compileAnchor), intermediateList);
    const senderByName = this.#compileAll("senders", senders, (name, sender, at) => ({
      name,
      certificate: this.#compileCertificate(sender, at, anchorByName),
      signature: sender.signature && compileSignature(sender.signature),
      basic: [sender.basic ?? []].flat(),
      token: this.#attempt([...at, "token", "header"], () => compileToken(sender)),
      handshake: sender.handshake && {
        ...sender.handshake,
        until: this.#attempt([...at, "handshake", "until"], () => parseInstant("until", sender.handshake?.until)),
      },
      body: (sender.body ?? []).map(({ pointer, in: values }) => ({
        pointer,
        path: parsePointer(pointer),
        values: new Set(values),
      })),
      eventKey: this.#attempt([...at, "eventKey"], () => compileEventKey(sender.eventKey)),
      orderKey: this.#attempt([...at, "orderKey"], () => compileEventKey(sender.orderKey)),
      retryStatus: RETRY_STATUS[sender.refusal ?? "final"],
    }));
    const routeByPath = this.#compileAll("routes", routes, (path, route, at): Route => {
      const { answer = "accepted" } = route;
      if (answer !== "accepted" && route.delivery === "queue") this.#report(at, "queued_answer");
      const routeSenders = this.#resolve([...at, "senders"], route.senders, senderByName, "sender");
      const ordered =
        route.delivery === "queue" ? routeSenders.find(({ orderKey }) => orderKey !== undefined) : undefined;
      if (ordered !== undefined) this.#report(at, "queued_order", ordered.name);
      const shadow = this.#resolve([...at, "shadow"], route.shadow ?? [], senderByName, "sender");
      const secret = [...routeSenders, ...shadow].map(({ token }) => token?.header);
      const headers = (route.headers ?? []).map(
        (header, index) => this.#attempt([...at, "headers", index], () => compileHeader(header, secret)) ?? "",
      );
      // The path comes last, because a fault in it ends the work on this route, and all its faults are reported together.
      checkRoutePath(path);
      return {
        path,
        senders: routeSenders,
        shadow,
        isObserved: route.mode === "observe",
        isQueued: route.delivery === "queue",
        isAnsweredByHandler: answer === "handler",
        acknowledgement: typeof answer === "object" ? answer : undefined,
        methods: route.methods,
        maxBodyBytes: route.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
        headers,
      };
    });
    this.#checkRecognition();
    for (const [name, secret] of findSignedForAskers(senders)) {
      this.#report(["senders", name, "handshake", "secret"], "handshake_signs", secret);
    }
    const anchorList = [...anchorByName.values()];
    const routeList = [...routeByPath.values()];
    return {
      anchors: anchorList,
      intermediates: intermediateList,
      senders: [...senderByName.values()],
      routes: routeList,
      findRival: indexRivals(routeList),
      deny: compileDenyList(deny ?? [], anchorList, (index, compileOne) => this.#attempt(["deny", index], compileOne)),
      crlSources: [...new Set(anchorList.flatMap(({ revocation }) => revocation?.sources ?? []))],
      digest: sha256(canonicalJson({ ...this.#document, $schema: undefined })),
    };
  }

  #compileCertificate(
    { certificates, trust }: SenderDocument,
    at: Place,
    anchorByName: ReadonlyMap<string, Anchor>,
  ): CertificateRule | undefined {
    if (certificates === undefined || trust === undefined) return undefined;
    const matchers = certificates.flatMap(
      (entry, index) => this.#attempt([...at, "certificates", index], () => compileCertificateMatcher(entry)) ?? [],
    );
    return {
      allowlist: new Allowlist(matchers),
      trust: {
        anchors: this.#resolve([...at, "trust", "anchors"], trust.anchors ?? [], anchorByName, "anchor"),
        platform: trust.platform ?? false,
        maxChainDepth: trust.maxChainDepth ?? DEFAULT_MAX_CHAIN_DEPTH,
      },
    };
  }

  /** Reports a sender with an empty list of certificates, which admits nobody. Routes in observe mode may have such senders. */
  #checkRecognition(): void {
    const { senders, routes } = this.#document;
    for (const [path, route] of Object.entries(routes)) {
      if (route.mode === "observe") continue;
      for (const name of route.senders) {
        if (senders[name]?.certificates?.length !== 0) continue;
        this.#report(["senders", name, "certificates"], "no_matcher", path);
      }
    }
  }

  #compileAll<Source, Target>(
    member: string,
    sources: Readonly<Record<string, Source>>,
    compileOne: (name: string, source: Source, at: Place) => Target,
  ): Map<string, Target> {
    const targets = new Map<string, Target>();
    for (const [name, source] of Object.entries(sources)) {
      const target = this.#attempt([member, name], () => compileOne(name, source, [member, name]));
      if (target !== undefined) targets.set(name, target);
    }
    return targets;
  }

  #resolve<Target>(
    at: Place,
    names: readonly string[],
    targets: ReadonlyMap<string, Target>,
    kind: "anchor" | "sender",
  ): Target[] {
    return names.flatMap((name, index) => {
      const target = targets.get(name);
      const isDefined = target !== undefined || Object.hasOwn(this.#document[`${kind}s`], name);
      if (!isDefined) this.#report([...at, index], `unknown_${kind}`, JSON.stringify(name));
      if (names.indexOf(name) !== index) this.#report([...at, index], "listed_twice", JSON.stringify(name));
      return target === undefined ? [] : [target];
    });
  }

  #attempt<T>(at: Place, compileOne: () => T): T | undefined {
    try {
      return compileOne();
    } catch (error) {
      if (!(error instanceof PolicyFault)) throw error;
      this.#report(at, error.code, error.detail);
      return undefined;
    }
  }

  #report(at: Place, code: PolicyProblemCode, detail?: string): void {
    this.problems.push({ at, code, detail });
  }
}

const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

function compileAnchor(name: string, anchor: PolicyDocument["anchors"][string]): Anchor {
  const { certificate: pem, crls: revocation } = typeof anchor === "string" ? { certificate: anchor } : anchor;
  return { name, certificate: compileAuthority(pem), certifiers: [], intermediates: [], revocation };
}

function compileAuthority(pem: string): Certificate {
  const base64 = PEM.exec(pem)?.[1]?.replace(/\s+/g, "");
  if (base64 === undefined) throw new PolicyFault("not_one_certificate");
  const certificate = readOrFault("malformed_certificate", () => parseCertificate(base64));
  const subject = certificate.subjectText;
  if (!certificate.isCa) throw new PolicyFault("not_ca", subject);
  if (certificate.keyUsage?.keyCertSign === false) throw new PolicyFault("may_not_sign", subject);
  if (certificate.subject.length === 0) throw new PolicyFault("no_subject");
  if (!certificate.hasAcceptedKey) throw new PolicyFault("weak_key", subject);
  if (!canMatch(certificate.publicKey)) throw new PolicyFault("unmatchable_key", subject);
  return certificate;
}

/** Adds two lists to each anchor: the anchors that signed its certificate, and the intermediates whose certificates it signed. */
function connect(
  anchors: ReadonlyMap<string, Anchor>,
  intermediates: readonly Intermediate[],
): ReadonlyMap<string, Anchor> {
  const authorities = Array.from(anchors.values(), ({ certificate }) => certificate);
  const others = intermediates.map(({ certificate }) => certificate);
  return new Map(
    Array.from(anchors, ([name, anchor]) => [
      name,
      {
        ...anchor,
        certifiers: findCertifiers(anchor.certificate, authorities),
        intermediates: findCertified(anchor.certificate, others),
      },
    ]),
  );
}

function compileSignature({ scheme, secrets = [], accounts = {}, retired = [] }: SignatureDocument): SignatureRule {
  const byAccount = Object.entries(accounts).map(([id, names]) => [id.toLowerCase(), names] as const);
  return { scheme, secrets, accounts: new Map(byAccount), retired };
}

function compileEventKey(rule: EventKeyRule | undefined): EventKeyRule | undefined {
  return rule && "header" in rule ? { header: compileHeader(rule.header) } : rule;
}

function compileToken({ token, basic }: SenderDocument): TokenRule | undefined {
  if (token?.header === undefined) return token;
  const name = token.header.toLowerCase();
  const isFree =
    name === "authorization" ? basic === undefined : isForwardableHeader(name) && !FORWARDED_HEADERS.includes(name);
  if (!isFree) throw new PolicyFault("taken_header", token.header);
  return { ...token, header: name };
}

/**
 * Returns the header in lower case. Refuses a header that is never forwarded, and a header in `secret`, which lists the headers
 * that hold tokens of the route's senders.
 */
function compileHeader(header: string, secret: readonly (string | undefined)[] = []): string {
  const name = header.toLowerCase();
  if (!isForwardableHeader(name) || secret.includes(name)) throw new PolicyFault("not_forwarded", header);
  return name;
}

/** Writes JSON with sorted members and without spaces. This is RFC 8785 for the strings, integers and booleans of a policy. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
