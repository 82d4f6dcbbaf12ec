// Decides whether an event belongs to the tenant that the policy names. For each JSON pointer, the policy lists the strings that
// may be there. This is needed because a certificate or a token proves only the vendor, which sends the events of all its customers.

import type { BodyRule } from "../policy/policy.ts";
import { Refusal, refusalOf, resultOf } from "../refusal.ts";
import { parseStrictJson } from "../request/strict-json.ts";
import { MAX_JSON_MATCHES } from "../wire.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i;
const OTHER_CHARSET = /charset(?! *= *"?utf-8"? *(?:;|$))/i;

/** The body of one request. It is read once, and only if a candidate has rules for it. */
export class MatchedBody {
  readonly #headers: Headers;
  readonly #body: Uint8Array;
  #read: { readonly value: unknown } | Refusal | undefined;
  /** The reason why the first candidate with other rules does not match. */
  failure: Refusal | undefined;

  constructor(headers: Headers, body: Uint8Array) {
    this.#headers = headers;
    this.#body = body;
  }

  satisfies(rules: readonly BodyRule[]): boolean {
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
 * Checks each rule of a sender. `*` in a pointer stands for every element of an array. The pointer must lead to a string of the
 * list in each element, so that no element belongs to another tenant.
 * @throws Refusal `json_value_missing`, `json_not_text`, `json_value_not_listed`, `json_too_many_matches`
 */
export function verifyBody(rules: readonly BodyRule[], value: unknown): void {
  for (const rule of rules) {
    if (countMatches(rule, value, 0) === 0) throw new Refusal("json_value_missing", { pointer: rule.pointer });
  }
}

/** Checks the values at the pointer below `value`, which is at this depth, and returns how many there are. @throws Refusal */
function countMatches(rule: BodyRule, value: unknown, depth: number): number {
  const { pointer, path, values } = rule;
  const name = path[depth];
  if (name === undefined) {
    if (typeof value !== "string") throw new Refusal("json_not_text", { pointer });
    if (!isListed(values, value)) throw new Refusal("json_value_not_listed", { pointer });
    return 1;
  }
  if (name === "*" && Array.isArray(value)) return countInElements(rule, value, depth + 1);
  if (name !== "*" && isObject(value) && Object.hasOwn(value, name)) return countMatches(rule, value[name], depth + 1);
  throw new Refusal("json_value_missing", { pointer });
}

/** A Set hashes each value of the body first, which takes twice as long as comparing it with up to about eight texts. */
function isListed(values: ReadonlySet<string>, value: string): boolean {
  if (values.size > 8) return values.has(value);
  for (const listed of values) if (listed === value) return true;
  return false;
}

function countInElements(rule: BodyRule, elements: readonly unknown[], depth: number): number {
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
