// Reads the event key and the order key of an event, from a header or from members of a JSON body. The event key stays the same
// when the sender sends the event again. The sender chooses the keys, so they are as trustworthy as the sender, and two senders may
// use the same key.

import { hash } from "node:crypto";
import { parsePointer } from "../../core/configuration-error.ts";
import type { Delivery, EventKeys } from "../../core/delivery/delivery.ts";
import type { EventKeyRule, Sender } from "../../core/policy/policy.ts";
import { MAX_EVENT_KEY_CHARACTERS } from "../../core/wire.ts";
import { UnreadableBody } from "./json-octets.ts";
import { readPointers } from "./json-pointers.ts";

/** The key of one event, or the reason why it has none. The reason quotes nothing of the event. */
export type EventKeyReading =
  | { readonly key: string; readonly problem?: undefined }
  | { readonly key?: undefined; readonly problem: string };

/**
 * Has a member for each key that the sender's policy names but the event does not have. The value says why the event does not have
 * this key.
 */
export type UnreadKeys = { readonly [key in keyof EventKeys]?: string };

export function readEventKeys(
  { eventKey, orderKey }: Pick<Sender, "eventKey" | "orderKey">,
  headers: Delivery["headers"],
  body: Uint8Array,
): { readonly keys: EventKeys; readonly unread: UnreadKeys } {
  const event = eventKey && readEventKey(eventKey, headers, body);
  const order = orderKey && readEventKey(orderKey, headers, body);
  return {
    keys: { eventKey: event?.key, orderKey: order?.key },
    unread: {
      ...(event?.problem !== undefined && { eventKey: event.problem }),
      ...(order?.problem !== undefined && { orderKey: order.problem }),
    },
  };
}

/**
 * Returns the key of one event as a JSON array. The array has the text of the header or the text at each pointer. It has null for a
 * pointer at which the body has no text, number or boolean. A long array is replaced by a JSON string with its digest. An event has
 * no key if nothing that the rule names is present, or if its body cannot be parsed.
 */
export function readEventKey(rule: EventKeyRule, headers: Delivery["headers"], body: Uint8Array): EventKeyReading {
  try {
    const parts =
      "header" in rule
        ? [headers.find(([name]) => name === rule.header)?.[1]]
        : readPointers(body, rule.pointers.map(parsePointer));
    if (parts.every((part) => part === undefined || part === "")) return { problem: describeMissing(rule) };
    const key = JSON.stringify(parts.map((part) => part ?? null));
    return { key: key.length <= MAX_EVENT_KEY_CHARACTERS ? key : JSON.stringify(`sha-256 ${hash("sha256", key)}`) };
  } catch (error) {
    if (error instanceof UnreadableBody) return { problem: error.message };
    throw error;
  }
}

function describeMissing(rule: EventKeyRule): string {
  return "header" in rule
    ? `there is no header ${rule.header}, or it is empty`
    : `the body has no text, number or boolean at ${rule.pointers.join(", ")}`;
}
