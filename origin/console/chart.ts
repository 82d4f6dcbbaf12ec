// Draws charts as SVG on the server. Each chart also has its numbers in a table.

import { html } from "hono/html";
import { formatNumber, type Html, isoOf } from "./show.ts";

export interface Series {
  readonly name: string;
  /** The colour, by its name in the style sheet. */
  readonly tone: "good" | "busy" | "bad" | "warn" | "calm";
}

export interface Bar {
  /** The Unix second at which the time span of the bar begins. */
  readonly from: number;
  /** One number for each series. The first number is the lowest part of the bar. */
  readonly values: readonly number[];
}

const WIDTH = 720;
const HEIGHT = 140;
const GAP = 2;
/** The number of hours between two labels. */
const LABEL_EVERY = 6;

/** Draws bars of one hour each. `title` says what the bars show. */
export function hourChart(title: string, series: readonly Series[], bars: readonly Bar[]): Html {
  const totals = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const most = Math.max(1, ...totals);
  const step = WIDTH / Math.max(1, bars.length);
  return html`<figure class="chart"><figcaption>${title} <span class="dim">highest: ${formatNumber(Math.max(0, ...totals))} an hour</span></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 18}" role="img" aria-label="${title}" preserveAspectRatio="none" focusable="false">
<line class="axis" x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"></line>
${bars.map((bar, index) => column(bar, series, { left: index * step, width: step - GAP, most }))}
</svg>
<div class="hours" aria-hidden="true">${bars.map(({ from }, index) => html`<span>${index % LABEL_EVERY === 0 ? hourOf(from) : ""}</span>`)}</div>
<ul class="legend">${series.map(({ name, tone }) => html`<li><span class="key ${tone}"></span>${name}</li>`)}</ul>
<details><summary>Numbers</summary>${numbers(title, series, bars)}</details></figure>`;
}

interface Place {
  readonly left: number;
  readonly width: number;
  readonly most: number;
}

function column({ values, from }: Bar, series: readonly Series[], { left, width, most }: Place): Html {
  let top = HEIGHT;
  const parts = values.map((value, index) => {
    const height = value === 0 ? 0 : Math.max(1.5, (value / most) * (HEIGHT - 4));
    top -= height;
    return height === 0
      ? ""
      : html`<rect class="${series[index]?.tone ?? "good"}" x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"></rect>`;
  });
  const text = series.map(({ name }, index) => `${name} ${formatNumber(values[index] ?? 0)}`).join(", ");
  return html`<g><title>${hourOf(from)} UTC: ${text}</title>${parts}</g>`;
}

function numbers(title: string, series: readonly Series[], bars: readonly Bar[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Numbers: ${title}"><table><thead><tr><th scope="col">Hour (UTC)</th>${series.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${bars.map(({ from, values }) => html`<tr><th scope="row">${isoOf(from).slice(0, 16).replace("T", " ")}</th>${values.map((value) => html`<td class="number">${formatNumber(value)}</td>`)}</tr>`)}</tbody></table></div>`;
}

function hourOf(seconds: number): string {
  return isoOf(seconds).slice(11, 16);
}
