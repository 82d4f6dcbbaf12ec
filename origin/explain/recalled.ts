// Makes a question from a stored event. The question has the stored parts of the request, and names the parts that were not stored.

import type { Factor } from "../../core/admission/candidate.ts";
import type { Policy, Sender } from "../../core/policy/policy.ts";
import type { StoredEvent } from "../inbox/inbox.ts";
import { type AskedRequest, type Chain, type Question, urlOfTarget } from "./question.ts";

/** Returns the stored request. @throws TypeError if its method or its headers are not valid */
export function requestOf({ request, headers, body }: StoredEvent): AskedRequest {
  return {
    method: request.method,
    url: urlOfTarget(request.target),
    headers: new Headers(headers.map(([name, value]) => [name, value])),
    body,
  };
}

/** Returns undefined if there was no certificate, or if its bytes are no longer stored. */
export function chainOf({ certificate }: StoredEvent): Chain | undefined {
  const { der: leaf, intermediates = [] } = certificate ?? {};
  return leaf === undefined ? undefined : { leaf, intermediates };
}

/** Returns Cloudflare's verdict, if the event came through Cloudflare. */
export function platformOf({ certificate }: StoredEvent): string | undefined {
  const verdict = certificate?.platform?.verified;
  return verdict === "none given" ? undefined : verdict;
}

/**
 * Returns the policy for a stored event. Removes the sender's rules for credentials that passed before the event was stored. These
 * credentials are not stored with the event, so they cannot be checked again.
 */
export function withoutCheckedCredentials(
  policy: Policy,
  headers: Headers,
  event: StoredEvent | undefined,
): Pick<Question, "policy" | "passedBefore"> {
  const sender = policy.senders.find(({ name }) => name === event?.sender);
  if (sender === undefined) return { policy, passedBefore: undefined };
  const { basic, token } = sender;
  const isPassed = (factor: Factor, header: string) => event?.factors.includes(factor) === true && !headers.has(header);
  const hasBasic = isPassed("basic", "authorization");
  // A token in the body is stored with the event, so it can be checked again.
  const hasToken = token?.header !== undefined && isPassed("token", token.header);
  if (!hasBasic && !hasToken) return { policy, passedBefore: undefined };
  return {
    policy: withSender(policy, sender, {
      ...sender,
      ...(hasBasic && { basic: [] }),
      ...(hasToken && { token: undefined }),
    }),
    passedBefore: {
      sender: sender.name,
      usernames: hasBasic ? basic.map(({ username }) => username) : undefined,
      token: hasToken ? token : undefined,
    },
  };
}

export function withSender(policy: Policy, sender: Sender, changed: Sender): Policy {
  const others = (senders: readonly Sender[]) => senders.map((one) => (one === sender ? changed : one));
  const routes = policy.routes.map((route) => ({
    ...route,
    senders: others(route.senders),
    shadow: others(route.shadow),
  }));
  return { ...policy, senders: others(policy.senders), routes };
}
