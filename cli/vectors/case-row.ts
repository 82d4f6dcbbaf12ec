// The type of a row in the tables of test cases.

import type { RefusalCode } from "../../core/refusal.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";

/** The ids of the event are made from `name`. A row with `of` has the same event as the row that `of` names. */
export type CaseRow = readonly [
  verdict: "accept" | RefusalCode,
  name: string,
  change: (request: ForwardedRequest) => ForwardedRequest,
  sent?: SentEvent & { readonly of?: string },
];

export const unchanged = (request: ForwardedRequest): ForwardedRequest => request;
