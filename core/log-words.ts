// Every word that `decision` can have in a log line, and every code of a line besides the codes of refusals. A line with any other
// word does not compile. Programs load only the types. The explanations are for docs/troubleshooting.md.

import type { RefusalCode } from "./refusal.ts";

/** The meaning of a line, who must act, and what they must do. */
export interface Explanation {
  readonly meaning: string;
  readonly who: "sender" | "operator" | "nobody";
  /** Empty if nobody must act. */
  readonly what: string;
}

const nobody = (meaning: string): Explanation => ({ meaning, who: "nobody", what: "" });
const operator = (meaning: string, what: string): Explanation => ({ meaning, who: "operator", what });

export const DECISIONS = {
  accepted: nobody("An origin stored the event, or knew it already (`duplicateOf`)."),
  forwarded: nobody("The edge handed the event to the origin. `status` is the origin's answer."),
  queued: nobody("The edge put the event into its queue and answered 202, or sent a dead letter again (`redriven`)."),
  refused: operator("The request was not accepted, because of what it is or who sent it.", "See its `code`."),
  failed: operator("Something on our side failed: 5xx to the sender if there was a request.", "See its `code`."),
  duplicate: nobody("A queued event was delivered before: its message came from the queue a second time."),
  "dead-letter": operator(
    "A queued event could not be delivered and lies in the bucket under `key`.",
    "Mend what `code` and `why` name, then send it again by an object `redrive/EVENT` in the bucket.",
  ),
  "dead-letters": operator(
    "So many dead letters lie in the bucket, the oldest since `oldest`.",
    "Look at each one's line `dead-letter`; send them again by an object `redrive/all`.",
  ),
  removed: nobody("Bodies that no message and no dead letter needs any more were removed from the bucket."),
  dispatched: nobody("The handler or upstream is done with the event."),
  retrying: operator(
    "The handler or upstream failed for the reason in `reason`. The event is tried again at `dueAt`.",
    "Look at the handler if it goes on.",
  ),
  dead: operator(
    "The event was tried for the last time, or the handler said that another attempt is of no use.",
    "Mend the handler, then `countersign inbox retry ID`.",
  ),
  released: nobody(
    "The origin stopped while it handled the event. The next start, or another origin, handles it again.",
  ),
  observed: nobody("A route in observe mode saw this certificate for the first time: `countersign policy observed`."),
  shadow: operator(
    "The senders in `shadow` of the route would have decided otherwise.",
    "Compare both verdicts before you put them into `senders`.",
  ),
  noticed: nobody("A sender presents a certificate that differs from its latest 100 in what the line names."),
  expiring: operator(
    "An anchor, an entry of the policy, or a certificate ends soon or has ended.",
    "Get the next one in time: `countersign policy expiring` lists all of them.",
  ),
  handshake: {
    meaning: "A TLS handshake failed, or proved nothing. No request was read.",
    who: "sender",
    what: "See `cause` and `remedy`. Some causes are the operator's: the server's certificate, a missing CA.",
  },
  updated: nobody("A revocation list was fetched, and is in force."),
  reloaded: nobody("Policy, keys or certificates changed, and are in force."),
  action: nobody(
    "Somebody retried, dropped or ran events again in the console: `by` says who, `changed` how many, `ids` which.",
  ),
  warning: operator("Something works, and should be changed.", "See its `code` and `remedy`."),
} as const satisfies Readonly<Record<string, Explanation>>;

export type DecisionWord = keyof typeof DECISIONS;

