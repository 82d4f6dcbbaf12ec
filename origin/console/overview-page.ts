// The first page of the console. It shows which events wait, what arrived in each hour, and what expires soon.

import { html } from "hono/html";
import { DURATION_LIMITS, type Durations } from "../inbox/attempts.ts";
import type { Activity, Backlog, ListedEvent } from "../inbox/inbox.ts";
import type { HourlyRefusals } from "../inbox/refusals/refusals.ts";
import { hourChart, type Series } from "./chart.ts";
import type { ConsoleContext, View } from "./context.ts";
import { describeEvent, stateBadge } from "./event/facts.ts";
import { describeExpiry, expiryTable, listSoon } from "./expiries.ts";
import { answer } from "./layout.ts";
import { eventLink, link } from "./links.ts";
import { clipped, formatDuration, formatNumber, type Html, moment } from "./show.ts";

const HOUR_SECONDS = 3_600;
const HOURS = 24;
const DEAD_EVENTS = 5;
/** The inbox counts at most this number of waiting and leased events together, and at most this number of dead events. */
const MOST_COUNTED = 100_000;

const SERIES: readonly Series[] = [
  { name: "done", tone: "good" },
  { name: "not done yet", tone: "busy" },
  { name: "dead", tone: "bad" },
];

export async function overviewPage(c: ConsoleContext, view: View) {
  const { inbox } = view.setting;
  const since = (Math.floor(view.now / HOUR_SECONDS) - HOURS + 1) * HOUR_SECONDS;
  const [backlog, activity, durations, refusals, dead, expiries] = await Promise.all([
    inbox.backlog(),
    inbox.activity(since, HOUR_SECONDS, HOURS),
    inbox.durations(since, HOUR_SECONDS, HOURS),
    inbox.refusals.perHour(since, since + HOURS * HOUR_SECONDS),
    inbox.newest({ state: "dead", limit: DEAD_EVENTS }),
    listSoon(view),
  ]);
  const main = html`<h1>Overview</h1>
<div id="now" data-live>${tiles(view, backlog)}
<section aria-labelledby="hours"><h2 id="hours">Last 24 hours</h2>${chart(activity)}${refusalChart(view, refusals, since)}</section>
${durationSection(durations)}
${deadSection(view, dead.events)}</div>
<section aria-labelledby="ends"><h2 id="ends">Ends soon</h2>${expiryTable(expiries, view.now)}</section>`;
  return await answer(c, view, { title: "Overview", section: "overview", liveSeconds: 5, main }, () => ({
    backlog,
    activity,
    durations: { limits: DURATION_LIMITS, ...durations },
    refusals,
    dead: dead.events.map(describeEvent),
    endings: expiries.map((ending) => describeExpiry(ending, view.now)),
  }));
}

function tiles(view: View, { waiting, leased, dead, oldestAcceptedAt }: Backlog): Html {
  const isPart = waiting + leased >= MOST_COUNTED;
  const age = oldestAcceptedAt === undefined ? "none" : orMore(formatDuration(view.now - oldestAcceptedAt), isPart);
  const events = (state: string) => link(view, "/events", new URLSearchParams({ state }));
  return html`<div class="tiles">
${tile("Waiting", orMore(formatNumber(waiting), isPart), events("waiting"))}
${tile("In work", orMore(formatNumber(leased), isPart), events("leased"))}
${tile("Dead", orMore(formatNumber(dead), dead >= MOST_COUNTED), events("dead"), dead > 0 ? "bad" : undefined)}
${tile("Oldest not done", age)}
</div>`;
}

/** Marks a value that comes from a part of the events, because the inbox stopped counting. */
function orMore(value: string, isPart: boolean): string {
  return isPart ? `${value} or more` : value;
}

function tile(name: string, value: string, target?: string, tone = "calm"): Html {
  const inner = html`<span class="name">${name}</span><span class="value">${value}</span>`;
  return target === undefined
    ? html`<div class="tile ${tone}">${inner}</div>`
    : html`<a class="tile ${tone}" href="${target}">${inner}</a>`;
}

