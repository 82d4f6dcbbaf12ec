// Errors of an inbox that say which one it is. They end in a log line or on a terminal, where no path or URL stands beside them.

import { Refusal } from "../../core/refusal.ts";

/**
 * The same store, whose methods reject with what `describe` says. Refusals pass: they have a code, and their cause is described already.
 * The errors that come out have no cause, which could hold a password.
 */
export function tellingPlace<T extends object>(store: T, describe: (error: unknown) => string): T {
  const members = new Map<PropertyKey, unknown>();
  const tell = (error: unknown): never => {
    throw error instanceof Refusal ? error : new Error(describe(error));
  };
  const wrap = (member: unknown): unknown => {
    if (typeof member === "object" && member !== null) return tellingPlace(member, describe);
    if (typeof member !== "function") return member;
    return async (...given: unknown[]) => {
      try {
        return (await Reflect.apply(member, store, given)) as unknown;
      } catch (error) {
        return tell(error);
      }
    };
  };
  return new Proxy(store, {
    get(target, name) {
      if (!members.has(name)) members.set(name, wrap(Reflect.get(target, name, target)));
      return members.get(name);
    },
  });
}
