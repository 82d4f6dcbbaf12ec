// countersign policy: chooses the action on a policy file.

import type { Command } from "./command.ts";
import { parseAction } from "./option-values.ts";

type Action = (args: string[]) => number | Promise<number>;

/** Loaded when called, because each action needs other modules. */
const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  check: async () => (await import("./policy-check.ts")).checkPolicy,
  show: async () => (await import("./policy-show.ts")).showPolicy,
  add: async () => (await import("./policy-addition.ts")).addToPolicy,
  remove: async () => (await import("./policy-removal.ts")).removeFromPolicy,
  deny: async () => (await import("./policy-deny.ts")).denyInPolicy,
  presets: async () => (await import("./preset-show.ts")).showPresets,
  observed: async () => (await import("./policy-observed.ts")).showObserved,
  try: async () => (await import("./policy-trial.ts")).tryOnStored,
  expiring: async () => (await import("./policy-expiring.ts")).tellExpiring,
};

export const command: Command = {
  help: `
countersign policy check [--policy FILE]   name every problem, where it is and what to do, or say that there is none,
                              with which ways in (edge, origin, origin --tls, …) it starts, and what it needs there
    --edge                    also what an edge cannot do (lists from files)
    --wrangler FILE           with --edge: also the variables, bindings and secrets.required of a wrangler.toml or wrangler.jsonc
                              against the policy: the build runs this
    --strict                  warnings fail as well
countersign policy show  [--policy FILE]   who is accepted, in words to sign: the senders of each route in their order, what each
                              must prove, the CAs with their dates and revocation lists, what is denied, the digest
countersign policy add   [--policy FILE]   add to a policy, or start one:
    --preset NAME             a known sender in full: anchors, accepted certificates, signature, route;
                              --sender and --route name it otherwise, --anchor and --certificate complete it
    --anchor NAME=FILE        a CA certificate in PEM; with --sender also an anchor of that sender's trust
    --intermediate NAME=FILE  a CA certificate that completes paths and proves nothing: behind nginx, which forwards
                              none, and for senders that leave theirs out
    --sender NAME --certificate FILE [--match name|key|certificate]
                              accept this certificate from the sender (made if it is new):
                              by subject and issuer, by key, or this very certificate; one that the policy would refuse
                              is not written, unless you insist with --anyway
    --route PATH [--mode observe|enforce]
                              with --sender: the sender may POST there; observe also records every certificate
countersign policy remove [--policy FILE]  remove, all that is named in one step; each may be repeated:
    --sender NAME             the sender, here and on every route; with --from PATH it stays, and only leaves this route
    --entry SENDER/NUMBER     one accepted certificate of a sender, by the number that policy show gives it
    --anchor NAME             the CA, here and in every sender's trust
    --intermediate NAME       the CA that completed paths
    --route PATH              the route; its senders stay
    --deny NUMBER             one entry of the deny list, by its number
countersign policy deny FILE [--policy FILE]   take out the certificate in FILE, of a sender or of a CA:
    --match key|certificate   every certificate with its key (default), or this one, by serial number and issuer
    --key HEX | --sha256 HEX | --serial HEX --issuer NAME
                              the same without a file: by SHA-256 of the key or of the certificate, or by number
countersign policy presets [NAME]          the known senders, or one with all that is known and not known of it
countersign policy observed [FILE|- ...]   the certificates that observed routes saw, with matchers to paste:
    --route PATH              of this route alone
    --policy FILE             the policy of these routes: the line to paste then names it and the route's sender
    --pem SHA256              print the certificate that begins so, in PEM, with its intermediates
                              FILE: observed.jsonl beside the inbox (default), or any log of ours, also that of
                              npx wrangler tail --format json
countersign policy try FILE [--policy FILE]    what the changed policy in FILE would say of what is stored, where --policy (today's) says another:
    --inbox FILE|URL          as the origin has it (default inbox.sqlite), with observed.jsonl beside it
    --last N                  of the last N events (default 1000)
    --log FILE                also the certificates that this log has of observed routes; may be repeated
    Ends with 1 when something that is accepted today would be refused, with 2 when something cannot be judged here (a secret that is
    not set, a body that is erased), else with 0. Each is judged as of the time when it came; nothing is stored or changed.
countersign policy expiring [--policy FILE]   everything that ends soon, soonest first, and what to do
    --inbox FILE              what senders present: their certificates, and what the policy will still admit of them
    --certificate FILE        a certificate of a listener, in PEM; may be repeated
    --within DAYS             default 90
    Ends with 0, or with 1 when something in the list refuses events: what something else replaces is harmless.

--policy defaults to policy.json. With --json the result is one JSON document.
add, remove and deny keep the file as it is written, print what they change, and write nothing that would not compile.
With --dry-run they write nothing. In the checkout of Countersign itself they need --policy.
`,
  async run([action = "", ...args]) {
    const load = ACTIONS[parseAction("policy", action, Object.keys(ACTIONS))] as () => Promise<Action>;
    const act = await load();
    return await act(args);
  },
};