export const OPERATIONAL_CODES = {
  request_unreadable: {
    meaning: "Node's parser ended a request before any check. `why` names what came instead.",
    who: "sender",
    what: "Send HTTP/1.1 to the right port. If nobody knows the peer, it is a scanner: leave it.",
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
    "A handler cannot answer yet, because an earlier event of the same `orderKey` is not done. The sender gets 503 and comes again.",
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
    "Look at the inbox's database or disk if it goes on.",
  ),
  lease_lost: operator(
    "An attempt took longer than its lease, so its outcome was dropped and another attempt decides. A handler has to bear to run twice.",
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
    "The data point of the decision before could not be written to Analytics Engine. The decision stands, and its line is in the log.",
    "Look at `why`, and at analytics_engine_datasets of the wrangler file.",
  ),

  refusals_not_kept: operator(
    "Refused requests could not be written beside the inbox: `dropped` of them are in this log only. No verdict depends on it. At most one line per minute.",
    "Look at the inbox's database or disk.",
  ),

  undeliverable: operator(
    "A queued event can never be delivered: it is too old, damaged, or its body is gone.",
    "Ask the sender to send the event again.",
  ),
  origin_answer: operator(
    "The origin answered a queued event with a status other than 2xx. It is tried again.",
    "Look at the origin's log at that time.",
  ),
  attempt_crashed: operator(
    "The last attempt at a queued event ended without a verdict: the Worker crashed, or the bucket did not take the dead letter.",
    "Look at the exceptions of the Worker, then send the event again from the bucket.",
  ),
  queue_maintenance: operator(
    "The cron trigger could not do the `step` for the queue. The next run does it.",
    "Look at the bucket BODIES and its binding if it goes on.",
  ),
  no_dead_letter: operator(
    "An object `redrive/…` asks for dead letters that are not there.",
    "Correct its name: `redrive/EVENT`, `redrive/unread` or `redrive/all`.",
  ),

  revocation_list_kept: operator(
    "A revocation list could not be fetched, read or written. An older one stays in force.",
    "Look at `why`. If the list ends before a new one comes, a sender whose anchor says `require` is refused.",
  ),
  revocation_list_missing: operator(
    "A revocation list could not be fetched or read, and there is none of its source.",
    "Look at `why`. A sender whose anchor says `require` is refused until the list is there.",
  ),

  reload_refused: operator(
    "A changed file was not taken up. What was in force stays in force.",
    "Mend what `problems` lists; `countersign policy check` says more about a policy.",
  ),
  worker_died: operator(
    "One of several processes ended. Another one takes its place, and attempts of handlers that it had begun run again.",
    "Look at `cause` and at what the process printed before. If it hung, look for a handler that computes without a pause.",
  ),
  store_awaited: operator(
    "The inbox's database cannot be reached, and the start waits for it.",
    "Start the database, or correct `--inbox`.",
  ),
  notify_failed: operator(
    "The origin could not tell systemd that it runs: under Type=notify systemd ends what does not answer.",
    "Do what `remedy` says.",
  ),
  policy_finding: operator(
    "Time has brought something about in the policy, or a part of it is of no use. The program starts all the same.",
    "Do what `remedy` says.",
  ),
  watch_failed: operator(
    "The origin could not look for what ends soon. It tries again.",
    "Look at the inbox's database or disk if it goes on.",
  ),
  observation_full: operator(
    "An observed route saw so many different certificates that further ones are not told of.",
    "Write entries for the senders that it saw (`countersign policy observed`), then remove `mode` from the route. A line with `isProven: false` counts strangers, who take no room from senders.",
  ),
  observation_not_kept: operator(
    "An observed certificate could not be written beside the inbox. It is in this log only.",
    "Look at the folder of the inbox: space and permissions.",
  ),
  proxy_ca: operator(
    "The CA of `--proxy-ca` will not prove the proxy for long, or is broader than needed.",
    "See `problem`.",
  ),
  server_chain_incomplete: operator(
    "The server's certificate file seems to lack an intermediate, so that some senders cannot trust it.",
    "Append the intermediates to the file, each issuer after what it issued.",
  ),
  console_refused: operator(
    "The console refused a request: its credentials are wrong, or a page of another site or host name caused it.",
    "Nothing, if somebody mistyped. Else find out which page, or who, reaches the console's address.",
  ),
  console_failed: operator(
    "A page of the console could not be made.",
    "Look at `why`: most often the inbox's database or disk.",
  ),
  secret_readable: operator("Every user of the machine can read the file of a secret.", "Do what `remedy` says."),
  password_shown: operator(
    "`--inbox` holds a password, and `ps` shows it to every user of the machine.",
    "Write it into a file and name that in `PGPASSWORD_FILE`.",
  ),
} as const satisfies Readonly<Record<string, Explanation>>;

export type OperationalCode = keyof typeof OPERATIONAL_CODES;

/** The code of the reason in a log line. */
export type LogCode = RefusalCode | OperationalCode;
