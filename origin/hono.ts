// The entry point `countersign/hono`: the guard of a route in a Hono app. See docs/api.md.

import "./engine.ts";

export type { AnswerRefusal, CountersignVariables } from "./authenticate.ts";
export { type CountersignOptions, countersign } from "./guard/guard.ts";
