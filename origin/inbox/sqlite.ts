// The inbox in one SQLite file. WAL with synchronous FULL: a commit that returned survives power loss.

import { DatabaseSync } from "node:sqlite";
import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AssertionId } from "../authenticate-options.ts";
import { systemClock } from "../clock.ts";
import type { FirstSight, Inbox } from "../inbox.ts";
import { type Presented, SeenCertificates } from "./sqlite-certificates.ts";
import { readerOf } from "./sqlite-reader.ts";
import { prepareSchema } from "./sqlite-schema.ts";

const INSERT = `
  INSERT INTO event (id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body, content_digest,
                     event_key, certificate, certificate_id, factors, relied_on_edge, policy_digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (issuer, jti) DO NOTHING
`;

export interface SqliteInboxOptions {
  /** Unix seconds. */
  readonly clock?: () => number;
  /**
   * Called when a sender was accepted with what it was not seen with before, after the commit, in the one process that
   * wrote it; with nothing in the list when the sender itself is new, or its key, issuer and intermediates are known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
}

/**
 * Opens or creates the inbox file; one of an older version is brought up to this one.
 * @throws Error when the file is no inbox, is a newer one, or cannot be opened
 */
export function openSqliteInbox(file: string, options: SqliteInboxOptions = {}): Inbox {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    prepareSchema(database, file);
    return new SqliteInbox(database, options);
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteInbox implements Inbox {
  readonly certificates: Inbox["certificates"];
  readonly event: Inbox["event"];
  readonly close: Inbox["close"];
  readonly #database: DatabaseSync;
  readonly #insert: ReturnType<DatabaseSync["prepare"]>;
  readonly #count: ReturnType<DatabaseSync["prepare"]>;
  readonly #seen: SeenCertificates;
  readonly #clock: () => number;
  readonly #onNewCertificate: (firstSights: readonly FirstSight[]) => void;

  constructor(database: DatabaseSync, { clock = systemClock, onNewCertificate = () => {} }: SqliteInboxOptions) {
    ({ certificates: this.certificates, event: this.event, close: this.close } = readerOf(database));
    this.#database = database;
    this.#insert = database.prepare(INSERT);
    this.#count = database.prepare("SELECT count(*) AS events FROM event");
    this.#seen = new SeenCertificates(database);
    this.#clock = clock;
    this.#onNewCertificate = onNewCertificate;
  }

  /** Passed on as a function. */
  readonly accept = (delivery: Delivery, assertion: AssertionId): void => {
    let isStored: boolean;
    try {
      isStored = this.#store(delivery, assertion, this.#clock());
    } catch (error) {
      throw new Refusal("store_unavailable", { cause: error instanceof Error ? error.message : String(error) });
    }
    if (!isStored) throw new Refusal("replayed", { jti: assertion.jti });
  };

  count(): number {
    return Number(this.#count.get()?.["events"]);
  }

  /** Of nearly every event the certificate is written already: then the one insert is the whole transaction. */
  #store(delivery: Delivery, assertion: AssertionId, now: number): boolean {
    const { sender, certificate } = delivery;
    if (certificate === undefined) return this.#insertEvent(delivery, assertion, now, null);
    const presented: Presented = { sender, certificate };
    const known = this.#seen.find(presented, now);
    return known === undefined
      ? this.#storeWithCertificate(delivery, assertion, now, presented)
      : this.#insertEvent(delivery, assertion, now, known);
  }

  #storeWithCertificate(delivery: Delivery, assertion: AssertionId, now: number, presented: Presented): boolean {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const { id, isNew, firstSights } = this.#seen.write(presented, now);
      const isStored = this.#insertEvent(delivery, assertion, now, id);
      // A replay shows nothing of its sender.
      this.#database.exec(isStored ? "COMMIT" : "ROLLBACK");
      if (!isStored) return false;
      this.#seen.remember(presented, id, now);
      if (isNew) this.#tell(firstSights.map((sight) => ({ ...sight, sender: delivery.sender, id: delivery.id })));
      return true;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** The event is stored: a listener that fails must not make its sender send it again. */
  #tell(firstSights: readonly FirstSight[]): void {
    try {
      this.#onNewCertificate(firstSights);
    } catch {}
  }

  #insertEvent(delivery: Delivery, assertion: AssertionId, now: number, certificateId: number | null): boolean {
    const { id, sender, request, headers, body, contentDigest, eventKey, policyDigest } = delivery;
    // The bytes are in the certificate's own row.
    const { der, intermediates, ...certificate } = delivery.certificate ?? {};
    const { changes } = this.#insert.run(
      id, assertion.issuer, assertion.jti, now, sender, request.method, request.target, request.contentType,
      JSON.stringify(headers), body, contentDigest, eventKey ?? null,
      JSON.stringify(delivery.certificate && certificate) ?? "null", certificateId,
      JSON.stringify(delivery.factors), JSON.stringify(delivery.reliedOnEdge), policyDigest,
    ); // biome-ignore format: one value a column
    return Number(changes) === 1;
  }
}
