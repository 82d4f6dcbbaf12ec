// Shows text, numbers and times. hono/html escapes what a stranger wrote. This file also makes characters visible that reorder
// text or cannot be seen.

import { html } from "hono/html";
import { escapeControls, UNSEEN } from "../../core/shown-text.ts";

export type Html = ReturnType<typeof html>;

const PLAIN = /^[\u0020-\u007e]*$/;
const UNSEEN_RUN = new RegExp(`((?:${UNSEEN.source})+)`, "u");

/** Shows a text on one line, with its own text direction. */
export function visible(text: string): Html {
  return html`<bdi>${marked(text)}</bdi>`;
}

/**
 * Replaces invisible characters by escapes. The escapes have a style of their own, so that they differ from the same text written
 * by a sender.
 */
export function marked(text: string): (string | Html)[] {
  // This test succeeds for most texts, and is much faster than the search below.
  if (PLAIN.test(text)) return [text];
  return text
    .split(UNSEEN_RUN)
    .map((part, index) => (index % 2 === 0 ? part : html`<span class="unseen">${escapeControls(part)}</span>`));
}

/**
 * Shows only the beginning of a text, because a long text would hide other parts of the page. The whole text is shown in another
 * place.
 */
export function clipped(text: string, characters = 80): Html {
  return visible(cutAt(text, characters));
}

/** Shows a text. A long text is folded, and `about` says what the text is. */
export function folded(text: string, about = "", characters = 200): Html {
  if (text.length <= characters) return visible(text);
  const size = formatBytes(Buffer.byteLength(text));
  return html`<details class="fold"><summary>${visible(cutAt(text, 60))} <span class="dim">${about} ${size}</span></summary>${visible(text)}</details>`;
}

function cutAt(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return `${text.slice(0, characters).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Formats a time as in 2026-11-30 12:20:57. */
function formatMoment(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

export function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** Shows a time in UTC. `seconds` are Unix seconds. */
export function moment(seconds: number): Html {
  const iso = isoOf(seconds);
  return html`<time datetime="${iso}" title="UTC">${formatMoment(iso)}</time>`;
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** Formats a duration in its two largest units: 95 → "1 min 35 s". */
export function formatDuration(seconds: number): string {
  const parts: string[] = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [size, name] of UNITS) {
    const number = Math.floor(left / size);
    left -= number * size;
    if (number > 0) parts.push(`${number} ${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** Formats a time relative to `now`: "3 min ago" or "in 2 d". */
export function formatDistance(seconds: number, now: number): string {
  const left = seconds - now;
  return left > 0 ? `in ${formatDuration(left)}` : `${formatDuration(-left)} ago`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] = bytes < 1024 * 1024 ? [bytes / 1024, "KiB"] : [bytes / 1024 / 1024, "MiB"];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** Formats a number as in 12,345. */
export function formatNumber(number: number): string {
  return number.toLocaleString("en-US");
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${formatNumber(number)} ${number === 1 ? one : many}`;
}

/** Shows a list of names and values. A value that is undefined or empty is left out. */
export function factList(facts: readonly (readonly [name: string, value: Html | string | number | undefined])[]): Html {
  const shown = facts.filter(([, value]) => value !== undefined && value !== "");
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export type Tone = "good" | "bad" | "busy" | "calm" | "warn";

/** Shows a word on a colour. The word always says what the colour means. */
export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** Makes the first letter of a text a capital letter, so that the text can begin a sentence. */
export function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * Shows a text that this program contains, for example the meaning of a refusal. Member names and commands are between backticks in
 * such a text.
 */
export function prose(text: string): Html {
  const parts = text.split("`");
  return html`${parts.map((part, index) => (index % 2 === 0 ? visible(part) : html`<code>${visible(part)}</code>`))}`;
}

/** Shows a command to paste. */
export function command(text: string): Html {
  return html`<pre class="command" tabindex="0"><code>${marked(text)}</code></pre>`;
}

/** Explains how to run the commands on a page. */
export function commandNote(): Html {
  return html`<p class="dim">In a checkout, write <code>npm run -s countersign --</code> instead of <code>countersign</code>; with the package, <code>npx countersign</code>.</p>`;
}
