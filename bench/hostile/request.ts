// Makes a stranger's request of a given shape: with certificates, or with signature headers and a body.

import { randomBytes } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";
import { type Chain, makeChain } from "./chain.ts";
import type { Shape } from "./shape.ts";
import { CERTIFICATE_PATH, SIGNATURE_PATH, type World } from "./world.ts";

export interface HostileRequest {
  readonly path: string;
  readonly chain: Chain | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const EMPTY = Buffer.from("{}");

export function makeRequest(shape: Shape, world: World): HostileRequest {
  if (shape.factor === "certificate")
    return { path: CERTIFICATE_PATH, chain: makeChain(shape, world), headers: {}, body: EMPTY };
  const encoding = shape.bodyKind === "gzip" ? { "content-encoding": "gzip" } : {};
  return {
    path: SIGNATURE_PATH,
    chain: undefined,
    headers: { ...makeHeaders(shape), ...encoding },
    body: makeBody(shape),
  };
}

/** Returns the values of `Client-Cert` and `Client-Cert-Chain`. */
export function fieldsOf({ malformed }: Shape, { leaf, intermediates }: Pick<Chain, "leaf" | "intermediates">) {
  const field = (base64: string) => `:${base64}:`;
  const end = malformed === "field" ? "!" : "";
  return { leaf: field(leaf), chain: intermediates.map(field).join(", ") + end };
}

/** The limit for the headers of a request. It is below the limit of our listeners, which is Node's default of 16 KiB. */
const MAX_HEADER_CHARACTERS = 15_000;

function makeHeaders(shape: Shape): Record<string, string> {
  const all: Shape["scheme"][] = ["docusign", "standard-webhooks", "svix", "slack", "stripe", "pagerduty", "github"];
  const schemes = shape.schemes === "all" ? all : [shape.scheme];
  const headers = Object.assign({}, ...schemes.map((scheme) => headersOf(scheme, shape)));
  let left = MAX_HEADER_CHARACTERS;
  return Object.fromEntries(
    Object.entries<string>(headers).filter(([name, value]) => {
      left -= name.length + value.length + 4;
      return left > 0;
    }),
  );
}

function headersOf(scheme: Shape["scheme"], { hmacs, ed25519s, others }: Shape): Record<string, string> {
  const now = String(Math.floor(Date.now() / 1000));
  const hex = () => randomBytes(32).toString("hex");
  const base64 = (octets = 32) => randomBytes(octets).toString("base64");
  const list = (count: number, make: () => string) => Array.from({ length: count }, make);
  if (scheme === "github") return { "x-hub-signature-256": `sha256=${hex()}` };
  if (scheme === "slack") return { "x-slack-request-timestamp": now, "x-slack-signature": `v0=${hex()}` };
  if (scheme === "docusign")
    return Object.fromEntries(
      list(Math.max(hmacs, 1), base64).map((text, at) => [`x-docusign-signature-${at + 1}`, text]),
    );
  const junk = list(others, () => `v9=${hex()}`);
  if (scheme === "pagerduty")
    return { "x-pagerduty-signature": [...list(Math.min(Math.max(hmacs, 1), 16), () => `v1=${hex()}`)].join(",") };
  if (scheme === "stripe") {
    const elements = [`t=${now}`, ...list(Math.min(Math.max(hmacs, 1), 15), () => `v1=${hex()}`), ...junk];
    return { "stripe-signature": elements.slice(0, 16).join(",") };
  }
  const name = scheme === "svix" ? "svix" : "webhook";
  const elements = [...list(ed25519s, () => `v1a,${makeEd25519Signature()}`), ...list(hmacs, () => `v1,${base64()}`)];
  return {
    [`${name}-id`]: "i".repeat(256),
    [`${name}-timestamp`]: now,
    [`${name}-signature`]: (elements.length === 0 ? [`v1,${base64()}`] : elements).slice(0, 16).join(" "),
  };
}

/**
 * Makes a random Ed25519 signature whose number S is in the valid range (RFC 8032 §5.1.7). A signature with a larger S would be
 * refused without a verification.
 */
function makeEd25519Signature(): string {
  const octets = randomBytes(64);
  octets[63] = (octets[63] as number) & 0x0f;
  return octets.toString("base64");
}

const NOISE = 0x40;

function makeBody({ bodyKind: kind, bodyKilobytes }: Shape): Buffer {
  const size = bodyKilobytes * 1000;
  const repeat = (text: string, start = "", end = "") =>
    Buffer.from(start + text.repeat(Math.max(0, Math.floor((size - start.length - end.length) / text.length))) + end);
  if (kind === "json") return repeat('"a":1,', "{", '"b":{}}');
  if (kind === "deep") return Buffer.from("[".repeat(size / 2) + "]".repeat(size / 2));
  if (kind === "numbers") return repeat("1.50,", "[", "1e3]");
  if (kind === "letters") return repeat("é<&/", '{"z":"x","a":"', '"}');
  if (kind === "form") return repeat("a=%41+", "", "&b=%25");
  if (kind === "lines") return repeat("\r\n");
  if (kind === "gzip") return gzipOf(size);
  return Buffer.alloc(size);
}

/** Makes a gzip body of about this size. The decompressed body is a thousand times as large. */
function gzipOf(size: number): Buffer {
  const whole = gzipSync(Buffer.alloc(size * 1000, NOISE), { level: 9 });
  return whole.length <= size || size === 0
    ? whole
    : Buffer.concat([whole.subarray(0, size - 8), deflateRawSync(EMPTY)]);
}
