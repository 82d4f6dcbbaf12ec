// Makes the test vectors of vectors/assertion.json.

import { ACCEPTED } from "./accepted-cases.ts";
import type { CaseRow } from "./case-row.ts";
import { CLAIMS } from "./claim-cases.ts";
import { claimsOf } from "./forge.ts";
import { HEADERS } from "./header-cases.ts";
import { type ForwardedRequest, issue } from "./issue.ts";
import { REQUESTS } from "./request-cases.ts";
import { TOKENS } from "./token-cases.ts";
import { AUDIENCE, ISSUER, JWKS } from "./world.ts";

/** One request to a receiver, and the verdict that the receiver must reach. */
export interface AssertionCase {
  readonly name: string;
  readonly expect: "accept" | "reject";
  /** Countersign's refusal code. */
  readonly reason?: string;
  /** Unix seconds. */
  readonly now: number;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  /** Replaces `body` if the bytes are not text. */
  readonly bodyBase64?: string;
  /**
   * The signed headers of an accepted request, in the order of the claim `hdr`. The receiver may use them. Absent if the request is
   * not accepted, or if no header is signed.
   */
  readonly signed?: readonly (readonly [name: string, value: string])[];
}

export interface AssertionVectors {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: typeof JWKS;
  /** All cases must be given to one receiver, in this order, because the receiver remembers what it has accepted. */
  readonly cases: readonly AssertionCase[];
}

export async function makeAssertionVectors(): Promise<AssertionVectors> {
  const issued = new Map<string, ForwardedRequest>();
  const cases: AssertionCase[] = [];
  for (const row of [...ACCEPTED, ...TOKENS, ...CLAIMS, ...HEADERS, ...REQUESTS]) {
    const [, name, change, { of: seed = name, ...sent } = {}] = row;
    const request = issued.get(seed) ?? (await issue(seed, sent));
    issued.set(seed, request);
    cases.push(formatCase(row, change(request)));
  }
  return { issuer: ISSUER, audience: AUDIENCE, jwks: JWKS, cases };
}

function formatCase([verdict, name]: CaseRow, received: ForwardedRequest): AssertionCase {
  const { body, ...request } = received;
  const bytes = Buffer.from(body);
  const text = bytes.toString();
  const isText = Buffer.from(text).equals(bytes);
  const signed = verdict === "accept" ? signedOf(received) : [];
  return {
    name,
    ...(verdict === "accept" ? { expect: "accept" } : { expect: "reject", reason: verdict }),
    ...request,
    ...(isText ? { body: text } : { bodyBase64: bytes.toString("base64") }),
    ...(signed.length > 0 && { signed }),
  };
}

function signedOf(received: ForwardedRequest): [name: string, value: string][] {
  const { names = [] } = (claimsOf(received)["hdr"] ?? {}) as { names?: string[] };
  const valuesOf = (name: string) => received.headers.filter(([other]) => other === name).map(([, value]) => value);
  return names.map((name) => [name, valuesOf(name).join(", ")]);
}

/** Formats JSON with one line for each case. A case has several kilobytes, and a change of one case then changes only one line. */
export function formatAssertionVectors({ cases, ...rest }: AssertionVectors): string {
  const begin = JSON.stringify(rest, null, 2).replace(/\n}$/, "");
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`);
  return `${begin},\n  "cases": [\n${lines.join(",\n")}\n  ]\n}\n`;
}
