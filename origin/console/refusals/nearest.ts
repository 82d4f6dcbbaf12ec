// Shows the entry of the policy that is nearest to a refused certificate. For each member of the entry, shows the expected and the
// received value.

import { html } from "hono/html";
import { Refusal, resultOf } from "../../../core/refusal.ts";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";
import { compareMembers, expectedMembers, type MemberExplanation } from "../../explain/entries.ts";
import type { KeptRefusal, RefusedCertificate } from "../../inbox/refusals/refusals.ts";
import type { View } from "../context.ts";
import { badge, folded, type Html, visible } from "../show.ts";
import { type NearMiss, nearMissOf } from "./facts.ts";

type Compared = Pick<MemberExplanation, "member" | "expected"> & Partial<MemberExplanation>;

export interface Nearest extends NearMiss {
  /**
   * The members of the entry in the current policy, compared with the certificate. Empty if the current policy does not have the
   * entry.
   */
  readonly members: readonly Compared[];
}

export function nearestOf(
  { setting }: View,
  refusal: KeptRefusal & { readonly certificate: RefusedCertificate | undefined },
): Nearest | undefined {
  const nearMiss = nearMissOf(refusal);
  if (nearMiss === undefined) return undefined;
  const sender = setting.policy().senders.find(({ name }) => name === nearMiss.sender);
  const matcher = sender?.certificate?.allowlist.matchers[Number(nearMiss.entry)];
  if (matcher === undefined) return { ...nearMiss, members: [] };
  const certificate = refusal.certificate && parse(refusal.certificate);
  const members =
    certificate === undefined
      ? expectedMembers(matcher.entry)
      : compareMembers(matcher.entry, certificate, Math.floor(refusal.at / 1000));
  return { ...nearMiss, members };
}

function parse({ der }: RefusedCertificate): Certificate | undefined {
  const certificate = resultOf(() => parseCertificate(der));
  return certificate instanceof Refusal ? undefined : certificate;
}

export function nearestSection(nearest: Nearest | undefined): Html {
  if (nearest === undefined) return html``;
  const { sender, entry, failed, members } = nearest;
  const head = html`<p>Nearest was entry ${visible(entry)} of the sender <strong>${visible(sender)}</strong>. It failed at ${failed.map((field, index) => html`${index > 0 ? ", " : ""}<code>${visible(field)}</code>`)}.</p>`;
  if (members.length === 0)
    return html`${head}<p class="dim">The current policy has no such entry, so what it wanted is not known.</p>`;
  return html`${head}<div class="scroll" tabindex="0" role="region" aria-label="Members of the nearest entry"><table class="members"><thead><tr><th scope="col">Member</th><th scope="col">Wanted</th><th scope="col">Received</th></tr></thead>
<tbody>${members.map((one) => row(one, failed))}</tbody></table></div><p class="dim">Wanted by the current policy.</p>`;
}

function row({ member, expected, presented, holds, hint }: Compared, failed: readonly string[]): Html {
  const isFailed = holds === undefined ? failed.includes(member) : !holds;
  const received =
    presented === undefined ? html`<span class="dim">the certificate is not kept</span>` : texts(presented);
  return html`<tr><th scope="row"><code>${visible(member)}</code> ${isFailed ? badge("bad", "differs") : badge("good", "the same")}</th><td>${texts(expected)}</td><td>${received}${hint === undefined || hint === null ? "" : html`<div class="dim">${hint}</div>`}</td></tr>`;
}

function texts(values: string | readonly string[]): Html {
  const list = [values].flat();
  if (list.length === 0) return html`<span class="dim">nothing</span>`;
  return html`${list.map((value) => html`<div class="mono">${value === "" ? html`<span class="dim">empty</span>` : folded(value)}</div>`)}`;
}
