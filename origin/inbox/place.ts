// Adds the location of the inbox to its errors. They end up in a log line or on a terminal, where nothing else shows it.

import { Refusal } from "../../core/refusal.ts";

/**
 * The same store, with methods that reject with the text of `describe`. A Refusal is not changed: it has a code, and its cause is
 * described already. The new errors have no `cause`, because that could hold a password.
 */
export function namingPlace<T extends object>(store: T, describe: (error: unknown) => string): T {
  const members = new Map<PropertyKey, unknown>();
  const tell = (error: unknown): never => {
    throw error instanceof Refusal ? error : new Error(describe(error));
  };
  const wrap = (member: unknown): unknown => {
    if (typeof member === "object" && member !== null) return namingPlace(member, describe);
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
