// The page with the senders of the policy. For each sender it shows the required factors, the last event, the presented
// certificates, and what expires.

import { html } from "hono/html";
import type { Expiry } from "../../core/policy/expiry.ts";
import type { Policy, Sender } from "../../core/policy/policy.ts";
import { Refusal, resultOf } from "../../core/refusal.ts";
import { escapeControls } from "../../core/shown-text.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import { listExpiries } from "../expiry.ts";
import type { SeenCertificate } from "../inbox/inbox.ts";
import { placeOfToken } from "../token-place.ts";
import type { ConsoleContext, View } from "./context.ts";
import { daysLeft } from "./event/certificate.ts";
import { shortName } from "./event/certificate-facts.ts";
import { describeExpiry, expiryTable } from "./expiries.ts";
import { answer } from "./layout.ts";
import { link } from "./links.ts";
import { clipped, formatDistance, type Html, isoOf, moment, sentence, visible } from "./show.ts";

/** The number of senders on one page. A policy may have ten thousand senders. */
const PAGE_SENDERS = 50;
/** The number of certificates that are shown for one sender. The newest certificates are shown. */
const SHOWN_CERTIFICATES = 10;

export async function sendersPage(c: ConsoleContext, view: View) {
  const policy = view.setting.policy();
  const text = view.url.searchParams.get("name")?.trim() ?? "";
  const start = Number(/^\d{1,6}$/.exec(view.url.searchParams.get("start") ?? "")?.[0] ?? 0);
  const matching = policy.senders.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  const shown = matching.slice(start, start + PAGE_SENDERS);
  const { inbox } = view.setting;
  const [seen, known] = await Promise.all([inbox.latestCertificates(shown.map(({ name }) => name)), inbox.senders()]);
  const lastSeen = new Map(known.map((one) => [one.sender, one.lastSeen]));
  const expiries = listExpiries(policy, view.now, seen).filter(
    ({ kind }) => kind !== "anchor" && kind !== "intermediate",
  );
  const accounts = shown.map((sender) => ({
    ...accountOf(sender, policy, seen, expiries),
    lastSeen: lastSeen.get(sender.name),
  }));
  const next = start + PAGE_SENDERS < matching.length ? start + PAGE_SENDERS : undefined;
  const main = html`<h1>Senders</h1>
<form class="filters" method="get" action="${link(view, "/senders")}" role="search" aria-label="Find a sender"><label class="wide">Name<input type="search" name="name" value="${text}" autocomplete="off" spellcheck="false" maxlength="200"></label><div class="buttons"><button>Find</button></div></form>
${accounts.length === 0 ? html`<p class="empty">No sender of the policy has this name.</p>` : accounts.map((account) => senderSection(view, account))}
${next === undefined ? "" : html`<nav class="pager" aria-label="Pages of senders"><a rel="next" href="${link(view, "/senders", new URLSearchParams({ name: text, start: String(next) }))}">Next ${PAGE_SENDERS}</a></nav>`}`;
  return await answer(c, view, { title: "Senders", section: "senders", main }, () => ({
    senders: accounts.map((one) => describe(one, view.now)),
  }));
}

interface Account {
  readonly sender: Sender;
  readonly routes: readonly string[];
  readonly factors: readonly string[];
  /** The certificates of the sender. The certificate that was seen most recently comes first. */
  readonly certificates: readonly SeenCertificate[];
  readonly expiries: readonly Expiry[];
  /** The time of the last event in Unix seconds. Undefined if no event of the sender is known. */
  readonly lastSeen?: number | undefined;
}

function accountOf(
  sender: Sender,
  policy: Policy,
  seen: readonly SeenCertificate[],
  expiries: readonly Expiry[],
): Account {
  const { name, certificate, signature, basic, token, body } = sender;
  return {
    sender,
    routes: policy.routes.filter(({ senders }) => senders.includes(sender)).map(({ path }) => path),
    factors: [
      ...(certificate === undefined ? [] : ["client certificate"]),
      ...(signature === undefined ? [] : [`signature (${signature.scheme})`]),
      ...(basic.length === 0 ? [] : ["user name and password"]),
      ...(token === undefined ? [] : [`token ${placeOfToken(token)}`]),
      ...body.map(({ pointer }) => `value at ${pointer} of the body`),
    ],
    certificates: seen.filter((one) => one.sender === name).sort((a, b) => b.lastSeen - a.lastSeen),
    expiries: expiries.filter((ending) => ending.name === name),
  };
}

function describe({ sender, routes, factors, certificates, expiries, lastSeen }: Account, now: number) {
  return {
    name: sender.name,
    ...{ routes, factors, lastSeen: lastSeen === undefined ? null : isoOf(lastSeen) },
    certificates: certificates.slice(0, SHOWN_CERTIFICATES).map(({ der: _der, intermediates: _all, ...one }) => ({
      ...one,
      notAfter: isoOf(one.notAfter),
      firstSeen: isoOf(one.firstSeen),
      lastSeen: isoOf(one.lastSeen),
    })),
    endings: expiries.map((ending) => describeExpiry(ending, now)),
  };
}

