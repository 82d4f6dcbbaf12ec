// The page of one refused request. It says what the refusal means and what to change, and shows the presented certificate and the
// whole log line.

import { html } from "hono/html";
import { placeOf } from "../../../core/policy/policy.ts";
import { type Problem, Refusal, resultOf } from "../../../core/refusal.ts";
import { formatPem, parseCertificate } from "../../../core/x509/certificate.ts";
import type { KeptRefusal, RefusedCertificate } from "../../inbox/refusals/refusals.ts";
import { shellWord } from "../../shell-word.ts";
import type { ConsoleContext, View } from "../context.ts";
import { showBody } from "../event/body.ts";
import { fieldsOf } from "../event/certificate-facts.ts";
import { answer } from "../layout.ts";
import { link } from "../links.ts";
import { badge, command, commandNote, factList, folded, type Html, moment, prose, sentence, visible } from "../show.ts";
import { describeRefusal, detailsOf, explain, nearMissOf, problemOf } from "./facts.ts";
import { nearestOf, nearestSection } from "./nearest.ts";

type WholeRefusal = KeptRefusal & { readonly certificate: RefusedCertificate | undefined };

async function find(view: View, text: string): Promise<WholeRefusal | undefined> {
  return /^\d{1,15}$/.test(text) ? await view.setting.inbox.refusals.find(Number(text)) : undefined;
}

export async function refusalPage(c: ConsoleContext, view: View, sequence: string) {
  const refusal = await find(view, sequence);
  if (refusal === undefined) return await noSuchRefusal(c, view);
  const title = `Refused: ${refusal.code}`;
  return await answer(c, view, { title, section: "refusals", main: render(view, refusal) }, () => ({
    ...describeRefusal(refusal),
    nearest: nearestOf(view, refusal) ?? null,
  }));
}

async function noSuchRefusal(c: ConsoleContext, view: View) {
  const main = html`<h1>No such refusal</h1><p>It is not kept, or not any more.</p><p><a href="${link(view, "/refusals")}">All refused requests</a></p>`;
  return await answer(c, view, { title: "No such refusal", section: "refusals", status: 404, main }, () => ({
    problems: ["there is no such refusal"],
  }));
}

/**
 * Returns the refused certificate in PEM, with the certificates that were sent with it. The page of the refusal shows a
 * `countersign policy add` command that reads this file.
 */
export async function refusedCertificate(c: ConsoleContext, view: View, sequence: string) {
  const refusal = await find(view, sequence);
  if (refusal?.certificate === undefined) return await noSuchRefusal(c, view);
  const { der, intermediates } = refusal.certificate;
  return c.body([der, ...intermediates].map(formatPem).join("\n"), 200, {
    "content-type": "application/x-pem-file",
    "content-disposition": `attachment; filename="${fileOf(refusal.certificate)}"`,
    "content-security-policy": "sandbox; default-src 'none'",
  });
}

function fileOf({ sha256 }: RefusedCertificate): string {
  return `refused-${sha256.slice(0, 16)}.pem`;
}

function render(view: View, refusal: WholeRefusal): Html {
  const { code, certificate } = refusal;
  const { meaning, who, what } = explain(refusal);
  const [explained, accepted] = [explanation(view, refusal), accept(view, refusal)];
  const note = explained === undefined && accepted === undefined ? "" : commandNote();
  return html`<p class="crumbs"><a href="${link(view, "/refusals")}">Refused requests</a></p>
<h1 class="id">${visible(code)}</h1>
<section aria-labelledby="why"><h2 id="why">Why</h2><p>${prose(sentence(meaning))}.</p>${verdict(refusal)}${details(refusal)}${nearestSection(nearestOf(view, refusal))}${explained ?? ""}</section>
<section aria-labelledby="change"><h2 id="change">What to change</h2>
<p>${badge(who === "nobody" ? "calm" : "warn", who === "nobody" ? "nobody has to act" : `the ${who} has to act`)}</p>${what === "" ? "" : html`<p>${prose(what)}</p>`}${accepted ?? ""}${note}</section>
${requestSection(refusal)}
${certificate === undefined ? "" : certificateSection(certificate, code)}
<section aria-labelledby="line"><h2 id="line">Line of the log</h2>${showBody(new TextEncoder().encode(JSON.stringify(refusal.line)), "pretty", "The line as JSON")}</section>`;
}

/** Shows the details in the log line, for example the expected and the received values. */
function details(refusal: KeptRefusal): Html {
  const facts = detailsOf(refusal);
  if (facts.length === 0) return html``;
  return factList(facts.map(([name, value]) => [name, folded(value)]));
}

/** Shows Cloudflare's verdict on the certificate, if this verdict is the reason for the refusal. */
function verdict({ code, line }: KeptRefusal): Html {
  const found = line["verdict"];
  return code.startsWith("platform_") && typeof found === "string"
    ? html`<p>Cloudflare's verdict: <code>${visible(found)}</code></p>`
    : html``;
}

const WHOLE = "Every step of the decision, by the current policy:";

/**
 * For each problem, the text that is shown above the command `countersign explain`. The command never has the assertion, and has
 * headers and a body only if the operator adds them. So it cannot find the reason for some problems. These problems are not in this
 * table.
 */
