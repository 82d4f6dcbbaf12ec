// Every entry point of the package imports this file first. If the runtime lacks a function that is used everywhere, this file
// reports it at the start. Otherwise the first request would fail.

import { ConfigurationError } from "../core/configuration-error.ts";

if (typeof URL.parse !== "function" || typeof Promise.withResolvers !== "function")
  throw new ConfigurationError("runtime", [
    "countersign needs Node 22.18 or newer, or a Bun, Deno or Workers runtime of that time: this one is older",
  ]);
