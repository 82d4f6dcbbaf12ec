// Refuses requests that a foreign page has caused, or that come from nobody who may see the console, and tells browsers what a page
// may load. Every answer of the console passes here.

import { createMiddleware } from "hono/factory";
import { messageOf } from "../../core/failure-chain.ts";
import { peerOf } from "../verifier.ts";
import type { ConsoleContext, ConsoleEnv, Setting } from "./context.ts";
import { randomText } from "./random-text.ts";

/** The header fields of every answer. `nonce`: of the one script and the one style sheet. */
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
    // With "no-referrer" browsers send a form without its Origin.
    ["referrer-policy", "same-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-resource-policy", "same-origin"],
    ["vary", "accept, origin, sec-fetch-site"],
  ];
}

/** Sets `visitor` and `nonce` for the pages. */
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
    // A request without credentials is the first one of a browser, or a stranger's. It is not logged.
    if (c.req.header("authorization") !== undefined || c.req.header("cookie") !== undefined)
      deny(c, setting, "the visitor is not known", 403);
    return challenge === undefined
      ? c.text("You may not see this console.\n", 403)
      : c.text("Credentials are required.\n", 401, { "www-authenticate": challenge });
  }
  c.set("visitor", visitor);
  return undefined;
}

/** A visitor of whom nobody can tell who it is sees nothing. */
async function askVisitor(c: ConsoleContext, { visitor, log }: Setting) {
  try {
    return await visitor(c.req.raw);
  } catch (error) {
    log({ decision: "failed", code: "console_failed", why: messageOf(error) });
    return c.text("It cannot be told who you are: see the log.\n", 503);
  }
}

/** What is foreign about a request. Undefined for one of the console's own pages, of a typed address or of a program. */
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
