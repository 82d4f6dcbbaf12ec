// Refuses requests that a foreign page has caused, and requests of visitors who may not see the console. Tells browsers what a
// page may load. Every response of the console passes through this file.

import { createMiddleware } from "hono/factory";
import { messageOf } from "../../core/failure-chain.ts";
import { peerOf } from "../verifier.ts";
import type { ConsoleContext, ConsoleEnv, Setting } from "./context.ts";
import { randomText } from "./random-text.ts";

/** Returns the header fields of every response. The only script and the only style sheet have this `nonce`. */
function headersOf(nonce: string): readonly (readonly [name: string, value: string])[] {
  const source = `'nonce-${nonce}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${source}`,
    `style-src ${source}`,
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return [
    ["content-security-policy", policy.join("; ")],
    ["cache-control", "no-store"],
    ["x-content-type-options", "nosniff"],
    ["x-frame-options", "DENY"],
    // With "no-referrer", browsers would send a form with `Origin: null`, and the form would be refused.
    ["referrer-policy", "same-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-resource-policy", "same-origin"],
    ["vary", "accept, origin, sec-fetch-site"],
  ];
}

/** Makes middleware that sets `visitor` and `nonce` for the pages. */
export function protect(setting: Setting) {
  return createMiddleware<ConsoleEnv>(async (c, next) => {
    c.set("nonce", randomText());
    const refusal = await refuse(c, setting);
    if (refusal === undefined) await next();
    else c.res = refusal;
    for (const [name, value] of headersOf(c.var.nonce)) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  });
}

async function refuse(c: ConsoleContext, setting: Setting): Promise<Response | undefined> {
  const foreign = findForeign(c, setting);
  if (foreign !== undefined) return deny(c, setting, foreign, 403);
  if (!["GET", "HEAD", "POST"].includes(c.req.method)) return c.text("GET, HEAD or POST\n", 405);
  const visitor = await askVisitor(c, setting);
  if (visitor instanceof Response) return visitor;
  if (visitor === undefined) {
    const { challenge } = setting.parts;
    // A request without credentials may be the first request of a browser, or a request of a stranger. Such a request is not
    // logged.
    if (c.req.header("authorization") !== undefined || c.req.header("cookie") !== undefined)
      deny(c, setting, "the visitor is not known", 403);
    return challenge === undefined
      ? c.text("You may not see this console.\n", 403)
      : c.text("Credentials are required.\n", 401, { "www-authenticate": challenge });
  }
  c.set("visitor", visitor);
  return undefined;
}

/** Calls the `visitor` option, which returns who sent the request. If the option throws, the request is refused. */
async function askVisitor(c: ConsoleContext, { visitor, log }: Setting) {
  try {
    return await visitor(c.req.raw);
  } catch (error) {
    log({ decision: "failed", code: "console_failed", why: messageOf(error) });
    return c.text("It cannot be told who you are: see the log.\n", 503);
  }
}

/**
 * Returns why a request may be caused by a foreign page. Undefined if the request comes from one of the console's own pages, from
 * an address that a person typed, or from a program.
 */
function findForeign(c: ConsoleContext, { isOwnHost }: Setting): string | undefined {
  const { host, hostname } = new URL(c.req.url);
  if (!isOwnHost(hostname)) return "the Host is not one of the console's";
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return `the request comes from another site`;
  const origin = c.req.header("origin");
  if (origin !== undefined && URL.parse(origin)?.host !== host) return "the Origin is another one";
  return undefined;
}

function deny(c: ConsoleContext, { log }: Setting, why: string, status: 403): Response {
  const { hostname } = new URL(c.req.url);
  const facts = { host: hostname, origin: c.req.header("origin"), method: c.req.method, peer: peerOf(c.env) };
  log({ decision: "warning", code: "console_refused", why, ...facts });
  return c.text(`Refused: ${why}. Type the console's address into the browser yourself.\n`, status);
}
