// What identifies an event across its sender's retries, read from a header or from members of a JSON body.
// The sender chose it: it is as trustworthy as the sender, and two senders may use the same.

import { hash } from "node:crypto";
import { parsePointer } from "./configuration-error.ts";
import type { EventKeyRule } from "./policy.ts";
import { MAX_EVENT_KEY_CHARACTERS } from "./wire.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * The key of one event, as a JSON list of texts: one for each pointer, null where the body has no such member. Of a long
 * list the digest, as a JSON text.
 * Undefined when nothing that the rule names is there, or the body is no JSON: such an event has no key.
 */
export function readEventKey(
  rule: EventKeyRule,
  headers: readonly (readonly [name: string, value: string])[],
  body: Uint8Array,
): string | undefined {
  const parts =
    "header" in rule ? [headers.find(([name]) => name === rule.header)?.[1]] : readMembers(rule.pointers, body);
  if (parts.every((part) => part === undefined || part === "")) return undefined;
  const key = JSON.stringify(parts.map((part) => part ?? null));
  return key.length <= MAX_EVENT_KEY_CHARACTERS ? key : JSON.stringify(`sha-256 ${hash("sha256", key)}`);
}

function readMembers(pointers: readonly string[], body: Uint8Array): (string | undefined)[] {
  const document = parseJson(body);
  return pointers.map((pointer) => textOf(resolvePointer(document, pointer)));
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

/** The value at a JSON pointer (RFC 6901), of own members alone. */
function resolvePointer(document: unknown, pointer: string): unknown {
  return parsePointer(pointer).reduce<unknown>(
    (value, member) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, member)
        ? (value as Record<string, unknown>)[member]
        : undefined,
    document,
  );
}

/** Numbers and texts alike: some senders write an id as either. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}
