// The form of a guard's options: which members exist, and what each may be.

import * as v from "valibot";
import { describeIssues } from "../core/configuration-error.ts";

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const callable = v.function("must be a function");
const COMMON = {
  policy: v.custom(isObject, "must be the content of policy.json, or a compiled policy"),
  accept: callable,
  secrets: v.optional(
    v.custom(
      (value) => isObject(value) || typeof value === "function",
      "must be the secrets by their names, or a function that finds one",
    ),
  ),
  onDecision: v.optional(callable),
  lists: v.optional(callable),
  clock: v.optional(callable),
  servesEveryRoute: v.optional(v.boolean("must be true or false")),
};
const BEHIND_EDGE = {
  keys: v.custom(isKeySource, "must be the JWKS URL of the edge, a JWK Set, or a function that finds a key"),
  issuer: v.pipe(
    v.string("must be the edge's ISSUER"),
    v.check(
      (text) => URL.parse(text)?.origin === text,
      "must be the edge's ISSUER: https://HOST without a path and without a slash at its end",
    ),
  ),
  audience: v.pipe(v.string("must be the edge's AUDIENCE"), v.minLength(1)),
};
const WITHOUT_EDGE = { readCertificate: callable, crossCheck: v.optional(callable) };
const GUARD_MEMBERS = { onRefusal: v.optional(callable) };
const VERIFIER_MEMBERS = { route: v.optional(v.string("must be a route of the policy")) };
/** Made once, because options may be a function that is called for each request. */
const SCHEMAS = {
  guard: schemasOf(GUARD_MEMBERS),
  verifier: schemasOf(VERIFIER_MEMBERS),
};

function schemasOf(own: v.ObjectEntries) {
  return {
    behindEdge: v.strictObject({ ...COMMON, ...BEHIND_EDGE, ...own }),
    withoutEdge: v.strictObject({ ...COMMON, ...WITHOUT_EDGE, ...own }),
  };
}

/** Whether the options are those of an origin that reads the certificate itself. */
export function isWithoutEdge(options: object): boolean {
  return "readCertificate" in options;
}

/** The problems of each member by itself, with its JSON pointer. */
export function findFormProblems(options: unknown, kind: "guard" | "verifier"): string[] {
  if (!isObject(options)) return ["/: must be an object"];
  if (isWithoutEdge(options) && "keys" in options)
    return ["/keys: is for an origin behind the edge, readCertificate for one without it: pass one of them"];
  const schema = SCHEMAS[kind][isWithoutEdge(options) ? "withoutEdge" : "behindEdge"];
  const { issues = [] } = v.safeParse(schema, options);
  return describeIssues(issues);
}

function isKeySource(value: unknown): boolean {
  if (typeof value === "string" || typeof value === "function" || value instanceof URL) return true;
  return isObject(value) && "keys" in value && Array.isArray(value.keys);
}
