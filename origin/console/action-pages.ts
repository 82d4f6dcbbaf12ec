// The page that asks the operator to confirm an action, and the page that shows the result of the action.

import { html } from "hono/html";
import { ACTIONS, type Action, act, type Choice, choose, MAX_CHANGED_EVENTS, type Outcome } from "./actions.ts";
import type { ConsoleContext, View } from "./context.ts";
import { problemList } from "./events/page.ts";
import { toParameters } from "./events/query.ts";
import { readForm } from "./form.ts";
import { answer } from "./layout.ts";
import { eventLink, link } from "./links.ts";
import { clipped, type Html, isoOf, moment, plural, visible } from "./show.ts";

const SHOWN_EVENTS = 10;
const MAX_REASON_CHARACTERS = 200;
const USUAL_REASON = "dropped by the operator";

interface Words {
  readonly title: string;
  readonly button: string;
  /** What happens to the events. The text fits one event and several events. */
  readonly effect: string;
  readonly done: string;
}

const WORDS: Readonly<Record<Action, Words>> = {
  retry: {
    title: "Retry",
    button: "Retry",
    effect: "due at once, before all others. A dead event gets new attempts.",
    done: "due now",
  },
  drop: {
    title: "Drop",
    button: "Drop",
    effect: "done without being handled. The handler never sees a dropped event, unless it is run again.",
    done: "dropped",
  },
  run: {
    title: "Run again",
    button: "Run again",
    effect: "handed to the handler once more. It has to bear an event that it has handled before.",
    done: "handed to the handler again",
  },
};

export function toAction(text: string | undefined): Action | undefined {
  return ACTIONS.find((one) => one === text);
}

export async function confirmPage(c: ConsoleContext, view: View, action: Action) {
  if (view.visitor.role === "reader") return await readOnly(c, view);
  const choice = await choose(view, action);
  const { events, skipped, hasMore, problems } = choice;
  const facts = {
    action,
    events: events.map(({ id, state, sender, acceptedAt }) => ({ id, state, sender, acceptedAt: isoOf(acceptedAt) })),
    ...{ skipped, hasMore, problems },
    // A program must send this token back in the form that confirms the action.
    token: view.setting.formToken,
  };
  const main = html`<h1>${WORDS[action].title}</h1>${problems.length > 0 ? problemList(problems) : question(view, action, choice)}`;
  const status = problems.length > 0 ? 400 : 200;
  return await answer(c, view, { title: WORDS[action].title, section: "events", status, main }, () => facts);
}

function question(view: View, action: Action, { events, skipped, hasMore, given }: Choice): Html {
  const back = link(view, "/events", toParameters(given));
  const left =
    skipped === 0
      ? ""
      : html`<p class="dim">${plural(skipped, "event")} cannot be changed so in ${skipped === 1 ? "its" : "their"} present state.</p>`;
  const more = hasMore ? html`<p class="notice warn">${describeRest(action, events.length)}</p>` : "";
  if (events.length === 0)
    return html`<p class="empty">No event was found that can be changed so.</p>${more}${left}<p><a href="${back}">Back to the events</a></p>`;
  const words = WORDS[action];
  return html`<p class="question"><strong>${plural(events.length, "event")}</strong>: ${words.effect}</p>
${more}${left}
<ul class="rows">${events
    .slice(0, SHOWN_EVENTS)
    .map(
      (event) =>
        html`<li><a href="${eventLink(view, event.id)}">${clipped(event.id, 40)}</a> <span class="dim">${clipped(event.sender, 40)}, ${moment(event.acceptedAt)}, ${event.state}</span></li>`,
    )}</ul>${events.length > SHOWN_EVENTS ? html`<p class="dim">and ${events.length - SHOWN_EVENTS} more</p>` : ""}
<form method="post" action="${link(view, `/actions/${action}`)}">
<input type="hidden" name="token" value="${view.setting.formToken}">
${events.map(({ id }) => html`<input type="hidden" name="id" value="${id}">`)}
${action === "drop" ? html`<label class="wide">Reason<input name="reason" value="${USUAL_REASON}" maxlength="${MAX_REASON_CHARACTERS}" autocomplete="off"></label>` : ""}
<div class="buttons"><button class="${action === "drop" ? "danger" : "primary"}">${words.button} ${plural(events.length, "event")}</button><a href="${back}">Cancel</a></div>
</form>`;
}

/** Says why more events may match than the page names, and how to change them. */
function describeRest(action: Action, named: number): string {
  if (named < MAX_CHANGED_EVENTS)
    return "The search ended early, so older events may match too. Filter the events by time to find them.";
  // An event that is retried is in the same state until it is handled, so the same action would find it again.
  const when = action === "retry" ? ", after these are handled" : "";
  return `More events match. These are the newest ${plural(MAX_CHANGED_EVENTS, "event")}; repeat the action for the rest${when}.`;
}

export async function actionPage(c: ConsoleContext, view: View, action: Action) {
  if (view.visitor.role === "reader") return await readOnly(c, view);
  const form = await readForm(c);
  if (form === undefined) return await failed(c, view, "The form cannot be read.");
  if (form.get("token") !== view.setting.formToken)
    return await failed(c, view, "This form is from an earlier start of the console. Open it again.");
  const ids = form.getAll("id").slice(0, MAX_CHANGED_EVENTS);
  if (ids.length === 0) return await failed(c, view, "No event is named.");
  const reason = form.get("reason")?.trim().slice(0, MAX_REASON_CHARACTERS) || USUAL_REASON;
  const outcome = await act(view, action, ids, reason);
  return await answer(
    c,
    view,
    {
      title: WORDS[action].title,
      section: "events",
      status: outcome.problem === undefined ? 200 : 409,
      main: result(view, action, ids, outcome),
    },
    () => outcome,
  );
}

function result(view: View, action: Action, ids: readonly string[], { changed, unchanged, problem }: Outcome): Html {
  const words = WORDS[action];
  const [only] = ids.length === 1 ? ids : [];
  return html`<h1>${words.title}</h1>
${problem === undefined ? "" : html`<p class="notice bad" role="alert">${visible(problem)}</p>`}
<p class="notice ${changed > 0 ? "good" : "calm"}" role="status">${plural(changed, "event")} ${changed === 1 ? "is" : "are"} ${words.done}.</p>
${unchanged === 0 || problem !== undefined ? "" : html`<p>${plural(unchanged, "event")} ${unchanged === 1 ? "was" : "were"} not changed: in another state by now, or deleted.</p>`}
<p>${only === undefined ? html`<a href="${link(view, "/events")}">Back to the events</a>` : html`<a href="${eventLink(view, only)}">Back to the event</a>`}</p>`;
}

export async function readOnly(c: ConsoleContext, view: View) {
  const main = html`<h1>Read-only</h1><p>You may look at everything and change nothing.</p><p><a href="${link(view, "/events")}">Back to the events</a></p>`;
  return await answer(c, view, { title: "Read-only", section: "events", status: 403, main }, () => ({
    problems: ["the visitor is a reader"],
  }));
}

async function failed(c: ConsoleContext, view: View, why: string) {
  const main = html`<h1>Nothing was changed</h1><p class="notice bad" role="alert">${why}</p><p><a href="${link(view, "/events")}">Back to the events</a></p>`;
  return await answer(c, view, { title: "Nothing was changed", section: "events", status: 400, main }, () => ({
    problems: [why],
  }));
}
