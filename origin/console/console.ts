// The console shows one inbox: as pages for people, and as JSON for programs.

import { Hono } from "hono";
import { html } from "hono/html";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { printDecision } from "../guard/read-options.ts";
import { actionPage, confirmPage, readOnly, toAction } from "./action-pages.ts";
import { type ConsoleContext, type ConsoleEnv, type Setting, type View, viewOf } from "./context.ts";
import { bodyDownload, eventPage } from "./event/page.ts";
import { eventsPage } from "./events/page.ts";
import { readForm } from "./form.ts";
import { answer } from "./layout.ts";
import { link } from "./links.ts";
import { Changes, liveUpdates } from "./live.ts";
import type { ConsoleOptions, ConsoleParts } from "./options.ts";
import { overviewPage } from "./overview-page.ts";
import { protect } from "./protection.ts";
import { randomText } from "./random-text.ts";
import { refusalsPage } from "./refusals/page.ts";
import { refusalPage, refusedCertificate } from "./refusals/refusal-page.ts";
import { SCRIPT } from "./script.ts";
import { sendPage, sentPage } from "./send-page.ts";
import { sendersPage } from "./senders-page.ts";
import { visible } from "./show.ts";
import { STYLE } from "./style.ts";

/**
 * Makes the console as a Hono app, to be mounted in one of your apps: `app.route("/console", createConsole({ path: "/console", …
 * }))`. Serve it from one process only. Each process makes its own form token, so it refuses a form on a page that another process
 * made. The console shows what senders sent, so mount it where only operators have access.
 * @throws ConfigurationError that lists every problem of the options
 */
export function createConsole(options: ConsoleOptions): Hono {
  return createConsoleOf(options, {});
}

/** Like `createConsole`, but also takes the `parts` that only our own programs have. */
export function createConsoleOf(options: ConsoleOptions, parts: ConsoleParts): Hono {
  const setting = settingOf(options, parts);
  const changes = new Changes(() => setting.inbox.pulse());
  const app = new Hono<ConsoleEnv>();
  app.use(protect(setting));
  const page = (show: (c: ConsoleContext, view: View) => Response | Promise<Response>) => (c: ConsoleContext) =>
    show(c, viewOf(c, setting));
  app.get("/", page(overviewPage));
  app.get("/events", page(eventsPage));
  app.get("/events/:id", (c) => eventPage(c, viewOf(c, setting), c.req.param("id")));
  app.get("/events/:id/body", (c) => bodyDownload(c, viewOf(c, setting), c.req.param("id")));
  app.get("/refusals", page(refusalsPage));
  app.get("/refusals/:sequence", (c) => refusalPage(c, viewOf(c, setting), c.req.param("sequence")));
  app.get("/refusals/:sequence/certificate", (c) => refusedCertificate(c, viewOf(c, setting), c.req.param("sequence")));
  app.get("/senders", page(sendersPage));
  app.on(["GET", "POST"], "/actions/:action", async (c) => {
    const action = toAction(c.req.param("action"));
    if (action === undefined) return await notFound(c, viewOf(c, setting));
    return await (c.req.method === "POST" ? actionPage : confirmPage)(c, viewOf(c, setting), action);
  });
  const { tests } = parts;
  if (tests !== undefined) {
    app.on(["GET", "POST"], "/send", async (c) => {
      const view = viewOf(c, setting);
      if (view.visitor.role === "reader") return await readOnly(c, view);
      return c.req.method === "POST"
        ? await sentPage(c, view, tests, await readForm(c))
        : await sendPage(c, view, tests);
    });
  }
  app.get("/live", (c) => liveUpdates(c, setting, changes));
  app.get("/console.js", (c) => c.body(SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" }));
  app.get("/console.css", (c) => c.body(STYLE, 200, { "content-type": "text/css; charset=utf-8" }));
  app.all("*", page(notFound));
  app.onError((error, c) => failure(c as ConsoleContext, setting, error));
  return app as unknown as Hono;
}

/** The inbox and the policy file that commands use by default. */
const USUAL_PLACES = { inbox: "inbox.sqlite", policy: "policy.json" };

function settingOf(options: ConsoleOptions, parts: ConsoleParts): Setting {
  const { policy, hosts, path = "", log = printDecision, places = USUAL_PLACES } = options;
  const problems = [
    ...(isPlainPath(path) ? [] : [`path ${JSON.stringify(path)} is no path like /console`]),
    ...(typeof hosts === "function" || hosts.length > 0 ? [] : ["hosts is empty: name the hosts of the console's URL"]),
    ...(typeof hosts === "function" ? [] : hosts.filter((host) => !isHostName(host))).map(
      (host) =>
        `hosts: ${JSON.stringify(host)} is no host of a URL: without scheme and port, an IPv6 address in brackets`,
    ),
    ...(typeof options.visitor === "function" ? [] : ["visitor is missing: it says who may see the console"]),
  ];
  if (problems.length > 0) throw new ConfigurationError("console", problems);
  const names = typeof hosts === "function" ? undefined : new Set(hosts.map((host) => host.toLowerCase()));
  return {
    ...options,
    policy: typeof policy === "function" ? policy : () => policy,
    base: path.replace(/\/$/, ""),
    isOwnHost: typeof hosts === "function" ? hosts : (host) => names?.has(host) ?? false,
    log,
    places,
    parts,
    formToken: randomText(),
  };
}

function isPlainPath(path: string): boolean {
  return /^(?:\/[\w.-]+)*\/?$/.test(path) && URL.parse(path, "http://host/")?.pathname === (path || "/");
}

function isHostName(host: string): boolean {
  return typeof host === "string" && URL.parse(`http://${host}/`)?.hostname === host.toLowerCase();
}

async function notFound(c: ConsoleContext, view: View) {
  // For an app that mounts the console, the path with a slash at its end is a different path, at which there is no page. So a
  // request for it is redirected to the path without the slash.
  const { base } = view.setting;
  if (base !== "" && view.url.pathname === `${base}/`) return c.redirect(base, 308);
  const main = html`<h1>No such page</h1><p><a href="${link(view, "/")}">Overview</a></p>`;
  return await answer(c, view, { title: "No such page", section: undefined, status: 404, main }, () => ({
    problems: ["there is no such page"],
  }));
}

/** Answers a request for a page that could not be made. The usual cause is that the store cannot be reached. */
async function failure(c: ConsoleContext, setting: Setting, error: Error) {
  const why = messageOf(error);
  setting.log({ decision: "failed", code: "console_failed", why, path: new URL(c.req.url).pathname });
  // The visitor is not known yet, so the reason is only in the log.
  if (c.var.visitor === undefined) return c.text("The page cannot be made: see the log.\n", 500);
  const main = html`<h1>The page cannot be made</h1><p class="notice bad" role="alert">${visible(why)}</p>`;
  const view = viewOf(c, setting);
  return await answer(c, view, { title: "Failed", section: undefined, status: 500, main }, () => ({ problems: [why] }));
}
