// Shows the attempts of an event, and the actions of operators on the event.

import { html } from "hono/html";
import type { AttemptOutcome, EventAttempt, EventHistory, OperatorAction } from "../../inbox/attempts.ts";
import { badge, folded, formatDuration, type Html, plural, type Tone } from "../show.ts";

const TONES: Readonly<Record<AttemptOutcome, Tone>> = {
  done: "good",
  retry: "warn",
  dead: "bad",
  released: "calm",
  abandoned: "warn",
  running: "busy",
};
const ACTIONS: Readonly<Record<OperatorAction["action"], string>> = {
  retry: "retried by an operator",
  drop: "dropped by an operator",
  run: "run again by an operator",
};

export function attemptSection({ records, leftOut }: EventHistory): Html {
  if (records.length === 0)
    return html`<section id="attempts" data-live aria-labelledby="attempts-title"><h2 id="attempts-title">Attempts</h2><p class="empty">None yet.</p></section>`;
  const left =
    leftOut === 0
      ? ""
      : html`<p class="dim">${plural(leftOut, "record")} between the first and the latest are not kept.</p>`;
  return html`<section id="attempts" data-live aria-labelledby="attempts-title"><h2 id="attempts-title">Attempts</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of attempts"><table class="checks"><thead><tr><th scope="col">Began (UTC)</th><th scope="col">Outcome</th><th scope="col">What happened</th></tr></thead>
<tbody>${records.map((record) => (record.kind === "attempt" ? attemptRow(record) : actionRow(record)))}</tbody></table></div>${left}</section>`;
}

function attemptRow(attempt: EventAttempt): Html {
  const { number, beganAt, endedAt, outcome, status, reason, dueAt } = attempt;
  const took = endedAt === undefined ? undefined : formatMilliseconds(endedAt - beganAt);
  const facts = [
    `attempt ${number}`,
    ...(took === undefined ? [] : [`took ${took}`]),
    ...(status === undefined ? [] : [`status ${status}`]),
    ...(dueAt === undefined ? [] : [`next due ${precise(dueAt)}`]),
  ];
  return html`<tr><th scope="row"><time datetime="${new Date(beganAt).toISOString()}">${precise(beganAt)}</time></th><td>${badge(TONES[outcome], outcome)}</td><td>${facts.join(", ")}${reason === undefined ? "" : html`<div class="dim">${folded(reason)}</div>`}</td></tr>`;
}

function actionRow({ action, at, reason }: OperatorAction): Html {
  return html`<tr><th scope="row"><time datetime="${new Date(at).toISOString()}">${precise(at)}</time></th><td>${badge("calm", action)}</td><td>${ACTIONS[action]}${reason === undefined ? "" : html`<div class="dim">${folded(reason)}</div>`}</td></tr>`;
}

/** Formats a time in Unix milliseconds. */
function precise(at: number): string {
  return new Date(at).toISOString().slice(0, 23).replace("T", " ");
}

function formatMilliseconds(milliseconds: number): string {
  return milliseconds < 10_000 ? `${Math.max(0, milliseconds)} ms` : formatDuration(milliseconds / 1000);
}
