// policy.json to Policy: anchors, senders, routes and the deny list, compiled once and then only read.
// A policy that is not understood in every member is an error that lists all problems; there is no partial policy.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { Allowlist } from "./allowlist.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { compileCertificateMatcher, normalizeHex } from "./certificate-matcher.ts";
import { ConfigurationError, describeIssues, formatPointer } from "./configuration-error.ts";
import { nameKey, parseDistinguishedName } from "./distinguished-name.ts";
import { type PolicyDocument, PolicySchema } from "./policy-schema.ts";
import { Refusal } from "./refusal.ts";
import { isForwardableHeader } from "./request-headers.ts";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CHAIN_DEPTH, JWKS_PATH } from "./wire.ts";

export interface Anchor {
  readonly name: string;
  readonly certificate: Certificate;
  /** Undefined where no revocation list is asked. */
  readonly revocation: RevocationRule | undefined;
}

/** How certificates below an anchor are looked up in revocation lists. */
export interface RevocationRule {
  /** URLs and file paths, as in the policy. */
  readonly sources: readonly string[];
  /** Whether a certificate is refused when the list that could hold it is missing or not current. */
  readonly freshness: "require" | "prefer";
}

export interface Trust {
  /** Empty when the platform alone is asked. */
  readonly anchors: readonly Anchor[];
  readonly platform: boolean;
  readonly maxChainDepth: number;
}

export interface Sender {
  readonly name: string;
  readonly allowlist: Allowlist;
  readonly trust: Trust;
}

export interface Route {
  /** As in the policy: exact, or ending in `/*`. */
  readonly path: string;
  readonly senders: readonly Sender[];
  readonly methods: readonly string[];
  readonly maxBodyBytes: number;
  /** Lower-case names forwarded beside the standard list. */
  readonly headers: readonly string[];
}

export interface DenyList {
  /** Whether the list names this certificate, its key, or its serial number under its issuer. */
  holds(certificate: Certificate): boolean;
}

export interface Policy {
  readonly routes: readonly Route[];
  readonly senders: readonly Sender[];
  readonly anchors: readonly Anchor[];
  readonly deny: DenyList;
  /** The sources of revocation lists of all anchors, each once. */
  readonly crlSources: readonly string[];
  /** SHA-256 in hex of the document without `$schema`, members sorted: the same for every layout of one policy. */
  readonly digest: string;
}

/**
 * Compiles a policy document (the value of policy.json).
 * Does not look at the time: an anchor that has expired is refused when it is used.
 * @throws ConfigurationError
 */
export function compilePolicy(document: unknown): Policy {
  const result = v.safeParse(PolicySchema, document);
  if (!result.success) {
    throw new ConfigurationError("policy", describeIssues(result.issues));
  }
  return new PolicyCompiler(result.output).compile();
}

/**
 * The route of a path: the exact one, else the longest prefix.
 * @throws Refusal `unknown_route`, `method_not_allowed`
 */
export function selectRoute(policy: Policy, path: string, method: string): Route {
  const route = findRoute(policy, path);
  if (route === undefined) throw new Refusal("unknown_route", { path });
  if (!route.methods.includes(method))
    throw new Refusal("method_not_allowed", { method, allow: route.methods.join(", ") });
  return route;
}

function findRoute(policy: Policy, path: string): Route | undefined {
  let found: Route | undefined;
  for (const route of policy.routes) {
    if (route.path === path) return route;
    const isPrefix = route.path.endsWith("/*") && path.startsWith(route.path.slice(0, -1));
    if (isPrefix && route.path.length > (found?.path.length ?? 0)) found = route;
  }
  return found;
}

class PolicyCompiler {
  readonly #document: PolicyDocument;
  readonly #problems: string[] = [];

  constructor(document: PolicyDocument) {
    this.#document = document;
  }