function senderSection(view: View, { sender, routes, factors, certificates, expiries, lastSeen }: Account): Html {
  const [latest] = certificates;
  const events = link(view, "/events", new URLSearchParams({ sender: sender.name }));
  return html`<section class="sender"><div class="headline"><h2>${visible(sender.name)}</h2><a href="${events}">Events</a></div>
<p>${sentence(factors.join(" and "))} at ${routes.length === 0 ? "no route" : routes.slice(0, 5).map((route, index) => html`${index > 0 ? ", " : ""}<code>${visible(route)}</code>`)}${routes.length > 5 ? ` and ${routes.length - 5} more` : ""}</p>
<p class="dim">${lastSeen === undefined ? "No event of it is known." : html`Last accepted ${formatDistance(lastSeen, view.now)}.`}</p>
${
  latest === undefined
    ? html`<p class="empty">${sender.certificate === undefined ? "It needs no certificate." : "It has presented no certificate yet."}</p>`
    : html`${timeline(certificates.slice(0, SHOWN_CERTIFICATES), view.now)}${history(sender.name, certificates.slice(0, SHOWN_CERTIFICATES), view.now)}`
}
${expiries.length === 0 ? "" : html`<details><summary>What ends (${expiries.length})</summary>${expiryTable(expiries, view.now, `What ends of ${escapeControls(sender.name)}`)}</details>`}</section>`;
}

const WIDTH = 720;
const ROW = 22;

/**
 * Draws a line for each certificate, from the beginning to the end of its validity. The line shows when the certificate was seen. A
 * mark shows the present time.
 */
function timeline(certificates: readonly SeenCertificate[], now: number): Html {
  const spans = certificates.flatMap((one) => {
    const parsed = resultOf(() => parseCertificate(one.der));
    return parsed instanceof Refusal ? [] : [{ one, notBefore: parsed.notBefore }];
  });
  if (spans.length === 0) return html``;
  const start = Math.min(now, ...spans.map(({ notBefore }) => notBefore));
  const end = Math.max(now, ...spans.map(({ one }) => one.notAfter));
  const x = (seconds: number) => (((seconds - start) / Math.max(1, end - start)) * WIDTH).toFixed(1);
  const width = (from: number, to: number) => Math.max(3, ((to - from) / Math.max(1, end - start)) * WIDTH).toFixed(1);
  const height = spans.length * ROW;
  return html`<figure class="chart timeline"><svg viewBox="0 0 ${WIDTH} ${height}" height="${height}" preserveAspectRatio="none" role="img" aria-label="When its certificates are valid, and when they were seen" focusable="false">
${spans.map(
  ({ one, notBefore }, index) =>
    html`<g><title>${one.sha256}</title><rect class="valid" x="${x(notBefore)}" y="${index * ROW + 5}" width="${width(notBefore, one.notAfter)}" height="12" rx="3"></rect><rect class="seen" x="${x(one.firstSeen)}" y="${index * ROW + 5}" width="${width(one.firstSeen, one.lastSeen)}" height="12" rx="3"></rect></g>`,
)}
<line class="now" x1="${x(now)}" x2="${x(now)}" y1="0" y2="${height}"></line></svg>
<ul class="legend"><li><span class="key valid"></span>valid</li><li><span class="key seen"></span>seen</li><li><span class="key now"></span>now</li><li class="dim">${isoOf(start).slice(0, 10)} to ${isoOf(end).slice(0, 10)}</li></ul></figure>`;
}

function history(name: string, certificates: readonly SeenCertificate[], now: number): Html {
  const keys = [...new Set(certificates.map(({ spkiSha256 }) => spkiSha256))];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Certificates of ${escapeControls(name)}"><table><thead><tr><th scope="col">Certificate</th><th scope="col">Issuer</th><th scope="col">Key</th><th scope="col">First seen (UTC)</th><th scope="col">Last seen (UTC)</th><th scope="col">Left</th></tr></thead>
<tbody>${certificates.map(
    ({ subject, issuer, sha256, spkiSha256, notAfter, firstSeen, lastSeen }) =>
      html`<tr><th scope="row">${clipped(shortName(subject), 48)}<div class="dim mono">${sha256.slice(0, 16)}…</div></th><td>${clipped(shortName(issuer), 48)}</td><td>${keys.length === 1 ? "one key" : `key ${keys.length - keys.indexOf(spkiSha256)} of ${keys.length}`}<div class="dim mono">${spkiSha256.slice(0, 16)}…</div></td><td>${moment(firstSeen)}</td><td>${moment(lastSeen)}</td><td>${daysLeft(notAfter, now)}</td></tr>`,
  )}</tbody></table></div>`;
}
