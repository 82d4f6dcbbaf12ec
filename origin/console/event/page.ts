// The page of one event. It shows the facts, the certificate, the checks, the headers and the body.

import { html, raw } from "hono/html";
import type { EventHistory } from "../../inbox/attempts.ts";
import type { EventWork, StoredEvent } from "../../inbox/inbox.ts";
import type { ConsoleContext, View } from "../context.ts";
import { answer } from "../layout.ts";
import { eventLink, link } from "../links.ts";
import { factList, folded, formatBytes, formatDistance, type Html, isoOf, moment, plural, visible } from "../show.ts";
import { attemptSection } from "./attempts.ts";
import { BODY_FORMS, type BodyForm, SHOWN_BYTES, showBody, usualForm } from "./body.ts";
import { certificateView } from "./certificate.ts";
import { fieldsOf } from "./certificate-facts.ts";
import { assertionSection, checkSection, claimsOf, type Explained, explainNow } from "./checks.ts";
import { formatKey, stateBadge } from "./facts.ts";
import { type Judgement, judgeEvent } from "./judgement.ts";

const NO_HISTORY: EventHistory = { records: [], leftOut: 0 };

type Event = StoredEvent & EventWork;

export async function eventPage(c: ConsoleContext, view: View, id: string) {
  const { inbox } = view.setting;
  const [event, history] = await Promise.all([inbox.event(id), inbox.attempts(id)]);
  if (event === undefined) return await noSuchEvent(c, view, id);
  const judgement = judgeEvent(event, view.setting.policy());
  const explained = await explainNow(view, event);
  return await answer(
    c,
    view,
    {
      title: `Event ${id}`,
      section: "events",
      liveSeconds: 1,
      main: render(view, event, { judgement, explained, history: history ?? NO_HISTORY }),
    },
    () => ({ ...describe(view, event, judgement), explanation: explained, history: history ?? NO_HISTORY }),
  );
}

export async function noSuchEvent(c: ConsoleContext, view: View, id: string) {
  const main = html`<h1>No such event</h1><p>The inbox has no event ${visible(id)}. Retention may have deleted it.</p><p><a href="${link(view, "/events")}">All events</a></p>`;
  return await answer(c, view, { title: "No such event", section: "events", status: 404, main }, () => ({
    problems: [`there is no event ${id}`],
  }));
}

