// What people give in place of a policy. A check of its members would call for what can never be added to such a file.

import { UsageError } from "./command.ts";
import { readJson } from "./files.ts";

const MEMBERS = ["anchors", "senders", "routes"];

/** The member that tells another kind of file, what that is called, and which option takes it. */
const OTHERS: readonly (readonly [member: string, what: string, taker: string])[] = [
  ["keys", "a set of keys", "--jwks takes the public one of an edge"],
  ["kty", "a key", "--jwks takes the public set of an edge"],
  ["compatibility_date", "a wrangler file", "policy check --edge --wrangler takes it"],
];

/** @throws UsageError if the document has no member of a policy, and is of a kind that is known */
export function requirePolicyDocument(file: string, document: unknown): void {
  if (typeof document !== "object" || document === null || MEMBERS.some((name) => Object.hasOwn(document, name)))
    return;
  const [, what, taker] = OTHERS.find(([member]) => Object.hasOwn(document, member)) ?? [];
  if (what === undefined) return;
  throw new UsageError(`${file} holds ${what} and no policy: give the file of the policy (${taker})`);
}

/** The document of a policy file, whose members nobody has checked. @throws UsageError */
export function readPolicyDocument(file: string): unknown {
  const document = readJson(file);
  requirePolicyDocument(file, document);
  return document;
}