function chart({ spans, isExact }: Activity): Html {
  if (spans.every(({ done, unfinished, dead }) => done + unfinished + dead === 0))
    return html`<p class="empty">No event was accepted in the last 24 hours.</p>`;
  const bars = spans.map(({ from, done, unfinished, dead }) => ({ from, values: [done, unfinished, dead] }));
  return hourChart(`Events by the hour of their acceptance${isExact ? "" : ", about"}`, SERIES, bars);
}

const ATTEMPT_SERIES: readonly Series[] = [
  { name: "under 0.1 s", tone: "good" },
  { name: "under 1 s", tone: "busy" },
  { name: "under 10 s", tone: "warn" },
  { name: "10 s and more", tone: "bad" },
];
const DONE_SERIES: readonly Series[] = [
  { name: "under 2 s", tone: "good" },
  { name: "under 10 s", tone: "busy" },
  { name: "under 1 min", tone: "warn" },
  { name: "1 min and more", tone: "bad" },
];

function durationSection({ spans, isExact }: Durations): Html {
  const title = html`<h2 id="durations">How long it took</h2>`;
  if (spans.every(({ attempt }) => attempt.every((number) => number === 0)))
    return html`<section aria-labelledby="durations">${title}<p class="empty">No attempt ended for an event of the last 24 hours.</p></section>`;
  const bars = (kind: "attempt" | "untilDone") => spans.map((span) => ({ from: span.from, values: span[kind] }));
  const about = isExact ? "" : ", about";
  return html`<section aria-labelledby="durations">${title}
${hourChart(`Attempts by how long the handler took${about}`, ATTEMPT_SERIES, bars("attempt"))}
${hourChart(`Handled events by the time from acceptance to done${about}`, DONE_SERIES, bars("untilDone"))}
<p class="dim">By the hour in which the event was accepted${isExact ? "" : "; counted in a sample of the events, and multiplied"}. An attempt lasts from its lease to its end, as stored. Acceptance is stored to the second. How long requests took until they were accepted is not stored: the metric <code>countersign_request_duration_seconds</code> has it.</p></section>`;
}

const REFUSAL_TONES = ["bad", "warn", "busy", "calm"] as const;

/** Draws the refusals. Each of the most frequent codes has its own colour. All other codes share one colour. */
function refusalChart(view: View, refusals: readonly HourlyRefusals[], since: number): Html {
  const all = link(view, "/refusals");
  if (refusals.length === 0) return html`<p class="empty">No request was refused in the last 24 hours.</p>`;
  const totals = new Map<string, number>();
  for (const { code, refusals: number } of refusals) totals.set(code, (totals.get(code) ?? 0) + number);
  const codes = [...totals].sort(([, a], [, b]) => b - a).map(([code]) => code);
  const named = codes.slice(0, codes.length > REFUSAL_TONES.length ? REFUSAL_TONES.length - 1 : codes.length);
  const isOther = codes.length > named.length;
  const series = [...named, ...(isOther ? ["others"] : [])].map((name, index) => ({
    name,
    tone: REFUSAL_TONES[index] ?? "calm",
  }));
  const bars = Array.from({ length: HOURS }, (_, hour) => {
    const from = since + hour * HOUR_SECONDS;
    const own = refusals.filter((one) => one.hour === from);
    const sum = (isMeant: (code: string) => boolean) =>
      own.reduce((total, { code, refusals: number }) => total + (isMeant(code) ? number : 0), 0);
    const values = named.map((name) => sum((code) => code === name));
    return { from, values: isOther ? [...values, sum((code) => !named.includes(code))] : values };
  });
  return html`${hourChart("Refused requests by the hour", series, bars)}<p><a href="${all}">Refused requests</a></p>`;
}

function deadSection(view: View, events: readonly ListedEvent[]): Html {
  if (events.length === 0) return html``;
  return html`<section aria-labelledby="dead"><h2 id="dead">Newest dead events</h2><ul class="rows">${events.map(
    (event) =>
      html`<li>${stateBadge(event)} <a href="${eventLink(view, event.id)}">${clipped(event.id, 40)}</a> <span class="dim">${clipped(event.sender, 40)}, ${moment(event.acceptedAt)}</span>${event.reason === undefined ? "" : html`<div class="dim">${clipped(event.reason, 160)}</div>`}</li>`,
  )}</ul></section>`;
}
