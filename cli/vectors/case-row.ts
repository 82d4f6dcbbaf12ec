// One row in the tables of cases.

import type { RefusalCode } from "../../core/refusal.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";

/** `name` also determines the ids of the event, unless the row names another row with the same event (`of`). */
export type CaseRow = readonly [
  verdict: "accept" | RefusalCode,
  name: string,
  change: (request: ForwardedRequest) => ForwardedRequest,
  sent?: SentEvent & { readonly of?: string },
];

export const unchanged = (request: ForwardedRequest): ForwardedRequest => request;
