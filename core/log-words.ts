// Lists every word that `decision` can have in a log line, and every code of a log line except the codes of refusals. Code that
// writes a line with any other word does not compile. docs/troubleshooting.md is made from the explanations.

import type { RefusalCode } from "./refusal.ts";

/** Explains a log line: what it means, who must act, and what they must do. */
export interface Explanation {
  readonly meaning: string;
  readonly who: "sender" | "operator" | "nobody";
  /** The action that is needed. Empty if nobody must act. */
  readonly what: string;
}

const nobody = (meaning: string): Explanation => ({ meaning, who: "nobody", what: "" });
const operator = (meaning: string, what: string): Explanation => ({ meaning, who: "operator", what });

export const DECISIONS = {
  accepted: nobody("An origin stored the event, or knew it already (`duplicateOf`)."),
  forwarded: nobody("The edge handed the event to the origin. `status` is the origin's answer."),
  queued: nobody("The edge put the event into its queue and answered 202, or sent a dead letter again (`redriven`)."),
  challenge: nobody(
    "A sender asked whether the endpoint is ours, and got its answer. `handshake` names how. Nothing was stored.",
  ),
  refused: operator("The request was not accepted, because of what it is or who sent it.", "See its `code`."),
  failed: operator("Something on our side failed. If there was a request, the sender gets 5xx.", "See its `code`."),
  duplicate: nobody("The queue delivered a message a second time. Its event had already reached the origin."),
  "dead-letter": operator(
    "A queued event could not be delivered. It is in the bucket under `key`.",
    "Fix what `code` and `why` name. Then put an object `redrive/EVENT` into the bucket, which sends the event again.",
  ),
  "dead-letters": operator(
    "`count` dead letters are in the bucket. The oldest was stored at `oldest`.",
    "Look at the line `dead-letter` of each. To send all again, put an object `redrive/all` into the bucket.",
  ),
  removed: nobody("Bodies that no message and no dead letter needs any more were removed from the bucket."),
  dispatched: nobody("The handler or upstream is done with the event."),
  retrying: operator(
    "The handler or upstream failed for the reason in `reason`. The event is tried again at `dueAt`.",
    "If this line is repeated often, look at the handler.",
  ),
  dead: operator(
    "The event was tried for the last time, or the handler said that another attempt is of no use.",
    "Fix the handler, then run `countersign inbox retry ID`.",
  ),
  released: nobody(
    "The origin stopped while it handled the event. The next start, or another origin, handles it again.",
  ),
  observed: nobody("A route in observe mode saw this certificate for the first time: `countersign policy observed`."),
  shadow: operator(
    "The senders in `shadow` of the route would have decided otherwise.",
    "Compare both verdicts before you put them into `senders`.",
  ),
  noticed: nobody(
    "A sender presents a certificate that differs from its latest 100 certificates. The line names the differences.",
  ),
  expiring: operator(
    "An anchor, an entry of the policy, or a certificate ends soon or has ended.",
    "Get the next one in time: `countersign policy expiring` lists all of them.",
  ),
  handshake: {
    meaning: "A TLS handshake failed, or proved no certificate. If it failed, no request was read.",
    who: "sender",
    what: "See `cause` and `remedy`. Some causes are the operator's: the server's certificate, a missing CA.",
  },
  updated: nobody("A revocation list was fetched, and is in force."),
  reloaded: nobody("Policy, keys or certificates changed, and are in force."),
  action: nobody(
    "Somebody retried, dropped or ran events again in the console: `by` says who, `changed` how many, `ids` which.",
  ),
  warning: operator("Something works, but the operator should change it.", "See its `code` and `remedy`."),
} as const satisfies Readonly<Record<string, Explanation>>;

export type DecisionWord = keyof typeof DECISIONS;

