// The page with the list of refused requests, the newest first.

import { html, raw } from "hono/html";
import type { KeptRefusal, RefusalCursor, RefusalFilter, RefusalPage } from "../../inbox/refusals/refusals.ts";
import type { ConsoleContext, View } from "../context.ts";
import { problemList } from "../events/page.ts";
import { findTimeProblems, parseMoment } from "../events/query.ts";
import { answer } from "../layout.ts";
import { link } from "../links.ts";
import { badge, clipped, type Html, moment, sentence, visible } from "../show.ts";
import { describeRefusal, explain, nearMissOf } from "./facts.ts";

const PAGE_REFUSALS = 50;
const MAX_VALUE_CHARACTERS = 300;
const NAMES = ["code", "sender", "route", "id", "since", "until"] as const;
const NOTHING: RefusalPage = { refusals: [], next: undefined };

interface Asked {
  readonly given: Readonly<Partial<Record<(typeof NAMES)[number], string>>>;
  readonly filter: RefusalFilter;
  readonly cursor: RefusalCursor | undefined;
  readonly problems: readonly string[];
}

export async function refusalsPage(c: ConsoleContext, view: View) {
  const asked = readQuery(view);
  const { problems, filter, cursor } = asked;
  const isValid = problems.length === 0;
  const page = isValid ? await view.setting.inbox.refusals.page(filter, cursor) : NOTHING;
  const main = html`<h1>Refused requests</h1>${filters(view, asked)}${isValid ? list(view, asked, page) : problemList(problems)}`;
  const liveSeconds = isValid && cursor === undefined ? 1 : undefined;
  const status = isValid ? 200 : 400;
  return await answer(c, view, { title: "Refused requests", section: "refusals", status, liveSeconds, main }, () =>
    isValid
      ? { refusals: page.refusals.map(describeRefusal), next: nextLink(view, asked, page) ?? null }
      : { problems },
  );
}

function readQuery({ url, now }: View): Asked {
  const entries = NAMES.flatMap((name) => {
    const value = url.searchParams.get(name)?.trim() ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  const given: Asked["given"] = Object.fromEntries(entries);
  const { code, sender, route, id } = given;
  const [since, until] = [given.since, given.until].map((text) =>
    text === undefined ? undefined : parseMoment(text, now),
  );
  const before = url.searchParams.get("before") ?? "";
  const [, at, sequence] = /^(\d{1,15})-(\d{1,15})$/.exec(before) ?? [];
  const long = entries.filter(([, value]) => value.length > MAX_VALUE_CHARACTERS || value.includes("\0"));
  return {
    given,
    filter: { ...{ code, sender, route, id, since, until }, limit: PAGE_REFUSALS },
    cursor: at === undefined ? undefined : { at: Number(at), sequence: Number(sequence) },
    problems: [
      ...long.map(([name]) => `${name} is not a usable text`),
      ...findTimeProblems(given, { since, until }),
      ...(before === "" || at !== undefined ? [] : ["before is no place in the list"]),
    ],
  };
}

function filters(view: View, { given }: Asked): Html {
  const { senders, routes } = view.setting.policy();
  const choice = (name: "sender" | "route", values: readonly string[]) =>
    html`<select name="${name}"><option value="">any</option>${values
      .slice(0, 500)
      .map(
        (value) => html`<option value="${value}"${raw(value === given[name] ? " selected" : "")}>${value}</option>`,
      )}</select>`;
  return html`<form class="filters" method="get" action="${link(view, "/refusals")}" role="search" aria-label="Filter refused requests">
<label class="wide">Decision id<input type="search" name="id" value="${given.id ?? ""}" autocomplete="off" spellcheck="false" maxlength="${MAX_VALUE_CHARACTERS}"></label>
<label>Code<input name="code" value="${given.code ?? ""}" placeholder="issuer_unknown" autocomplete="off" spellcheck="false" maxlength="${MAX_VALUE_CHARACTERS}"></label>
<label>Sender${choice(
    "sender",
    senders.map(({ name }) => name),
  )}</label>
<label>Route${choice(
    "route",
    routes.map(({ path }) => path),
  )}</label>
<div class="buttons"><button>Filter</button>${Object.keys(given).length > 0 ? html`<a href="${link(view, "/refusals")}">Clear</a>` : ""}</div>
</form>`;
}

function list(view: View, asked: Asked, page: RefusalPage): Html {
  const isFirst = asked.cursor === undefined;
  const next = nextLink(view, asked, page);
  const empty =
    Object.keys(asked.given).length > 0 || !isFirst
      ? "No refused request matches."
      : "No request was refused, or none is kept (--refusals off).";
  return html`<section id="refusals" data-live aria-label="Refused requests">
${page.refusals.length === 0 ? html`<p class="empty">${empty}</p>` : table(view, page.refusals)}
${isFirst && next === undefined ? "" : html`<nav class="pager" aria-label="Pages of refused requests">${isFirst ? "" : html`<a rel="first" href="${link(view, "/refusals", new URLSearchParams(asked.given as Record<string, string>))}">Newest</a>`}${next === undefined ? "" : html`<a rel="next" href="${next}">Next ${PAGE_REFUSALS}</a>`}</nav>`}
</section>`;
}

function nextLink(view: View, { given }: Asked, { next }: RefusalPage): string | undefined {
  if (next === undefined) return undefined;
  const before = `${next.at}-${next.sequence}`;
  return link(view, "/refusals", new URLSearchParams({ ...(given as Record<string, string>), before }));
}

function table(view: View, refusals: readonly KeptRefusal[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of refused requests"><table class="events">
<thead><tr><th scope="col">When (UTC)</th><th scope="col">Code</th><th scope="col">Why</th><th scope="col">Request</th><th scope="col">From</th></tr></thead>
<tbody>${refusals.map((refusal) => row(view, refusal))}</tbody></table></div>`;
}

function row(view: View, refusal: KeptRefusal): Html {
  const { at, code, sequence, method, target, route, sender, peer } = refusal;
  const nearest = nearMissOf(refusal);
  const { meaning } = explain(refusal);
  return html`<tr data-key="${sequence}">
<td class="time">${moment(Math.floor(at / 1000))}</td>
<td class="state"><a href="${link(view, `/refusals/${sequence}`)}">${badge("bad", code)}</a></td>
<td class="why">${clipped(sentence(meaning), 160)}${nearest === undefined ? "" : html`<div class="dim">nearest: ${clipped(nearest.sender, 40)}, without ${clipped(nearest.failed.join(", "), 80)}</div>`}</td>
<td class="request">${method === undefined ? "" : html`<span class="method">${visible(method)}</span> `}${clipped(target ?? route, 60)}</td>
<td class="sender">${sender === "" ? html`<span class="dim">nobody known</span>` : clipped(sender, 40)}<div class="dim">${clipped(peer ?? "", 48)}</div></td>
</tr>`;
}
