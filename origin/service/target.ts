// The target to which a running origin delivers stored events: a handler, which may forward them to an upstream.

import type { SigningKeys } from "../../core/assertion/keys.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { AcceptDelivery } from "../accept.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import type { Handler } from "../dispatch/handler.ts";
import type { DispatchLimits } from "../dispatch/limits.ts";
import { HandlerReplies } from "../dispatch/reply.ts";
import type { Inbox } from "../inbox/inbox.ts";

export interface DispatchTarget {
  readonly handler: Handler;
  readonly limits: Partial<DispatchLimits>;
  /** Returns the current signing keys of this origin. Undefined if it does not sign for an upstream. */
  readonly keys: (() => SigningKeys) | undefined;
  /** The files that `reload` reads again. The module with the handler is not among them, because Node loads a module only once. */
  readonly files: readonly string[];
  reload(): Promise<void>;
}

/** @throws ConfigurationError if a route answers with the handler's response, and there is no handler */
export function requireTarget({ routes }: Policy, target: DispatchTarget | undefined): void {
  const waiting = target === undefined ? routes.filter(({ isAnsweredByHandler }) => isAnsweredByHandler) : [];
  if (waiting.length === 0) return;
  throw new ConfigurationError(
    "origin",
    waiting.map(({ path }) => `${path} has "answer": "handler" in the policy: pass --handler or --upstream`),
  );
}

export interface Dispatch {
  readonly accept: AcceptDelivery;
  readonly answers: HandlerReplies | undefined;
  /** Returns the reason why events are not handed over now. Undefined if events are handed over. */
  fault(): string | undefined;
  start(): void;
  stop(): Promise<void>;
}

/** Opens the dispatch of one process. Without a target, events are only stored. */
export function openDispatch(
  target: DispatchTarget | undefined,
  { inbox, log }: { readonly inbox: Inbox; readonly log: (line: LogLine) => void },
): Dispatch {
  if (target === undefined)
    return { accept: inbox.accept, answers: undefined, fault: () => undefined, start() {}, stop: async () => {} };
  const { handler, limits } = target;
  const dispatcher = new Dispatcher({ work: inbox.work, handler, limits, log });
  const answers = new HandlerReplies({ inbox, dispatcher, log });
  return {
    accept: answers.accept,
    answers,
    fault: () => dispatcher.fault,
    start: () => dispatcher.start(),
    stop: () => dispatcher.stop(),
  };
}
