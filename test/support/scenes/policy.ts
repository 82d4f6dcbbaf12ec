// Makes a policy document in which a test adds an error in one place.

import { type Fixtures, policyDocument } from "./certificates.ts";

export type Json = { [member: string]: Json } | Json[] | string | number | boolean | null;

/** Returns a new policy document, as if it was read from text. The test may change the document. */
export function documentOf(fixtures: Fixtures) {
  const document = policyDocument(fixtures, {
    certificates: [{ subject: { CN: "client.example", O: "Countersign Tests" }, san: { dns: ["client.example"] } }],
    trust: { platform: false, maxChainDepth: 3 },
    deny: [{ sha256: "00".repeat(32) }],
  });
  const routes = {
    "/hooks": { senders: ["sender"], methods: ["POST"], maxBodyBytes: 1000, headers: ["X-Signature"], mode: "enforce" },
  };
  return structuredClone({ ...document, routes }) as unknown as { [member: string]: Json };
}

/**
 * Sets one member of the document. `path` has the member names and array indexes that lead to it. If the value is undefined,
 * removes the member.
 */
export function put(document: Json, path: readonly (string | number)[], value: Json | undefined): void {
  const last = path[path.length - 1] as string;
  let parent = document as Record<string, Json>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, Json>;
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}

export const ENTRY = ["senders", "sender", "certificates", 0] as const;
export const TRUST = ["senders", "sender", "trust"] as const;
export const ROUTE = ["routes", "/hooks"] as const;
