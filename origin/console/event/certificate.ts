// Shows the certificate of an event: a picture of its path to the anchor, and every field.

import { html } from "hono/html";
import type { Certificate } from "../../../core/x509/certificate.ts";
import type { StoredCertificate } from "../../inbox/inbox.ts";
import { badge, clipped, factList, type Html, isoOf, moment, plural, visible } from "../show.ts";
import { fieldsOf, keyOf, shortName } from "./certificate-facts.ts";
import type { Judgement } from "./judgement.ts";

const DAY_SECONDS = 86_400;
const SOON_DAYS = 30;

/** `now` is in Unix seconds. */
export function certificateView(facts: StoredCertificate, judgement: Judgement, now: number): Html {
  const { presented, path, anchor } = judgement;
  const [leaf] = path;
  return html`<section aria-labelledby="certificate"><h2 id="certificate">Certificate</h2>
${path.length > 0 ? pathPicture(judgement, now) : ""}
${anchor === undefined ? html`<p class="dim">The current policy has no path from it to an anchor${facts.anchor === undefined ? "" : html`; ${visible(facts.anchor)} proved it then`}.</p>` : ""}
${leaf === undefined ? storedFacts(facts) : path.map((one, depth) => fieldSet(one, roleOf(one, depth, judgement), depth === 0))}
${presented === undefined ? html`<p class="dim">The certificate's bytes are not stored.</p>` : ""}
</section>`;
}

function storedFacts({ subject, issuer, serial, sha256, notBefore, notAfter }: StoredCertificate): Html {
  return factList([
    ["Subject", visible(subject)],
    ["Issuer", visible(issuer)],
    ["Serial number", serial],
    ["Not before", isoOf(notBefore)],
    ["Not after", isoOf(notAfter)],
    ["SHA-256", sha256],
  ]);
}

function roleOf(certificate: Certificate, depth: number, { presented, path, anchor }: Judgement): string {
  if (depth === 0) return "sender";
  if (anchor !== undefined && depth === path.length - 1) return `anchor ${anchor.name}`;
  const isPresented = presented?.intermediates.some(({ sha256 }) => sha256 === certificate.sha256);
  return isPresented ? "intermediate" : "intermediate of the policy";
}

function pathPicture(judgement: Judgement, now: number): Html {
  const { path, anchor } = judgement;
  const boxes = path.map(
    (one, depth) => html`<li><div class="box${anchor !== undefined && depth === path.length - 1 ? " anchor" : ""}">
<span class="role">${roleOf(one, depth, judgement)}</span><strong>${clipped(shortName(one.subjectText), 60)}</strong>
<span class="dim">${keyOf(one)}</span>${daysLeft(one.notAfter, now)}</div></li>`,
  );
  return html`<ol class="path" aria-label="Path from the sender's certificate to the anchor">${boxes}</ol>`;
}

export function daysLeft(notAfter: number, now: number): Html {
  const days = Math.floor((notAfter - now) / DAY_SECONDS);
  if (days < 0) return badge("bad", `ended ${plural(-days, "day")} ago`);
  return badge(days <= SOON_DAYS ? "warn" : "calm", `${plural(days, "day")} left`);
}

function fieldSet(certificate: Certificate, role: string, isOpen: boolean): Html {
  const list = factList(
    fieldsOf(certificate).map(([name, value]) => [
      name,
      name.startsWith("Not ")
        ? html`${moment(name === "Not after" ? certificate.notAfter : certificate.notBefore)} UTC`
        : lines(value),
    ]),
  );
  if (isOpen) return list;
  return html`<details><summary>Every field of ${clipped(shortName(certificate.subjectText), 60)} <span class="dim">${role}</span></summary>${list}</details>`;
}

function lines(value: string): Html {
  const [first = "", ...others] = value.split("\n");
  return html`${visible(first)}${others.map((line) => html`<br>${visible(line)}`)}`;
}
