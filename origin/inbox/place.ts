// Adds the location of the inbox to the errors of its methods. Otherwise a log line or a terminal that shows such an error would
// not say which inbox it is about.

import { Refusal } from "../../core/refusal.ts";

/**
 * Returns a proxy of the store. Its methods reject with an Error that has the text of `describe`. A Refusal is not changed, because
 * it has a code and its cause already names the location. The new errors have no `cause`, because a cause could hold a password.
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
