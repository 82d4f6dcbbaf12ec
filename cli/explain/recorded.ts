// Reads the request to explain from a stored event or from a decision in a log. A stored event and a logged decision contain only
// parts of the request. The question, which is the input of the explanation, lists the missing parts. Otherwise the explanation
// would say that the sender left them out.

import { type Chain, type UnknownParts, urlOfTarget } from "../../origin/explain/question.ts";
import { chainOf as chainOfEvent, platformOf as platformOfEvent } from "../../origin/explain/recalled.ts";
import type { StoredEvent } from "../../origin/inbox/inbox.ts";
import { describeInbox } from "../../origin/inbox/location.ts";
import { readInbox } from "../../origin/inbox/open.ts";
import { UsageError } from "../command.ts";
import { namingInbox } from "../inbox/options.ts";
import { findDecision, findKeptDecision, type RecordedDecision } from "./log.ts";
import type { Values } from "./options.ts";

/** The stored event or the logged decision that contains the request. Options override its values. */
export interface Source {
  readonly event?: StoredEvent;
  readonly decision?: RecordedDecision;
}

/** Reads the event or the decision that the options name. @throws UsageError if it does not exist */
export async function readSource({ event: id, inbox, decision, log }: Values): Promise<Source> {
  if (decision !== undefined && log !== undefined) {
    const find = () => findDecision(decision, log, inbox);
    return { decision: inbox === undefined ? await find() : await namingInbox(inbox, find) };
  }
  if (decision !== undefined && inbox !== undefined)
    return { decision: await namingInbox(inbox, () => findKeptDecision(decision, inbox)) };
  if (id === undefined || inbox === undefined) return {};
  const event = await namingInbox(inbox, () => readInbox(inbox, (reader) => reader.event(id)));
  if (event !== undefined) return { event };
  throw new UsageError(`${describeInbox(inbox)} holds no event ${JSON.stringify(id)}`);
}

/**
 * Returns the options that the user must give because the source lacks their values. Returns none if there is no source, because
 * readQuestion() then refuses missing options itself.
 */
export function lackingOptions(values: Values, { event, decision }: Source): string[] {
  if (event === undefined && decision === undefined) return [];
  const isRouteKnown = (values.route ?? values.url ?? event ?? targetOf(decision)) !== undefined;
  const isCertificateKnown =
    (values.certificate ?? decision?.chain ?? event?.certificate?.der) !== undefined ||
    !needsCertificate(event, decision);
  return [...(isRouteKnown ? [] : ["--route"]), ...(isCertificateKnown ? [] : ["--certificate"])];
}

/**
 * Returns true if the request had a certificate. A logged decision has a fingerprint only if the certificate could be read. If it
 * could not be read, the code of the refusal shows that there was a certificate.
 */
function needsCertificate(event: StoredEvent | undefined, decision: RecordedDecision | undefined): boolean {
  if (event !== undefined) return event.certificate !== undefined;
  if (decision === undefined) return false;
  const isUnreadable = decision.lines.some(({ code }) => /^(certificate_|too_many_intermediates)/.test(`${code}`));
  return decision.sha256 !== undefined || isUnreadable;
}

export function chainOf({ event, decision }: Source): Chain | undefined {
  return (event && chainOfEvent(event)) ?? decision?.chain;
}

/**
 * Returns Cloudflare's verdict, if it is known. An event always stores the verdict. A log contains it only if the verdict was the
 * reason of the refusal.
 */
export function platformOf({ event, decision }: Source): string | undefined {
  if (event !== undefined) return platformOfEvent(event);
  const line = decision?.lines.find(({ code }) => code === "platform_disagrees" || code === "platform_not_verified");
  const verdict = line?.["verdict"];
  return typeof verdict === "string" && verdict !== "none given" ? verdict : undefined;
}

/**
 * Returns the URL of a decision. It is the URL of the recorded request or, if no request was recorded, a URL made from the path or
 * the route in a log line.
 */
export function targetOf(decision: RecordedDecision | undefined): string | undefined {
  const path = decision?.lines.map((line) => line["path"] ?? line["route"]).find((name) => typeof name === "string");
  return decision?.request?.url ?? (typeof path === "string" ? urlOfTarget(path) : undefined);
}

export function unknownOf({ event, decision }: Source, values: Values): UnknownParts {
  const always = {
    body: "no --body was given",
    platform: "Cloudflare's verdict is not known, say it with --platform",
  };
  if (event !== undefined) return { ...always, credentials: "credentials are not stored, give them with --header" };
  if (decision === undefined) return always;
  return {
    ...always,
    ...(values.header === undefined && {
      headers: "the log holds no headers, give them with --header",
      credentials: "the log holds no credentials, give them with --header",
    }),
    body: "the log holds no body, give it with --body",
  };
}
