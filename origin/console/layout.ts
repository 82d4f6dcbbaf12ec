// Makes the header, the navigation and the HTML around the content of every page.

import { html, raw } from "hono/html";
import { escapeControls } from "../../core/shown-text.ts";
import type { ConsoleContext, View } from "./context.ts";
import { wantsJson } from "./context.ts";
import { link } from "./links.ts";
import type { Html } from "./show.ts";

/**
 * If it takes the time t to make a page, the browser waits at least 40 t before it fetches the page again. So one page keeps an
 * origin busy for at most a fortieth of the time.
 */
const REST_FACTOR = 40;

export interface Page {
  readonly title: string;
  /** The page's entry in the navigation. */
  readonly section: "overview" | "events" | "refusals" | "senders" | "send" | undefined;
  readonly main: Html;
  /**
   * The shortest time in seconds before a part with `data-live` is fetched again. Undefined means that no part is fetched again.
   */
  readonly liveSeconds?: number | undefined;
  readonly status?: 200 | 400 | 403 | 404 | 409 | 500;
}

/** Answers with the page, or with its facts if the request asks for JSON. */
export function answer(c: ConsoleContext, view: View, page: Page, facts: () => unknown): Response | Promise<Response> {
  const status = page.status ?? 200;
  if (wantsJson(c))
    return c.body(escapeControls(JSON.stringify(facts())), status, { "content-type": "application/json" });
  return c.html(frame(view, page), status);
}

function frame(view: View, { title, section, main, liveSeconds }: Page) {
  const { nonce, visitor } = view;
  const entries = [
    ["overview", "/", "Overview"],
    ["events", "/events", "Events"],
    ["refusals", "/refusals", "Refused"],
    ["senders", "/senders", "Senders"],
    ...(view.setting.parts.tests === undefined || visitor.role === "reader"
      ? []
      : [["send", "/send", "Send a test"] as const]),
  ] as const;
  const took = (performance.now() - view.begunAt) / 1000;
  const seconds = Math.max(liveSeconds ?? 0, Math.ceil(took * REST_FACTOR));
  const live =
    liveSeconds === undefined ? "" : raw(` data-live-seconds="${seconds}" data-live-url="${link(view, "/live")}"`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Countersign</title>
<link rel="stylesheet" href="${link(view, "/console.css")}" nonce="${nonce}">
<script src="${link(view, "/console.js")}" nonce="${nonce}" defer></script>
</head>
<body${live}>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="brand" href="${link(view, "/")}">Countersign</a>
<nav aria-label="Pages">${entries.map(
    ([name, path, text]) =>
      html`<a href="${link(view, path)}"${name === section ? raw(' aria-current="page"') : ""}>${text}</a>`,
  )}</nav>
<div class="visitor"><button type="button" id="live" hidden></button><span>${visitor.role === "reader" ? "read-only" : "operator"}</span></div>
</header>
<main id="main" tabindex="-1">
${main}
</main>
</body>
</html>
`;
}
