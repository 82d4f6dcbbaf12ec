// Stores the refusals of a local run, both those of the edge and those of the origin. The edge's log lines contain facts about a
// certificate, but not its bytes. So the TLS front reports the certificates that clients presented.

import { BoundedCache } from "../../core/bounded-cache.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { Refusal, resultOf } from "../../core/refusal.ts";
import { type ClientCertificate, parseClientCertificate } from "../../core/x509/client-certificate.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import type { RefusedFacts } from "../../origin/inbox/refusals/refusals.ts";
import { keepRefusals } from "../../origin/service/kept-refusals.ts";
import type { PeerCertificate } from "../cloudflare/tls-client-auth.ts";
import { INBOX_OPTIONS, parseRefusals } from "../origin/inbox-options.ts";

const MAX_PRESENTED = 100;

type Log = (line: LogLine, refused?: RefusedFacts) => void;

export class DevelopmentRefusals {
  readonly #presented = new BoundedCache<string, ClientCertificate>(MAX_PRESENTED);
  /**
   * Keeps a refusal in the inbox. Undefined as long as no inbox is open. Always undefined if the origin is a separate program,
   * because its inbox is not open here.
   */
  #keep: Log | undefined;

  /** This is an arrow property, because it is passed as a callback without its object. */
  readonly notePresented = ({ leaf, intermediates }: PeerCertificate): void => {
    const base64 = ({ raw }: { readonly raw: Buffer }) => raw.toString("base64");
    const parsed = resultOf(() =>
      parseClientCertificate({
        leaf: base64(leaf),
        intermediates: intermediates.map(base64),
        platform: undefined,
      }),
    );
    if (!(parsed instanceof Refusal)) this.#presented.set(parsed.leaf.sha256, parsed);
  };

  /** Starts to keep refusals in the inbox. Call the returned function before the inbox is closed. */
  keepIn(inbox: Inbox, policy: Policy, log: (line: LogLine) => void): () => Promise<void> {
    const kept = keepRefusals(
      parseRefusals(INBOX_OPTIONS.refusals.default),
      { inbox, log, countDropped() {} },
      () => policy,
    );
    this.#keep = kept.logging(() => {});
    return () => kept.close();
  }

  /** Returns a log function for the origin. It prints each line, and keeps each refusal in the inbox. */
  logging(print: (line: LogLine) => void): Log {
    return (line, refused) => {
      print(line);
      this.#keep?.(line, refused);
    };
  }

  /** Returns a log function for the edge. It prints each line, and keeps each refusal in the inbox. */
  loggingEdge(print: (line: LogLine) => void): (line: LogLine) => void {
    const log = this.logging(print);
    return (line) => {
      const { sha256 } = Object(line["certificate"]) as { readonly sha256?: unknown };
      log(line, { url: undefined, likelySender: undefined, certificate: this.#presented.get(String(sha256)) });
    };
  }
}