const EXPLAINED: Partial<Readonly<Record<Problem, string>>> = {
  "not-found": WHOLE,
  "method-not-allowed": WHOLE,
  "no-client-certificate": WHOLE,
  "certificate-not-proven": WHOLE,
  "sender-not-allowed": WHOLE,
  "signature-not-verified": "Every step, by the current policy. Add the headers (--header) and the body (--body):",
  "credentials-required":
    "Every step, by the current policy. Add the headers (--header), and the body (--body) if it has the token:",
};

/** Shows the command that repeats every step of the decision. */
function explanation({ setting: { places } }: View, { id, code }: KeptRefusal): Html | undefined {
  const problem = problemOf(code);
  const about = problem === undefined ? undefined : EXPLAINED[problem];
  // The refusal `sender_mismatch` depends on what the edge decided, so the command cannot repeat it.
  if (id === "" || about === undefined || code === "sender_mismatch") return undefined;
  return html`<p class="dim">${about}</p>
${command(`countersign explain --decision ${shellWord(id)} --inbox ${shellWord(places.inbox)} --policy ${shellWord(places.policy)}`)}`;
}

/** The codes of refusals that an operator can prevent by a new entry in the policy. */
const ACCEPTABLE: ReadonlySet<string> = new Set(["sender_not_allowed", "issuer_unknown"]);

function accept(view: View, refusal: WholeRefusal): Html | undefined {
  const { certificate, code, sender, route, sequence } = refusal;
  if (certificate === undefined || !ACCEPTABLE.has(code)) return undefined;
  const file = fileOf(certificate);
  const name = nearMissOf(refusal)?.sender ?? sender;
  const isAnchorLacking = code === "issuer_unknown";
  const anchor = isAnchorLacking ? " --anchor CA=CA.pem" : "";
  const policy = shellWord(view.setting.places.policy);
  return html`<p>If you know the sender, and only then: accept this certificate. ${
    isAnchorLacking ? "Get the certificate of its CA from the sender: it becomes an anchor." : ""
  }</p><p><a href="${link(view, `/refusals/${sequence}/certificate`)}" download>Download ${file}</a>, then${
    isAnchorLacking || name === "" ? " replace what is in capitals and" : ""
  } run</p>
${command(`countersign policy add --policy ${policy} --sender ${name === "" ? `SENDER${routeOptions(route)}` : shellWord(name)}${anchor} --certificate ${file} --match name`)}`;
}

/**
 * Returns the options `--host` and `--route` of `countersign policy add`. A new sender needs them, because no route lists it yet.
 */
function routeOptions(route: string): string {
  if (route === "") return "";
  const [host, path] = placeOf({ path: route });
  return `${host === "" ? "" : ` --host ${shellWord(host)}`} --route ${shellWord(path)}`;
}

function requestSection(refusal: KeptRefusal): Html {
  const { at, id, method, target, route, sender, peer, certificateSha256 } = refusal;
  return html`<section aria-labelledby="request"><h2 id="request">Request</h2>${factList([
    ["When", html`${moment(Math.floor(at / 1000))} UTC`],
    ["Decision", id === "" ? undefined : visible(id)],
    [
      "Request",
      method === undefined
        ? undefined
        : html`<span class="method">${visible(method)}</span> ${folded(target ?? route)}`,
    ],
    ["Route", route],
    ["Sender, perhaps", sender],
    ["Came from", peer === undefined ? undefined : visible(peer)],
    ["Certificate", certificateSha256],
    ["Its subject", textIn(refusal.line, "subject")],
    ["Its issuer", textIn(refusal.line, "issuer")],
  ])}</section>`;
}

/**
 * Returns the subject or the issuer of the certificate. It is read from the log line, because the bytes of the certificate are not
 * always stored.
 */
function textIn(line: KeptRefusal["line"], member: "subject" | "issuer"): Html | undefined {
  const { [member]: value } = Object(line["certificate"]) as Record<string, unknown>;
  return typeof value === "string" ? folded(value) : undefined;
}

/** Returns true if the request was refused before the certificate was proven. */
function isBeforeProof(code: string): boolean {
  const problem = problemOf(code);
  return problem === undefined || problem === "certificate-not-proven" || code.startsWith("assertion_");
}

function certificateSection({ der, intermediates }: RefusedCertificate, code: string): Html {
  const lists = [der, ...intermediates].map((one, index) => {
    const certificate = resultOf(() => parseCertificate(one));
    if (certificate instanceof Refusal)
      return html`<p class="dim">Not to be read: ${visible(String(certificate.details["cause"] ?? ""))}</p>`;
    const fields = factList(fieldsOf(certificate).map(([name, value]) => [name, folded(value.replaceAll("\n", ", "))]));
    return index === 0
      ? fields
      : html`<details><summary>Came with it: ${visible(certificate.subjectText)}</summary>${fields}</details>`;
  });
  return html`<section aria-labelledby="certificate"><h2 id="certificate">Certificate</h2><p class="dim">What was presented.${isBeforeProof(code) ? " Nothing of it is proven." : ""}</p>${lists}</section>`;
}