export const OPERATIONAL_CODES = {
  request_unreadable: {
    meaning: "Node's parser ended a request before any check. `why` says what arrived instead.",
    who: "sender",
    what: "Send HTTP/1.1 to the right port. If nobody knows the peer, it is probably a scanner: do nothing.",
  },
  proxy_not_proven: operator(
    "A connection to an origin behind a proxy did not prove to be the proxy's.",
    "Compare the proxy's certificate with `--proxy-ca` and `--proxy-subject`. A peer that is not the proxy should not reach this port.",
  ),
  connections_full: operator(
    "A listener has 1,000 open connections and closes further ones.",
    "Find the peer that opens many, or let a proxy in front end idle connections.",
  ),

  order_waits: nobody(
    "A handler cannot answer yet, because an earlier event of the same `orderKey` is not done. The sender gets 503 and retries.",
  ),
  outcome_unknown: nobody(
    "The origin stopped, or could not store the outcome. The event is stored, and is handled again.",
  ),
  handler_late: operator(
    "The handler did not answer in time. The event is stored; the sender gets 504.",
    "Make the handler faster, or let the route answer `accepted`.",
  ),
  answer_unusable: operator(
    "The handler threw, or its answer cannot be passed on. The event is stored; the sender gets 502.",
    "Return an answer with a status below 500, without a redirect and within the limit of its size.",
  ),
  dispatch_unavailable: operator(
    "The origin could not look for stored events. It tries again.",
    "If this line is repeated often, look at the inbox's database or disk.",
  ),
  lease_lost: operator(
    "An attempt took longer than its lease, so its outcome was dropped and another attempt decides. A handler must be able to run twice.",
    "Make the handler faster; look for pauses of the process, and clocks that jump.",
  ),
  outcome_not_stored: operator(
    "The outcome of an attempt could not be stored yet. It is tried again while the lease lasts.",
    "Look at the inbox's database or disk.",
  ),
  retention_failed: operator(
    "Old bodies and events could not be erased. It is tried again.",
    "Look at the inbox's database or disk: it grows until then.",
  ),

  point_not_written: operator(
    "The data point of the preceding decision could not be written to Analytics Engine. The decision is not affected, and its line is in the log.",
    "Look at `why`, and at analytics_engine_datasets of the wrangler file.",
  ),

  refusals_not_kept: operator(
    "`dropped` refused requests could not be stored with the inbox, and are only in this log. No verdict is affected. There is at most one such line per minute.",
    "Look at the inbox's database or disk.",
  ),

  undeliverable: operator(
    "A queued event can never be delivered, because it is too old or damaged, or its body is gone.",
    "Ask the sender to send the event again.",
  ),
  origin_answer: operator(
    "The origin answered a queued event with a status other than 2xx. It is tried again.",
    "Look at the origin's log at that time.",
  ),
  attempt_crashed: operator(
    "The last attempt at a queued event ended without a verdict: the Worker crashed, or the bucket did not accept the dead letter.",
    "Look at the exceptions of the Worker, then send the event again from the bucket.",
  ),
  queue_maintenance: operator(
    "The cron trigger could not do the `step` for the queue. The next run does it.",
    "If this line is repeated often, look at the bucket BODIES and its binding.",
  ),
  no_dead_letter: operator(
    "An object `redrive/…` asks for dead letters that are not there.",
    "Correct its name: `redrive/EVENT`, `redrive/unread` or `redrive/all`.",
  ),

  revocation_list_kept: operator(
    "A revocation list could not be fetched, read or written. An older one stays in force.",
    "Look at `why`. If the list expires before a new one is fetched, a sender whose anchor says `require` is refused.",
  ),
  revocation_list_missing: operator(
    "A revocation list could not be fetched or read, and no older one of its source is stored.",
    "Look at `why`. A sender whose anchor says `require` is refused until the list is fetched.",
  ),

  reload_refused: operator(
    "A changed file was not accepted. The earlier content stays in force.",
    "Fix what `problems` lists. `countersign policy check` says more about a policy.",
  ),
  worker_died: operator(
    "One of several processes ended. Another process replaces it, and handler attempts that it had begun run again.",
    "Look at `cause` and at what the process printed before. If it hung, look for a handler that computes without a pause.",
  ),
  store_awaited: operator(
    "The inbox's database cannot be reached, and the start waits for it.",
    "Start the database, or correct `--inbox`.",
  ),
  notify_failed: operator(
    "The origin could not report to systemd that it runs. With Type=notify, systemd stops a program that does not report.",
    "Do what `remedy` says.",
  ),
  policy_finding: operator(
    "A date in the policy has passed or is near, or a part of the policy has no effect. The program starts nevertheless.",
    "Do what `remedy` says.",
  ),
  watch_failed: operator(
    "The origin could not check what expires soon. It tries again.",
    "If this line is repeated often, look at the inbox's database or disk.",
  ),
  observation_full: operator(
    "An observed route saw so many different certificates that further ones are not reported.",
    "Write entries for the senders that it saw (`countersign policy observed`), then remove `mode` from the route. A line with `isProven: false` counts strangers, who do not use up the limit of senders.",
  ),
  observation_not_kept: operator(
    "An observed certificate could not be stored with the inbox. It is only in this log.",
    "Look at the folder of the inbox: space and permissions.",
  ),
  proxy_ca: operator(
    "The CA of `--proxy-ca` will not prove the proxy for long, or is broader than needed.",
    "See `problem`.",
  ),
  server_chain_incomplete: operator(
    "The server's certificate file seems to lack an intermediate, so that some senders cannot trust it.",
    "Append the intermediates to the file, each issuer after the certificate that it issued.",
  ),
  console_refused: operator(
    "The console refused a request: its credentials are wrong, or a page of another site or host name caused it.",
    "If somebody mistyped, do nothing. Otherwise find out which page or person reaches the console's address.",
  ),
  console_failed: operator(
    "A page of the console could not be made.",
    "Look at `why`. The usual cause is the inbox's database or disk.",
  ),
  secret_readable: operator("Every user of the machine can read the file of a secret.", "Do what `remedy` says."),
  password_shown: operator(
    "`--inbox` contains a password, and `ps` shows the password to every user of the machine.",
    "Write the password into a file, and name the file in `PGPASSWORD_FILE`.",
  ),
} as const satisfies Readonly<Record<string, Explanation>>;

export type OperationalCode = keyof typeof OPERATIONAL_CODES;

/** The code of the reason in a log line. */
export type LogCode = RefusalCode | OperationalCode;
