// What every page of the console knows of its request.

import type { Context } from "hono";
import type { Policy } from "../../core/policy/policy.ts";
import { systemClock } from "../clock.ts";
import type { ConsoleOptions, ConsoleParts, ConsoleVisitor } from "./options.ts";

export interface ConsoleEnv {
  Variables: { visitor: ConsoleVisitor; nonce: string };
}

export type ConsoleContext = Context<ConsoleEnv>;

/** One console: its options with their defaults. */
export interface Setting extends Omit<ConsoleOptions, "policy" | "path" | "hosts" | "log" | "places"> {
  readonly policy: () => Policy;
  /** Of every link: empty, or a path without a slash at its end. */
  readonly base: string;
  readonly isOwnHost: (host: string) => boolean;
  readonly log: NonNullable<ConsoleOptions["log"]>;
  readonly places: NonNullable<ConsoleOptions["places"]>;
  readonly parts: ConsoleParts;
  /** Stands in every form, and is known only to who can read a page. New at every start. */
  readonly formToken: string;
}

/** One request to one console. */
export interface View {
  readonly setting: Setting;
  readonly visitor: ConsoleVisitor;
  readonly nonce: string;
  /** Path and query. */
  readonly url: URL;
  /** Unix seconds. */
  readonly now: number;
  /** By the clock of performance.now(). */
  readonly begunAt: number;
}

export function viewOf(c: ConsoleContext, setting: Setting): View {
  return {
    setting,
    visitor: c.var.visitor,
    nonce: c.var.nonce,
    url: new URL(c.req.url),
    now: systemClock(),
    begunAt: performance.now(),
  };
}

/** Whether the answer should be the facts of the page. */
export function wantsJson(c: ConsoleContext): boolean {
  const accept = c.req.header("accept") ?? "";
  return accept.includes("application/json") && !accept.includes("text/html");
}
