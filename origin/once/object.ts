// A replay check in a Durable Object of Cloudflare.

import type { AcceptDelivery, AssertionId } from "../accept.ts";
import {
  acceptOnce,
  CREATE_SQLITE_INDEX,
  CREATE_SQLITE_TABLE,
  forgettableBefore,
  INSERT_SQLITE,
  PRUNE_SHARE,
  PRUNE_SQLITE,
  requireMember,
} from "./once.ts";

/** The members of a Durable Object binding that are used here. */
export interface ObjectNamespace {
  getByName(name: string): { fetch(url: string, init: { method: string; body: string }): Promise<Response> };
}

/** The members of a Durable Object's state that are used here. */
export interface ObjectState {
  readonly storage: {
    readonly sql: { exec(sql: string, ...values: (string | number)[]): { toArray(): unknown[] } };
  };
}

/**
 * The Durable Object that `onceInDurableObject` calls. Export it from your Worker's main module, and name it in
 * `new_sqlite_classes` of a migration. All events of one edge go through one object.
 */
export class OnceObject {
  readonly #sql: ObjectState["storage"]["sql"];

  constructor(state: ObjectState) {
    this.#sql = state.storage.sql;
    this.#sql.exec(CREATE_SQLITE_TABLE);
    this.#sql.exec(CREATE_SQLITE_INDEX);
  }

  /** Answers 201 for a new id, and 409 for an id that is already recorded. Only the Worker can reach the object. */
  async fetch(request: Request): Promise<Response> {
    const { issuer, jti, expires } = (await request.json()) as AssertionId;
    const isNew = this.#sql.exec(INSERT_SQLITE, issuer, jti, expires).toArray().length === 1;
    if (Math.random() < PRUNE_SHARE) this.#sql.exec(PRUNE_SQLITE, forgettableBefore());
    // Cloudflare holds this response back until the write is stored (output gate).
    return new Response(null, { status: isNew ? 201 : 409 });
  }
}

/**
 * Makes an `accept` that records each assertion's id in a Durable Object. Events are not stored: if your handler fails, the sender
 * gets no 2xx and sends again. Ids are deleted a day after they expired.
 * @param namespace the binding of OnceObject
 * @throws ConfigurationError if `namespace` is not such a binding
 */
export function onceInDurableObject(namespace: ObjectNamespace): AcceptDelivery {
  requireMember("onceInDurableObject()", namespace, "getByName", "the binding of OnceObject");
  return acceptOnce({
    async insert(assertion) {
      const { issuer } = assertion;
      const init = { method: "POST", body: JSON.stringify(assertion) };
      const { status } = await namespace.getByName(issuer).fetch("https://once/", init);
      if (status !== 201 && status !== 409) throw new Error(`the object answered ${status}`);
      return status === 201;
    },
    // The Durable Object deletes old ids itself.
    prune: () => undefined,
  });
}
