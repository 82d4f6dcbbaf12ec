// Reads the form of a POST request, of a limited size.

import type { ConsoleContext } from "./context.ts";

const MAX_FORM_BYTES = 1024 * 1024;
/** A browser that is still sending does not read the answer, so that this much is read and forgotten. */
const MAX_READ_BYTES = 16 * 1024 * 1024;

/** Undefined if it is no form, or too large. */
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
