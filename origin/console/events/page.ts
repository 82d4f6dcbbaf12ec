// The page with the list of events. Its URL has the filters. The newest events come first. A long list is divided into pages.

import { html, raw } from "hono/html";
import type { ListedEvent, NewestPage } from "../../inbox/inbox.ts";
import type { ConsoleContext, View } from "../context.ts";
import { describeEvent, formatKey, stateBadge } from "../event/facts.ts";
import { answer } from "../layout.ts";
import { eventLink, link } from "../links.ts";
import { clipped, formatBytes, type Html, moment, visible } from "../show.ts";
import { type EventQuery, PAGE_EVENTS, readEventQuery, STATES, toParameters } from "./query.ts";

const NOTHING: NewestPage = { events: [], next: undefined, searchedTo: undefined };

export async function eventsPage(c: ConsoleContext, view: View) {
  const asked = readEventQuery(view.url.searchParams, view.now);
  const isValid = asked.problems.length === 0;
  const page = isValid ? await view.setting.inbox.newest(asked.query) : NOTHING;
  const facts = () =>
    isValid
      ? { events: page.events.map(describeEvent), next: nextLink(view, asked, page) ?? null }
      : { problems: asked.problems };
  const isFirst = asked.query.before === undefined;
  return await answer(
    c,
    view,
    {
      title: "Events",
      section: "events",
      status: isValid ? 200 : 400,
      liveSeconds: isFirst && isValid ? 1 : undefined,
      main: html`<h1>Events</h1>${filters(view, asked)}${isValid ? list(view, asked, page) : problemList(asked.problems)}`,
    },
    facts,
  );
}

export function problemList(problems: readonly string[]): Html {
  return html`<div class="notice bad" role="alert"><ul>${problems.map((problem) => html`<li>${visible(problem)}</li>`)}</ul></div>`;
}

function filters(view: View, { given }: EventQuery): Html {
  const { senders, routes } = view.setting.policy();
  const names = namesWith(
    given.sender,
    senders.map(({ name }) => name),
  );
  const paths = namesWith(
    given.route,
    routes.map(({ path }) => path),
  );
  const more = given.since ?? given.until ?? given.route ?? given.conflict;
  return html`<form class="filters" method="get" action="${link(view, "/events")}" role="search" aria-label="Filter events">
<label class="wide">Id or key<input type="search" name="text" value="${given.text ?? ""}" autocomplete="off" spellcheck="false" maxlength="600"></label>
<label>State${choice("state", given.state, STATES)}</label>
<label>Sender${choice("sender", given.sender, names)}</label>
<details${raw(more === undefined ? "" : " open")}><summary>More</summary><div class="more">
<label>Route${choice("route", given.route, paths)}</label>
<label>From <span class="dim">UTC, or 12h</span><input name="since" value="${given.since ?? ""}" placeholder="2026-11-30T08:00" autocomplete="off"></label>
<label>Until <span class="dim">UTC</span><input name="until" value="${given.until ?? ""}" placeholder="2026-11-30T09:00" autocomplete="off"></label>
<label class="check"><input type="checkbox" name="conflict" value="1"${raw(given.conflict === undefined ? "" : " checked")}> Conflicts only</label>
</div></details>
<div class="buttons"><button>Filter</button>${Object.keys(given).length > 0 ? html`<a href="${link(view, "/events")}">Clear</a>` : ""}</div>
</form>`;
}

/**
 * Returns the names for a selection list. The list has at most 500 names of the policy, because nobody can choose from more. The
 * name that is selected now is added if it is missing.
 */
function namesWith(given: string | undefined, names: readonly string[]): readonly string[] {
  const shown = names.slice(0, 500);
  return given === undefined || shown.includes(given) ? shown : [given, ...shown];
}

function choice(name: string, chosen: string | undefined, values: readonly string[]): Html {
  return html`<select name="${name}"><option value="">any</option>${values.map(
    (value) => html`<option value="${value}"${raw(value === chosen ? " selected" : "")}>${value}</option>`,
  )}</select>`;
}

function list(view: View, asked: EventQuery, page: NewestPage): Html {
  return html`<section id="events" data-live aria-label="Events">
${page.events.length === 0 ? emptyState(view, asked, page) : table(view, page.events)}
${pager(view, asked, page)}
</section>
${page.events.length > 0 && view.visitor.role === "operator" ? bulk(view, asked) : ""}`;
}

