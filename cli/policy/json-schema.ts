// Prints the JSON Schema of policy.json. It is generated from the form with which the code checks a policy.

import type { FormNode, Rule } from "../../core/form.ts";
import { PolicySchema } from "../../core/policy/schema.ts";
import { printJson } from "../output.ts";
import { type SchemaNode, withDescriptions } from "./descriptions.ts";

/**
 * Returns the published schema. JSON Schema cannot express every rule, for example that the names of senders in a route exist.
 * Only the code checks such rules.
 */
export function policyJsonSchema(): unknown {
  return {
    title: "Countersign policy",
    ...withDescriptions(toJsonSchema(PolicySchema) as SchemaNode),
    $schema: "http://json-schema.org/draft-07/schema#",
  };
}

function toJsonSchema(form: FormNode): object {
  const { expected, choices, forms, members, names, each, rules } = form;
  if (forms !== undefined) return { anyOf: forms.map(toJsonSchema) };
  if (choices !== undefined) return { enum: choices, type: "string" };
  if (members !== undefined) return describeMembers(members);
  if (each !== undefined && names !== undefined) {
    const limits = limitsOf(rules, "Properties");
    return { type: "object", propertyNames: toJsonSchema(names), additionalProperties: toJsonSchema(each), ...limits };
  }
  if (each !== undefined) return { type: "array", items: toJsonSchema(each), ...limitsOf(rules, "Items") };
  return { type: expected, ...limitsOf(rules, expected === "number" ? "imum" : "Length") };
}

function describeMembers(members: NonNullable<FormNode["members"]>): object {
  const all = Object.entries(members);
  return {
    type: "object",
    properties: Object.fromEntries(all.map(([name, member]) => [name, toJsonSchema(member)])),
    required: all.flatMap(([name, { isOptional }]) => (isOptional ? [] : name)),
    additionalProperties: false,
  };
}

/** Returns the keywords for the rules that JSON Schema can express. */
function limitsOf(rules: readonly Rule<never>[], subject: "Properties" | "Items" | "imum" | "Length"): object {
  return Object.fromEntries(
    rules.flatMap(({ keyword, limit }): [string, unknown][] => {
      if (keyword === undefined) return [];
      if (keyword === "integer") return [["type", "integer"]];
      return [limit instanceof RegExp ? [keyword, limit.source] : [`${keyword}${subject}`, limit]];
    }),
  );
}

if (import.meta.main) printJson(policyJsonSchema());
