// A form that sends a test event as one of the development senders. Only `countersign dev` has this form.

import { html } from "hono/html";
import type { ConsoleContext, View } from "./context.ts";
import { answer } from "./layout.ts";
import { eventLink, link } from "./links.ts";
import type { TestSenders } from "./options.ts";
import { formatNumber, type Html, marked, sentence, visible } from "./show.ts";

const MAX_BODY_CHARACTERS = 64 * 1024;
const SAMPLE = '{\n  "event": "hello"\n}';

export async function sendPage(c: ConsoleContext, view: View, { senders }: TestSenders) {
  const main = html`<h1>Send a test event</h1>${form(view, senders, SAMPLE)}`;
  return await answer(c, view, { title: "Send a test event", section: "send", main }, () => ({
    senders,
    token: view.setting.formToken,
  }));
}

export async function sentPage(c: ConsoleContext, view: View, tests: TestSenders, given: URLSearchParams | undefined) {
  const sender = tests.senders.find(({ name }) => name === given?.get("sender"));
  const body = given?.get("body") ?? "";
  // If a form is far too large, it is not read, and `given` is undefined.
  if (given === undefined || body.length > MAX_BODY_CHARACTERS) {
    const why = `the body is longer than ${formatNumber(MAX_BODY_CHARACTERS)} characters`;
    return await nothingSent(c, view, given === undefined ? `${why}, or no form was sent` : why);
  }
  if (given.get("token") !== view.setting.formToken || sender === undefined)
    return await nothingSent(c, view, "the form is from an earlier start, or names no sender");
  const answered = await tests.send(sender.name, body);
  const main = html`<h1>Sent as ${sender.name}</h1>
<section><h2>Answer</h2><p class="notice ${answered.status < 300 ? "good" : "bad"}" role="status">${answered.status}</p>
<div class="code" tabindex="0" role="region" aria-label="Body of the answer">${marked(answered.body.slice(0, MAX_BODY_CHARACTERS))}</div>${idLink(view, answered.body)}</section>
${form(view, tests.senders, body, sender.name)}`;
  return await answer(c, view, { title: "Sent", section: "send", main }, () => ({ sender: sender.name, ...answered }));
}

async function nothingSent(c: ConsoleContext, view: View, why: string) {
  const main = html`<h1>Nothing was sent</h1><p class="notice bad" role="alert">${sentence(why)}. <a href="${link(view, "/send")}">Open the form again.</a></p>`;
  return await answer(c, view, { title: "Nothing was sent", section: "send", status: 400, main }, () => ({
    problems: [why],
  }));
}

/** Links to the event that was stored, or to the refusal of the request. */
function idLink(view: View, body: string): Html {
  try {
    const { event, decision } = JSON.parse(body) as { readonly event?: unknown; readonly decision?: unknown };
    if (typeof event === "string") return html`<p><a href="${eventLink(view, event)}">Event ${visible(event)}</a></p>`;
    if (typeof decision === "string")
      return html`<p><a href="${link(view, "/refusals", new URLSearchParams({ id: decision }))}">Why it was refused</a></p>`;
  } catch {}
  return html``;
}

function form(view: View, senders: TestSenders["senders"], body: string, chosen?: string): Html {
  return html`<section aria-labelledby="send"><h2 id="send">Event</h2><form method="post" action="${link(view, "/send")}">
<input type="hidden" name="token" value="${view.setting.formToken}">
<label>Sender<select name="sender">${senders.map(
    ({ name, about }) => html`<option value="${name}" ${name === chosen ? "selected" : ""}>${name}: ${about}</option>`,
  )}</select></label>
<label class="wide">Body<textarea name="body" spellcheck="false">${body}</textarea></label>
<p class="buttons"><button class="primary">Send</button></p></form></section>`;
}
