// Shows the checks of an event to people: the results when the event arrived, the results by the current policy, and the claims of
// the edge's assertion.

import { html } from "hono/html";
import { type EventExplanation, explainEvent } from "../../explain/event.ts";
import type { StoredEvent } from "../../inbox/inbox.ts";
import { NO_SECRETS } from "../../options.ts";
import { shellWord } from "../../shell-word.ts";
import type { View } from "../context.ts";
import { badge, command, commandNote, factList, folded, type Html } from "../show.ts";
import { explainedChecks } from "./explained.ts";
import type { Check } from "./judgement.ts";

export interface Explained {
  readonly verdict: EventExplanation["verdict"];
  readonly checks: readonly Check[];
}

/** Explains an event by the current policy, secrets and revocation lists. */
export async function explainNow({ setting, now }: View, event: StoredEvent): Promise<Explained> {
  // A reload replaces policy and secrets together. The map of secrets has the sender objects of one policy as its keys, so policy
  // and secrets must come from the same load.
  const by = { policy: setting.policy(), secrets: setting.secrets?.() ?? NO_SECRETS, lists: setting.lists?.() };
  const explanation = await explainEvent(event, by, now);
  return {
    verdict: explanation.verdict,
    checks: explainedChecks(event, explanation, by.policy, by.lists !== undefined),
  };
}

const VERDICTS = { passed: "good", failed: "bad", unknown: "calm" } as const;

export function checkSection(view: View, { id }: StoredEvent, then: readonly Check[], now: Explained): Html {
  const { places } = view.setting;
  return html`<section aria-labelledby="checks"><h2 id="checks">Checks when it came</h2>${table("Table of checks when it came", then)}</section>
<section aria-labelledby="explanation"><h2 id="explanation">By the current policy</h2>
<p class="dim">The same event, judged again by the policy, secrets${view.setting.lists === undefined ? "" : " and revocation lists"} in force, as of the time at which it came.</p>
${table("Table of checks by the current policy", now.checks)}
<p class="dim">What other senders of the route lack, and what each program would say:</p>
${command(`countersign explain --event ${shellWord(id)} --inbox ${shellWord(places.inbox)} --policy ${shellWord(places.policy)}`)}${commandNote()}</section>`;
}

function table(label: string, checks: readonly Check[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table class="checks"><thead><tr><th scope="col">Check</th><th scope="col">Verdict</th><th scope="col">Evidence</th></tr></thead>
<tbody>${checks.map(({ what, verdict, evidence }) => html`<tr><th scope="row">${folded(what)}</th><td>${badge(VERDICTS[verdict], verdict)}</td><td>${folded(evidence)}</td></tr>`)}</tbody></table></div>`;
}

/** Returns the claims that the origin compared with the event and stored. Undefined if the event did not come from an edge. */
export function claimsOf(event: StoredEvent): Readonly<Record<string, string>> | undefined {
  const { issuer, jti, id, sender, request, contentDigest, certificate } = event;
  if (issuer === "direct") return undefined;
  return {
    iss: issuer,
    jti,
    txn: id,
    sender,
    ...(certificate !== undefined && { "cnf x5t#S256": Buffer.from(certificate.sha256, "hex").toString("base64url") }),
    "req method": request.method,
    "req target": request.target,
    "req type": request.contentType,
    "req digest": contentDigest,
  };
}

export function assertionSection(event: StoredEvent): Html {
  const claims = claimsOf(event);
  if (claims === undefined) return html``;
  return html`<section aria-labelledby="assertion"><h2 id="assertion">Assertion of the edge</h2>
<p class="dim">The claims that were compared with the event. The signed text is not stored.</p>${factList(
    Object.entries(claims).map(([name, value]) => [name, value === "" ? undefined : folded(value)]),
  )}</section>`;
}
