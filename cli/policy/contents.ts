// Recognises files that a user gives by mistake instead of a policy. Without this check, the errors would ask the user to add
// members that such a file can never have.

import { UsageError } from "../command.ts";
import { readJson } from "../files/files.ts";

const MEMBERS = ["anchors", "senders", "routes"];

/** The member by which a kind of file is recognised, the name of this kind, and the option that accepts such a file. */
const OTHERS: readonly (readonly [member: string, what: string, taker: string])[] = [
  ["keys", "a set of keys", "--jwks takes the public one of an edge"],
  ["kty", "a key", "--jwks takes the public set of an edge"],
  ["compatibility_date", "a wrangler file", "policy check --edge --wrangler takes it"],
];

/** Refuses a document of another known kind, unless it has a member of a policy. @throws UsageError */
export function requirePolicyDocument(file: string, document: unknown): void {
  if (typeof document !== "object" || document === null || MEMBERS.some((name) => Object.hasOwn(document, name)))
    return;
  const [, what, taker] = OTHERS.find(([member]) => Object.hasOwn(document, member)) ?? [];
  if (what === undefined) return;
  throw new UsageError(`${file} holds ${what} and no policy: give the file of the policy (${taker})`);
}

/** Reads a policy file. Its members are not checked. @throws UsageError */
export function readPolicyDocument(file: string): unknown {
  const document = readJson(file);
  requirePolicyDocument(file, document);
  return document;
}
