// URLs of programs that events are brought to: where they are, and nothing more.

import { isHttpsOrLoopback, showUrl } from "../core/secure-url.ts";
import { UsageError } from "./command.ts";

/** @throws UsageError that shows no user, password and query */
export function parseBaseUrl(option: string, text: string): string {
  const url = URL.parse(text);
  if (url !== null && isHttpsOrLoopback(url) && (text === url.origin || text === `${url.origin}/`)) return url.origin;
  throw new UsageError(
    `--${option} ${showUrl(text)}: https://HOST without a path (http:// only to loopback); events come at their own`,
  );
}