  compile(): Policy {
    const { anchors, senders, routes, deny } = this.#document;
    const anchorByName = this.#compileAll("anchors", anchors, compileAnchor);
    const senderByName = this.#compileAll("senders", senders, (name, sender, at) => ({
      name,
      allowlist: new Allowlist(
        sender.certificates.flatMap(
          (entry, index) => this.#attempt([...at, "certificates", index], () => compileCertificateMatcher(entry)) ?? [],
        ),
      ),
      trust: {
        anchors: this.#resolve([...at, "trust", "anchors"], sender.trust.anchors ?? [], anchorByName, "anchor"),
        platform: sender.trust.platform ?? false,
        maxChainDepth: sender.trust.maxChainDepth ?? DEFAULT_MAX_CHAIN_DEPTH,
      },
    }));
    const routeByPath = this.#compileAll("routes", routes, (path, route, at): Route => {
      checkRoutePath(path);
      return {
        path,
        senders: this.#resolve([...at, "senders"], route.senders, senderByName, "sender"),
        methods: route.methods,
        maxBodyBytes: route.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
        headers: (route.headers ?? []).map(
          (header, index) => this.#attempt([...at, "headers", index], () => compileHeader(header)) ?? "",
        ),
      };
    });
    const denyList = this.#compileDenyList(deny ?? []);
    if (this.#problems.length > 0) throw new ConfigurationError("policy", this.#problems);
    return {
      anchors: [...anchorByName.values()],
      senders: [...senderByName.values()],
      routes: [...routeByPath.values()],
      deny: denyList,
      crlSources: [...new Set([...anchorByName.values()].flatMap(({ revocation }) => revocation?.sources ?? []))],
      digest: digestOf({ ...this.#document, $schema: undefined }),
    };
  }

  #compileAll<Source, Target>(
    member: string,
    sources: Readonly<Record<string, Source>>,
    compileOne: (name: string, source: Source, at: readonly (string | number)[]) => Target,
  ): Map<string, Target> {
    const targets = new Map<string, Target>();
    for (const [name, source] of Object.entries(sources)) {
      const target = this.#attempt([member, name], () => compileOne(name, source, [member, name]));
      if (target !== undefined) targets.set(name, target);
    }
    return targets;
  }

  #resolve<Target>(
    at: readonly (string | number)[],
    names: readonly string[],
    targets: ReadonlyMap<string, Target>,
    kind: string,
  ): Target[] {
    return names.flatMap((name, index) => {
      const target = targets.get(name);
      const isDefined =
        target !== undefined || Object.hasOwn(this.#document[`${kind}s` as "anchors" | "senders"], name);
      if (!isDefined)
        this.#problems.push(`${formatPointer([...at, index])}: no ${kind} is called ${JSON.stringify(name)}`);
      if (names.indexOf(name) !== index)
        this.#problems.push(`${formatPointer([...at, index])}: ${JSON.stringify(name)} is listed twice`);
      return target === undefined ? [] : [target];
    });
  }

  #compileDenyList(entries: NonNullable<PolicyDocument["deny"]>): DenyList {
    const denied = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      this.#attempt(["deny", index], () => {
        if ("sha256" in entry) denied.add(normalizeHex(entry.sha256));
        else if ("spkiSha256" in entry) denied.add(`key ${normalizeHex(entry.spkiSha256)}`);
        else denied.add(serialKey(normalizeHex(entry.serial), nameKey(parseDistinguishedName(entry.issuer))));
      });
    }
    return {
      holds: ({ sha256, spkiSha256, serial, issuerKey }) =>
        denied.size > 0 &&
        (denied.has(sha256) || denied.has(`key ${spkiSha256}`) || denied.has(serialKey(serial, issuerKey))),
    };
  }

  #attempt<T>(at: readonly (string | number)[], compileOne: () => T): T | undefined {
    try {
      return compileOne();
    } catch (error) {
      const details = (error as { details?: { cause?: string } }).details;
      this.#problems.push(
        `${formatPointer(at)}: ${details?.cause ?? (error instanceof Error ? error.message : error)}`,
      );
      return undefined;
    }
  }
}

const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

function compileAnchor(name: string, anchor: PolicyDocument["anchors"][string]): Anchor {
  const { certificate: pem, crls: revocation } = typeof anchor === "string" ? { certificate: anchor } : anchor;
  const base64 = PEM.exec(pem)?.[1]?.replace(/\s+/g, "");
  if (base64 === undefined) throw new SyntaxError("not exactly one certificate in PEM");
  const certificate = parseCertificate(base64);
  const subject = certificate.subjectText;
  if (!certificate.isCa) throw new SyntaxError(`${subject} is not a CA certificate`);
  if (certificate.keyUsage?.keyCertSign === false) throw new SyntaxError(`${subject} may not sign certificates`);
  if (certificate.subject.length === 0) throw new SyntaxError("a CA certificate without a subject can anchor nothing");
  if (!certificate.hasAcceptedKey) throw new SyntaxError(`the key of ${subject} is weak or of an unsupported kind`);
  return { name, certificate, revocation };
}

function checkRoutePath(path: string): void {
  const star = path.indexOf("*");
  if (star >= 0 && !(path.endsWith("/*") && star === path.length - 1))
    throw new SyntaxError("a * may only end a path, after a /");
  if (path === JWKS_PATH) throw new SyntaxError("the edge publishes its keys there");
  const plain = star >= 0 ? path.slice(0, -1) : path;
  if (new URL(plain, "https://host").pathname !== plain)
    throw new SyntaxError(`write it as requests have it: ${new URL(plain, "https://host").pathname}`);
}

function compileHeader(header: string): string {
  const name = header.toLowerCase();
  if (!isForwardableHeader(name)) throw new SyntaxError(`${header} is never forwarded`);
  return name;
}

function serialKey(serial: string, issuerKey: string): string {
  return `serial ${serial.replace(/^0+(?=.)/, "")} ${issuerKey}`;
}

function digestOf(document: unknown): string {
  return createHash("sha256").update(canonicalJson(document)).digest("hex");
}

/** JSON with sorted members and no spaces (RFC 8785 for the strings, integers and booleans of a policy). */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
