// Checks at intervals what expires in a running origin. Also counts the waiting events and the kept refusals in the inbox, and
// reports the times at which the revocation lists expire.

import { messageOf } from "../../core/failure-chain.ts";
import type { LogLine } from "../../core/log-line.ts";
import { sendersInUse } from "../../core/policy/expiry.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { showUrl } from "../../core/url.ts";
import { systemClock } from "../clock.ts";
import { listExpiries } from "../expiry.ts";
import type { Inbox, SeenCertificate } from "../inbox/inbox.ts";
import { listenerExpiry } from "./listener-certificate.ts";
import type { Stock, Telemetry } from "./telemetry.ts";

/** The policy and the certificates that are in force now. A reload may replace them. */
export interface Watched {
  readonly policy: Policy;
  /** The certificates of the listener, in PEM. Empty if another program terminates TLS. */
  readonly certificates: readonly string[];
  /** For each source, the latest `nextUpdate` of its revocation lists, as `ends()` of CrlStore returns it. */
  readonly listEnds: ReadonlyMap<string, number>;
}

interface Options {
  readonly inbox: Inbox;
  readonly watched: () => Watched;
  readonly telemetry: Telemetry;
  /** True if metrics are served. */
  readonly isMeasured: boolean;
  readonly log: (line: LogLine) => void;
}

/**
 * The interval between two checks of what expires. It is short, so that metrics and warnings follow the clock closely. Each warning
 * is given only once.
 */
const LOOK_MILLISECONDS = 5 * 60_000;
/** The interval at which waiting events and kept refusals are counted. It is the usual scrape interval of Prometheus. */
const STOCK_MILLISECONDS = 15_000;
/** The delay between a reload or a new certificate and the next check. After this delay, the change is in force. */
const SOON_MILLISECONDS = 250;
/**
 * The largest fraction of the time that the checks may take. Without this limit, senders with many new certificates could keep the
 * process busy, because each new certificate causes a check.
 */
const MOST_TIME_LOOKING = 1 / 20;

export class ExpiryWatch {
  readonly #options: Options;
  #looks: NodeJS.Timeout | undefined;
  #stocks: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #lookMilliseconds = 0;
  #presented: Stock["presented"] = [];
  #isClosed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    void this.#look().then(() => this.#takeStock());
    this.#stocks = setInterval(() => this.#takeStock(), STOCK_MILLISECONDS).unref();
    this.#looks = setInterval(() => this.#look(), LOOK_MILLISECONDS).unref();
  }

  lookSoon(): void {
    const wait = Math.max(SOON_MILLISECONDS, this.#lookMilliseconds / MOST_TIME_LOOKING);
    this.#soon ??= setTimeout(() => void this.#look(), wait).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#stocks);
    clearInterval(this.#looks);
    clearTimeout(this.#soon);
  }

  async #look(): Promise<void> {
    this.#soon = undefined;
    if (this.#isClosed) return;
    const start = performance.now();
    const { inbox, watched, telemetry } = this.#options;
    await this.#attempt(async () => {
      const { policy, certificates } = watched();
      const now = systemClock();
      const listeners = certificates.map((pem) => listenerExpiry(pem));
      const seen = await inbox.latestCertificates(sendersInUse(policy).map(({ name }) => name));
      this.#presented = latestBySender(seen);
      telemetry.tell(listExpiries(policy, now, seen, listeners), now);
    });
    this.#lookMilliseconds = performance.now() - start;
  }

  async #takeStock(): Promise<void> {
    const { inbox, watched, telemetry, isMeasured } = this.#options;
    if (!isMeasured || this.#isClosed) return;
    await this.#attempt(async () => {
      const [backlog, refusals] = [await inbox.backlog(), await inbox.refusals.stock()];
      const listEnds = Array.from(watched().listEnds, ([source, end]) => [showUrl(source), end] as const);
      telemetry.setStock({ backlog, presented: this.#presented, refusals, listEnds });
    });
  }

  async #attempt(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      this.#options.log({ decision: "failed", code: "watch_failed", why: messageOf(error) });
    }
  }
}

/** Returns the time at which each sender was last accepted with a certificate. */
function latestBySender(seen: readonly SeenCertificate[]): Stock["presented"] {
  const latest = new Map<string, number>();
  for (const { sender, lastSeen } of seen) latest.set(sender, Math.max(lastSeen, latest.get(sender) ?? 0));
  return [...latest];
}
