// Shows what expires: certificates, anchors and time windows of the policy.

import { html } from "hono/html";
import { describeExpiry as describe, type Expiry, sendersInUse } from "../../core/policy/expiry.ts";
import { listExpiries } from "../expiry.ts";
import type { View } from "./context.ts";
import { daysLeft } from "./event/certificate.ts";
import { badge, type Html, moment, visible } from "./show.ts";

const SOON_SECONDS = 60 * 86_400;
/** The largest number of expiries on one page. Nobody would read more. */
const MAX_EXPIRIES = 100;

export const describeExpiry = describe;

/** Lists what expires within sixty days, or has expired, the soonest first. */
export async function listSoon({ setting, now }: View): Promise<Expiry[]> {
  const policy = setting.policy();
  const seen = await setting.inbox.latestCertificates(sendersInUse(policy).map(({ name }) => name));
  return listExpiries(policy, now, seen)
    .filter(({ notAfter }) => notAfter < now + SOON_SECONDS)
    .slice(0, MAX_EXPIRIES);
}

const KINDS: Readonly<Record<Expiry["kind"], string>> = {
  "sender-certificate": "certificate of",
  anchor: "anchor",
  intermediate: "intermediate",
  "listener-certificate": "own certificate for",
  "policy-window": "entry of",
};

export function expiryTable(expiries: readonly Expiry[], now: number, label = "What ends"): Html {
  if (expiries.length === 0) return html`<p class="empty">Nothing ends within sixty days.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><thead><tr><th scope="col">What</th><th scope="col">Ends (UTC)</th><th scope="col">Left</th><th scope="col">Then</th><th scope="col">What to do</th></tr></thead>
<tbody>${expiries.map(
    ({ kind, name, notAfter, refuses, remedy }) =>
      html`<tr><th scope="row">${KINDS[kind]} ${visible(name)}</th><td>${moment(notAfter)}</td><td>${daysLeft(notAfter, now)}</td><td>${refuses ? badge("bad", "events are refused") : badge("calm", "nothing is refused")}</td><td>${visible(remedy)}</td></tr>`,
  )}</tbody></table></div>`;
}
