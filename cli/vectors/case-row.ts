// One row of the tables of cases.

import type { RefusalCode } from "../../core/refusal.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";

/**
 * `name` also makes the ids of the event, unless the row comes after another with the same event and names that one (`of`).
 */
export type CaseRow = readonly [
  verdict: "accept" | RefusalCode,
  name: string,
  change: (request: ForwardedRequest) => ForwardedRequest,
  sent?: SentEvent & { readonly of?: string },
];

export const unchanged = (request: ForwardedRequest): ForwardedRequest => request;
