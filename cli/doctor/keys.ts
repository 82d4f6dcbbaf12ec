// Checks the keys that the edge publishes, and whether the origin knows them.

import { parsePublicKeySet } from "../../core/assertion/keys.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { JWKS_PATH } from "../../core/wire.ts";
import { holdsPrivateKeys } from "../files/key-sets.ts";
import { sendEvent } from "../http-client.ts";
import { type CheckReport, type Finding, found } from "./findings.ts";
import type { Subject } from "./subject.ts";

export async function checkKeys({ url, serverCa, options: { jwks, pinned } }: Subject): Promise<CheckReport> {
  const check = "published keys";
  const from = jwks ?? new URL(JWKS_PATH, url).href;
  const { status, text } = await fetchKeys(from, serverCa);
  // An origin without an edge publishes no keys. So missing keys are a finding only if `--jwks` gives their URL.
  if (jwks === undefined && status !== 200)
    return {
      check,
      seen: [],
      findings: [],
      notChecked: `no keys are published at ${from} (${status}): give --jwks with their URL`,
    };
  if (status !== 200) return { check, seen: [], findings: [found("keys_unreachable", `GET ${from}: ${status}`)] };
  const set = parseJson(text);
  if (holdsPrivateKeys((set as { readonly keys?: unknown } | null | undefined)?.keys))
    return { check, seen: [], findings: [found("keys_private", from)] };
  return { check, ...judgeKeys(set, pinned, from) };
}

function judgeKeys(set: unknown, pinned: unknown, from: string): { seen: string[]; findings: Finding[] } {
  try {
    const kids = parsePublicKeySet(set).map(({ kid }) => kid);
    const known = pinned === undefined ? kids : parsePublicKeySet(pinned).map(({ kid }) => kid);
    const isDisjoint = !kids.some((kid) => known.includes(kid));
    const evidence = `published at ${from}: ${kids.join(", ")}; pinned: ${known.join(", ")}`;
    return { seen: [`${from}: ${kids.join(", ")}`], findings: isDisjoint ? [found("keys_disjoint", evidence)] : [] };
  } catch (error) {
    return { seen: [], findings: [found("keys_malformed", `${from}: ${messageOf(error)}`)] };
  }
}

async function fetchKeys(
  url: string,
  serverCa: string | undefined,
): Promise<{ status: number | string; text: string }> {
  try {
    // The keys are fetched as an origin fetches them: only from a server whose certificate is verified.
    const { status, body } = await sendEvent(url, { method: "GET", headers: {}, body: "", serverCa });
    return { status, text: body };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { status: code ?? message, text: "" };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
