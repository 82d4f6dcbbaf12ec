// Reads the form of a POST request, up to a limited size.

import type { ConsoleContext } from "./context.ts";

const MAX_FORM_BYTES = 1024 * 1024;
/**
 * The largest number of octets that are read of a body that is too large for a form. The octets are dropped. They must be read,
 * because a browser does not read the response while it is still sending the body.
 */
const MAX_READ_BYTES = 16 * 1024 * 1024;

/** Returns the fields of the form. Undefined if the body is no form, or if it is too large. */
export async function readForm(c: ConsoleContext): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded(?:;|$)/i.test(c.req.header("content-type") ?? "")) return undefined;
  const reader = c.req.raw.body?.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > MAX_READ_BYTES) return undefined;
    if (bytes <= MAX_FORM_BYTES) text += decoder.decode(part.value, { stream: true });
  }
  return bytes > MAX_FORM_BYTES ? undefined : new URLSearchParams(text);
}
