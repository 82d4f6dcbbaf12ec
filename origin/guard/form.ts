// The form of a guard's options: which members exist, and what each may be.

import { describeIssues } from "../../core/configuration-error.ts";
import {
  boolean,
  check,
  custom,
  type Form,
  type Members,
  notEmpty,
  object,
  optional,
  or,
  string,
} from "../../core/form.ts";
import { readForm } from "../../core/form-reading.ts";

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const callable = custom((value) => typeof value === "function", "must be a function");
const COMMON = {
  policy: custom(isObject, "must be the content of policy.json, or a compiled policy"),
  accept: callable,
  secrets: optional(
    custom(
      (value) => isObject(value) || typeof value === "function",
      "must be the secrets by their names, or a function that finds one",
    ),
  ),
  onDecision: optional(callable),
  lists: optional(callable),
  clock: optional(callable),
  servesEveryRoute: optional(or(boolean(), "must be true or false")),
};
const BEHIND_EDGE = {
  keys: custom(isKeySource, "must be the JWKS URL of the edge, a JWK Set, or a function that finds a key"),
  issuer: or(
    string(
      check(
        (text) => URL.parse(text)?.origin === text,
        "must be the edge's ISSUER: https://HOST without a path and without a slash at its end",
      ),
    ),
    "must be the edge's ISSUER",
  ),
  audience: or(string(notEmpty()), "must be the edge's AUDIENCE"),
};
const WITHOUT_EDGE = { readCertificate: callable, crossCheck: optional(callable) };
const GUARD_MEMBERS = { onRefusal: optional(callable) };
const VERIFIER_MEMBERS = { route: optional(or(string(), "must be a route of the policy")) };
/** The schemas are made only once, because a guard may read new options for each request. */
const SCHEMAS = {
  guard: schemasOf(GUARD_MEMBERS),
  verifier: schemasOf(VERIFIER_MEMBERS),
};

function schemasOf(own: Members) {
  return {
    behindEdge: object({ ...COMMON, ...BEHIND_EDGE, ...own }),
    withoutEdge: object({ ...COMMON, ...WITHOUT_EDGE, ...own }),
  };
}

/** Returns true if the options are those of an origin that reads the certificate itself. */
export function isWithoutEdge(options: object): boolean {
  return "readCertificate" in options;
}

/** Returns the problems of each single member, with the JSON pointer of the member. */
export function findFormProblems(options: unknown, kind: "guard" | "verifier"): string[] {
  if (!isObject(options)) return ["/: must be an object"];
  if (isWithoutEdge(options) && "keys" in options)
    return ["/keys: is for an origin behind the edge, readCertificate for one without it: pass one of them"];
  const schema: Form<unknown> = SCHEMAS[kind][isWithoutEdge(options) ? "withoutEdge" : "behindEdge"];
  return describeIssues(readForm(schema, options).problems);
}

function isKeySource(value: unknown): boolean {
  if (typeof value === "string" || typeof value === "function" || value instanceof URL) return true;
  return isObject(value) && "keys" in value && Array.isArray(value.keys);
}
