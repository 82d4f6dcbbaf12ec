// Decides whether an event belongs to the tenant that the policy names. For each JSON pointer, the policy lists the strings that
// may be there. This is needed because a certificate or a token proves only the vendor, which sends the events of all its
// customers. A token in the body is compared in the same way.

import type { BodyRule } from "../policy/policy.ts";
import { Refusal, refusalOf, resultOf } from "../refusal.ts";
import { parseStrictJson } from "../request/strict-json.ts";
import { MAX_JSON_MATCHES } from "../wire.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i;
const OTHER_CHARSET = /charset(?! *= *"?utf-8"? *(?:;|$))/i;

/** A place in a JSON body, and the texts that may stand there. */
export interface TextRule extends Pick<BodyRule, "pointer" | "path"> {
  readonly accepts: (text: string) => boolean;
  /** The refusal code for a text that is not accepted. */
  readonly code: "json_value_not_listed" | "token_mismatch";
}

/** Returns the rule for the values that the policy lists. */
export function listRule({ pointer, path, values }: BodyRule): TextRule {
  return { pointer, path, accepts: (text) => isListed(values, text), code: "json_value_not_listed" };
}

/** A Set hashes each text of the body. With up to about eight values, comparing the text with each value takes half as long. */
function isListed(values: ReadonlySet<string>, text: string): boolean {
  if (values.size > 8) return values.has(text);
  for (const listed of values) if (listed === text) return true;
  return false;
}

/** The body of one request. It is parsed only once, and only if a candidate has rules for the body. */
export class MatchedBody {
  readonly #headers: Headers;
  readonly #body: Uint8Array;
  #read: { readonly value: unknown } | Refusal | undefined;
  /** The refusal of the first candidate whose rules the body does not satisfy. */
  failure: Refusal | undefined;

  constructor(headers: Headers, body: Uint8Array) {
    this.#headers = headers;
    this.#body = body;
  }

  satisfies(rules: readonly TextRule[]): boolean {
    if (rules.length === 0) return true;
    this.#read ??= resultOf(() => ({ value: readJsonBody(this.#headers, this.#body) }));
    const read = this.#read;
    const failure = read instanceof Refusal ? read : refusalOf(() => verifyBody(rules, read.value));
    this.failure ??= failure;
    return failure === undefined;
  }
}

/**
 * Reads the body of a request as strict JSON, if its headers say that it is JSON.
 * @throws Refusal `content_*` or `json_*`
 */
export function readJsonBody(headers: Headers, body: Uint8Array): unknown {
  const type = headers.get("content-type") ?? "";
  if (!JSON_TYPE.test(type) || OTHER_CHARSET.test(type)) throw new Refusal("content_not_json");
  if (headers.has("content-encoding")) throw new Refusal("content_encoded");
  return parseStrictJson(body);
}

/**
 * Checks each rule of a sender. `*` in a pointer stands for every element of an array. The pointer must lead to an accepted string
 * in each element, so that no element belongs to another tenant.
 * @throws Refusal `json_value_missing`, `json_not_text`, `json_value_not_listed`, `token_mismatch`, `json_too_many_matches`
 */
export function verifyBody(rules: readonly TextRule[], value: unknown): void {
  for (const rule of rules) {
    if (countMatches(rule, value, 0) === 0) throw new Refusal("json_value_missing", { pointer: rule.pointer });
  }
}

/**
 * Follows the rest of the pointer, from `path[depth]`, and checks each value that the pointer leads to in `value`. Returns the
 * number of these values.
 * @throws Refusal
 */
function countMatches(rule: TextRule, value: unknown, depth: number): number {
  const { pointer, path, accepts, code } = rule;
  const name = path[depth];
  if (name === undefined) {
    if (typeof value !== "string") throw new Refusal("json_not_text", { pointer });
    if (!accepts(value)) throw new Refusal(code, { pointer });
    return 1;
  }
  if (name === "*" && Array.isArray(value)) return countInElements(rule, value, depth + 1);
  if (name !== "*" && isObject(value) && Object.hasOwn(value, name)) return countMatches(rule, value[name], depth + 1);
  throw new Refusal("json_value_missing", { pointer });
}

function countInElements(rule: TextRule, elements: readonly unknown[], depth: number): number {
  let matches = 0;
  for (const element of elements) {
    matches += countMatches(rule, element, depth);
    if (matches > MAX_JSON_MATCHES) throw new Refusal("json_too_many_matches", { pointer: rule.pointer });
  }
  return matches;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
