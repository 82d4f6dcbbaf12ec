// Prints the JSON Schema of policy.json, generated from the schema that the code uses.

import { toJsonSchema } from "@valibot/to-json-schema";
import { PolicySchema } from "../core/policy-schema.ts";
import { printJson } from "./output.ts";
import { type SchemaNode, withDescriptions } from "./policy-descriptions.ts";

/** The published schema. Rules that JSON Schema cannot express (references, dates that exist) are only checked by the code. */
export function policyJsonSchema(): unknown {
  return {
    title: "Countersign policy",
    ...withDescriptions(toJsonSchema(PolicySchema, { errorMode: "ignore" }) as SchemaNode),
  };
}

if (import.meta.main) printJson(policyJsonSchema());