/** Returns the body as it arrived, as a file. A browser saves this file and does not display it. */
export async function bodyDownload(c: ConsoleContext, view: View, id: string) {
  const event = await view.setting.inbox.event(id);
  if (event === undefined) return await noSuchEvent(c, view, id);
  if (event.body === undefined) return c.text("Retention has deleted the body.\n", 404);
  const name = `event-${id.replaceAll(/[^\w.-]/g, "_").slice(0, 80)}.bin`;
  return c.body(event.body, 200, {
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="${name}"`,
    "content-security-policy": "sandbox; default-src 'none'",
  });
}

function describe(view: View, event: Event, { checks, path, anchor }: Judgement) {
  const { body, sequence: _sequence, acceptedAt, certificate, finishedAt, dueAt, ...facts } = event;
  return {
    ...facts,
    acceptedAt: isoOf(acceptedAt),
    ...(finishedAt === undefined ? { dueAt: new Date(dueAt).toISOString() } : { finishedAt: isoOf(finishedAt) }),
    certificate: certificate ?? null,
    path: path.map((one) => Object.fromEntries(fieldsOf(one))),
    anchor: anchor?.name ?? null,
    checks,
    assertion: claimsOf(event) ?? null,
    body:
      body === undefined
        ? null
        : {
            bytes: body.byteLength,
            base64: Buffer.from(body.subarray(0, SHOWN_BYTES)).toString("base64"),
            isWhole: body.byteLength <= SHOWN_BYTES,
            download: `${eventLink(view, event.id)}/body`,
          },
  };
}

interface Found {
  readonly judgement: Judgement;
  readonly explained: Explained;
  readonly history: EventHistory;
}

function render(view: View, event: Event, { judgement, explained, history }: Found): Html {
  return html`<p class="crumbs"><a href="${link(view, "/events")}">Events</a></p>
<h1 class="id">${visible(event.id)}</h1>
${stateSection(view, event)}
${attemptSection(history)}
${requestSection(event)}
${checkSection(view, event, judgement.checks, explained)}
${assertionSection(event)}
${event.certificate === undefined ? html`<section><h2>Certificate</h2><p class="dim">The sender's policy requires none.</p></section>` : certificateView(event.certificate, judgement, view.now)}
${headerSection(event)}
${bodySection(view, event)}`;
}

function stateSection(view: View, event: Event): Html {
  const { state, attempts, reason, dueAt, finishedAt, duplicates, hasConflict, reruns } = event;
  const due = Math.floor(dueAt / 1000);
  const isDropped = state === "done" && reason !== undefined;
  return html`<section id="state" data-live aria-label="State"><div class="headline">${stateBadge(event)}${view.visitor.role === "operator" ? actions(view, event) : ""}</div>
${factList([
  ["Attempts", String(attempts)],
  [
    state === "leased" ? "Lease ends" : "Next attempt",
    finishedAt === undefined
      ? html`${moment(due)} <span class="dim">${formatDistance(due, view.now)}</span>`
      : undefined,
  ],
  [
    "Finished",
    finishedAt === undefined
      ? undefined
      : html`${moment(finishedAt)} <span class="dim">${formatDistance(finishedAt, view.now)}</span>`,
  ],
  [isDropped ? "Dropped" : "Last failure", reason === undefined ? undefined : folded(reason)],
  ["Arrived again", duplicates === 0 ? undefined : `${plural(duplicates, "time")}; it is stored once`],
  ["Run again", reruns === 0 ? undefined : plural(reruns, "time")],
])}${hasConflict ? conflict(view, event) : ""}</section>`;
}

function conflict(view: View, { eventKey, sender }: Event): Html {
  const query = new URLSearchParams({ sender, conflict: "1", text: eventKey ?? "" });
  return html`<p class="notice warn">Another event of this sender has the same key, method and target, but other bytes: <a href="${link(view, "/events", query)}">compare them</a>.</p>`;
}

function actions(view: View, { id, state }: Event): Html {
  const possible = state === "done" ? (["run"] as const) : state === "leased" ? [] : (["retry", "drop"] as const);
  const words = { retry: "Retry now", drop: "Drop", run: "Run again" };
  return html`<span class="buttons">${possible.map(
    (action) =>
      html`<a class="button" href="${link(view, `/actions/${action}`, new URLSearchParams({ id }))}">${words[action]} …</a>`,
  )}</span>`;
}

function requestSection(event: Event): Html {
  const { sender, acceptedAt, request, contentDigest, eventKey, orderKey, factors, issuer, jti, policyDigest } = event;
  return html`<section aria-labelledby="request"><h2 id="request">Request</h2>${factList([
    ["Sender", visible(sender)],
    ["Accepted", html`${moment(acceptedAt)} UTC`],
    ["Request", html`<span class="method">${visible(request.method)}</span> ${folded(request.target)}`],
    ["Content type", request.contentType === "" ? undefined : folded(request.contentType)],
    ["Event key", eventKey === undefined ? undefined : folded(formatKey(eventKey))],
    ["Order key", orderKey === undefined ? undefined : folded(formatKey(orderKey))],
    ["Factors", factors.join(", ")],
    ["Came from", issuer === "direct" ? "the sender itself, without an edge" : html`the edge ${visible(issuer)}`],
    ["Assertion (jti)", issuer === "direct" ? undefined : visible(jti)],
    ["Digest", contentDigest],
    ["Policy", policyDigest],
  ])}</section>`;
}

function headerSection({ headers }: Event): Html {
  if (headers.length === 0) return html``;
  return html`<section aria-labelledby="headers"><h2 id="headers">Headers</h2><p class="dim">Those that were handed out: what the policy names, and a short standard list.</p>${factList(
    headers.map(([name, value]) => [name, folded(value)]),
  )}</section>`;
}

function bodySection(view: View, { id, body }: Event): Html {
  if (body === undefined)
    return html`<section aria-labelledby="body"><h2 id="body">Body</h2><p class="dim">Retention has deleted it.</p></section>`;
  if (body.byteLength === 0)
    return html`<section aria-labelledby="body"><h2 id="body">Body</h2><p class="dim">Empty.</p></section>`;
  const asked = view.url.searchParams.get("body");
  const form: BodyForm = BODY_FORMS.find((one) => one === asked) ?? usualForm(body);
  return html`<section aria-labelledby="body"><h2 id="body">Body <span class="dim">${formatBytes(body.byteLength)}</span></h2>
<nav class="tabs" aria-label="Form of the body">${BODY_FORMS.map(
    (one) =>
      html`<a href="${eventLink(view, id)}?body=${one}#body"${raw(one === form ? ' aria-current="true"' : "")}>${one}</a>`,
  )}<a href="${eventLink(view, id)}/body" download>download</a></nav>
${showBody(body, form)}</section>`;
}
