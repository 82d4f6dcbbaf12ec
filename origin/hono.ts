// The door `countersign/hono`: the guard of a route in a Hono app. See docs/api.md.

import "./engine.ts";

export { type AnswerRefusal, type CountersignOptions, type CountersignVariables, countersign } from "./guard.ts";
