// Makes the cases on which a policy is tried: the events of an inbox, and the certificates that were recorded at observed routes.
// Refused certificates are included. If a part of a request was not stored, the case names the part.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { findRoute, type Policy } from "../../../core/policy/policy.ts";
import { type AskedRequest, type Chain, type UnknownParts, urlOfTarget } from "../../../origin/explain/question.ts";
import { chainOf, platformOf, requestOf } from "../../../origin/explain/recalled.ts";
import type { InboxReader, StoredEvent } from "../../../origin/inbox/inbox.ts";
import { folderOfInbox } from "../../../origin/inbox/location.ts";
import { readInbox } from "../../../origin/inbox/open.ts";
import { OBSERVATIONS } from "../../../origin/service/observations.ts";
import { namingInbox } from "../../inbox/options.ts";
import { type Observation, readObservations } from "../../log/observations.ts";

/** One stored request. Parts of it may not be known. */
export interface TrialCase {
  readonly kind: "event" | "certificate";
  /** The id of the event, or the SHA-256 of the certificate. */
  readonly id: string;
  /** The time of the request, in Unix seconds. */
  readonly at: number;
  readonly request: AskedRequest;
  readonly chain: Chain | undefined;
  /** Cloudflare's verdict on the certificate, if the verdict was stored. */
  readonly platform: string | undefined;
  readonly unknown: UnknownParts;
  /** The stored event. All its factors passed when the event was accepted. */
  readonly event: StoredEvent | undefined;
  /** The reason why no policy can judge this case. Undefined if it can be judged. */
  readonly lacking: string | undefined;
}

/** Calls `use` with each of the last events, the newest first. Only one body is in memory at a time. @throws UsageError */
export async function eachEvent(location: string, last: number, use: (one: TrialCase) => Promise<void>): Promise<void> {
  const read = async (reader: InboxReader) => {
    for (const { id } of await reader.events({ limit: last })) {
      const event = await reader.event(id);
      if (event !== undefined) await use(caseOfEvent(event));
    }
  };
  await namingInbox(location, () => readInbox(location, read));
}

function caseOfEvent(event: StoredEvent): TrialCase {
  const { id, acceptedAt, body, certificate } = event;
  return {
    kind: "event",
    id,
    at: acceptedAt,
    request: requestOf(event),
    chain: chainOf(event),
    platform: platformOf(event),
    unknown: {
      credentials: "credentials are not stored",
      ...(body === undefined && { body: "its body is erased" }),
    },
    event,
    lacking: certificate !== undefined && certificate.der === undefined ? "its certificate is erased" : undefined,
  };
}

/** Makes cases from the certificates that are recorded next to the inbox or in the named files. @throws UsageError */
export function observedCases(
  policy: Policy,
  inbox: string | undefined,
  files: readonly string[],
  now: number,
): TrialCase[] {
  const kept = inbox === undefined ? [] : [join(folderOfInbox(inbox), OBSERVATIONS)].filter((file) => existsSync(file));
  return [...kept, ...files]
    .flatMap(readObservations)
    .map((observation) => caseOfObservation(policy, observation, now));
}

const NOT_RECORDED = "only the certificate of an observed request is recorded";

function caseOfObservation(policy: Policy, { route, at, certificate }: Observation, now: number): TrialCase {
  const { leaf, intermediates } = certificate;
  const url = urlOfTarget(route.endsWith("/*") ? `${route.slice(0, -1)}observed` : route);
  const { pathname, host } = new URL(url);
  const methods = findRoute(policy, pathname, host)?.methods ?? [];
  return {
    kind: "certificate",
    id: leaf.sha256,
    at: at === undefined ? now : Math.floor(Date.parse(at) / 1000),
    request: {
      method: methods.includes("POST") ? "POST" : (methods[0] ?? "POST"),
      url,
      headers: new Headers(),
      body: undefined,
    },
    chain: { leaf: leaf.base64, intermediates: intermediates.map(({ base64 }) => base64) },
    platform: undefined,
    unknown: { headers: NOT_RECORDED, credentials: NOT_RECORDED, body: NOT_RECORDED },
    event: undefined,
    lacking: undefined,
  };
}