function emptyState(view: View, { given, query }: EventQuery, { next }: NewestPage): Html {
  if (next !== undefined) return html`<p class="empty">Nothing found in this part of the inbox.</p>`;
  if (query.before !== undefined) return html`<p class="empty">There are no older events.</p>`;
  if (Object.keys(given).length > 0)
    return html`<p class="empty">No event matches. <a href="${link(view, "/events")}">Show all events</a></p>`;
  return html`<p class="empty">No event was accepted yet. An event stands here as soon as a sender is proven and its request is stored.</p>`;
}

function table(view: View, events: readonly ListedEvent[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of events"><table class="events">
<thead><tr><th scope="col">Accepted (UTC)</th><th scope="col">State</th><th scope="col">Sender</th><th scope="col">Event</th><th scope="col">Request</th><th scope="col" class="number">Size</th><th scope="col" class="number">Attempts</th></tr></thead>
<tbody>${events.map((event) => row(view, event))}</tbody>
</table></div>`;
}

function row(view: View, event: ListedEvent): Html {
  const { id, sender, acceptedAt, request, bodyBytes, attempts, eventKey } = event;
  return html`<tr data-key="${event.sequence}">
<td class="time">${moment(acceptedAt)}</td>
<td class="state">${stateBadge(event)}</td>
<td class="sender">${clipped(sender, 40)}</td>
<td class="id"><a href="${eventLink(view, id)}">${clipped(id, 40)}</a>${eventKey === undefined || formatKey(eventKey) === id ? "" : html`<div class="dim">${clipped(formatKey(eventKey), 48)}</div>`}</td>
<td class="request"><span class="method">${visible(request.method)}</span> ${clipped(request.target, 60)}${notes(event)}</td>
<td class="number size">${formatBytes(bodyBytes)}</td>
<td class="number attempts"><span class="label">attempts </span>${attempts}</td>
</tr>`;
}

function notes({ reason, hasConflict, duplicates, reruns, state }: ListedEvent): Html {
  const words = [
    ...(hasConflict ? ["conflict"] : []),
    ...(duplicates > 0 ? [`arrived again ${duplicates} ×`] : []),
    ...(reruns > 0 ? [`run again ${reruns} ×`] : []),
  ];
  return html`${words.map((word) => html` <span class="tag">${word}</span>`)}${
    reason !== undefined && state !== "done" ? html`<div class="dim reason">${clipped(reason, 120)}</div>` : ""
  }`;
}

function nextLink(view: View, { given }: EventQuery, { next }: NewestPage): string | undefined {
  return next === undefined ? undefined : link(view, "/events", toParameters(given, { before: String(next) }));
}

function pager(view: View, asked: EventQuery, page: NewestPage): Html {
  const next = nextLink(view, asked, page);
  const isFirst = asked.query.before === undefined;
  if (next === undefined && isFirst) return html``;
  const far =
    page.searchedTo === undefined
      ? ""
      : html`<p class="dim">Searched back to ${moment(page.searchedTo)}. The inbox is large: each page takes a limited time.</p>`;
  return html`${far}<nav class="pager" aria-label="Pages of events">${
    isFirst ? "" : html`<a href="${link(view, "/events", toParameters(asked.given))}" rel="first">Newest</a>`
  }${next === undefined ? "" : html`<a href="${next}" rel="next">${page.searchedTo === undefined ? `Next ${PAGE_EVENTS}` : "Search older events"}</a>`}</nav>`;
}

/** Shows the actions on all events that match. Each action begins on its own page, which shows the number of events. */
function bulk(view: View, { given }: EventQuery): Html {
  const parameters = toParameters(given);
  const entries = [
    ["retry", "Retry", given.state === undefined || given.state === "dead" || given.state === "waiting"],
    ["drop", "Drop", given.state === undefined || given.state === "dead" || given.state === "waiting"],
    ["run", "Run again", given.state === undefined || given.state === "done"],
  ] as const;
  const shown = entries.filter(([, , isPossible]) => isPossible);
  if (shown.length === 0) return html``;
  return html`<section class="bulk" aria-labelledby="bulk"><h2 id="bulk">All that match</h2><p class="dim">The next page shows which events these are, and asks.</p><div class="buttons">${shown.map(
    ([action, text]) => html`<a class="button" href="${link(view, `/actions/${action}`, parameters)}">${text} …</a>`,
  )}</div></section>`;
}
