// What every door of the package imports first: a runtime that lacks what is used everywhere says so at once, instead of failing at
// the first request.

import { ConfigurationError } from "../core/configuration-error.ts";

if (typeof URL.parse !== "function" || typeof Promise.withResolvers !== "function")
  throw new ConfigurationError("runtime", [
    "countersign needs Node 22.18 or newer, or a Bun, Deno or Workers runtime of that time: this one is older",
  ]);
