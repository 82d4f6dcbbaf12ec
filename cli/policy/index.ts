// `countersign policy` runs the action that the user names, for example `check` or `add`.

import { parseAction } from "../arguments/values.ts";
import type { Command } from "../command.ts";

type Action = (args: string[]) => number | Promise<number>;

/** The actions by name. Each action is loaded only when it is called, because the actions need different modules. */
const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  check: async () => (await import("./check/index.ts")).checkPolicy,
  show: async () => (await import("./show.ts")).showPolicy,
  add: async () => (await import("./add.ts")).addToPolicy,
  remove: async () => (await import("./remove.ts")).removeFromPolicy,
  deny: async () => (await import("./deny.ts")).denyInPolicy,
  presets: async () => (await import("./presets.ts")).showPresets,
  observed: async () => (await import("./observed.ts")).showObserved,
  try: async () => (await import("./trial/index.ts")).tryOnStored,
  expiring: async () => (await import("./expiring.ts")).showExpiring,
};

export const command: Command = {
  help: `
countersign policy check [--policy FILE]   list every problem with its place and its remedy; without problems, list the modes
                              (edge, origin, origin --tls, …) that do not start with the policy, and what the policy needs
    --edge                    also report what an edge cannot do (revocation lists from files)
    --wrangler FILE           with --edge: also compare the variables, bindings and secrets.required of a wrangler.toml or
                              wrangler.jsonc with the policy, as the build does
    --strict                  fail for warnings too
countersign policy show  [--policy FILE]   print who is accepted, in words that somebody can sign: the senders of each route in
                              their order, what each must prove, the CAs with their dates and revocation lists, what is denied,
                              and the digest
countersign policy add   [--policy FILE]   add to a policy, or start a new one:
    --preset NAME             everything about a known sender: anchors, accepted certificates, signature, route;
                              --sender and --route give other names, --anchor and --certificate add parts that the preset lacks
    --value NAME=VALUE        with --preset: a value of the body that only you know, for example a Pix key; may be repeated
    --anchor NAME=FILE        a CA certificate in PEM; with --sender also an anchor of that sender's trust
    --intermediate NAME=FILE  a CA certificate that completes paths but proves nothing; needed if senders do not send their
                              intermediates, or if the proxy (nginx) does not forward them
    --sender NAME --certificate FILE [--match name|key|certificate]
                              accept this certificate from the sender: by subject and issuer, by key, or only this certificate;
                              a CA certificate is accepted by key or certificate alone (the default is certificate);
                              a new sender is added; a certificate that the policy would still refuse is written only with
                              --anyway
    --route PATH [--mode observe|enforce]
                              with --sender: the sender may POST to this path; observe also records every certificate
    --host HOST               with --route: the route is only for requests to this host
countersign policy remove [--policy FILE]  remove everything that is named, in one step; each option may be repeated:
    --sender NAME             the sender, and its name on every route; with --from PATH only its name on this route
    --entry SENDER/NUMBER     one accepted certificate of a sender, by its number in policy show
    --anchor NAME             the CA, and its name in every sender's trust
    --intermediate NAME       the CA that completes paths
    --route PATH              the route; its senders stay
    --deny NUMBER             one entry of the deny list, by its number
countersign policy deny FILE [--policy FILE]   deny the certificate in FILE, of a sender or of a CA:
    --match key|certificate   every certificate with its key (default), or only this one, by serial number and issuer
    --key HEX | --sha256 HEX | --serial HEX --issuer NAME
                              without a file: by SHA-256 of the key or of the certificate, or by serial number and issuer
countersign policy presets [NAME]          list the known senders, or print everything about one
countersign policy observed [FILE|- ...]   print the certificates that were presented at observed routes, with entries to paste:
    --route PATH              only certificates of this route
    --policy FILE             the policy of these routes; the command to paste then names the policy and the route's sender
    --pem SHA256              print the certificate whose SHA-256 begins with this text, in PEM, with its intermediates
                              FILE: observed.jsonl beside the inbox (default), or any log of Countersign or of
                              npx wrangler tail --format json
countersign policy try FILE [--policy FILE]    judge stored requests by the changed policy in FILE and by the current policy of
                              --policy, and print the requests whose verdicts differ:
    --inbox FILE|URL          the inbox of the origin (default inbox.sqlite), with observed.jsonl beside it
    --last N                  only the last N events (default 1000)
    --log FILE                also the certificates of observed routes in this log; may be repeated
    Ends with 1 if a request that is accepted today would be refused, with 2 if a request cannot be judged here (a secret is not set,
    a body is erased), otherwise with 0. Each request is judged as of the time when it arrived. Nothing is stored or changed.
countersign policy expiring [--policy FILE]   list everything that expires soon, the soonest first, and what to do about it
    --inbox FILE              also the certificates that senders present, and which of them the policy will still admit
    --certificate FILE        also the certificate of a listener, in PEM; may be repeated
    --within DAYS             default 90
    Ends with 0, or with 1 if something in the list will make requests fail. An expiry is harmless if something else replaces the
    expired part.

--policy defaults to policy.json. With --json, the result is one JSON document.
add, remove and deny keep the layout of the file, print what they change, and write only a policy that compiles.
With --dry-run, they write nothing. In the checkout of Countersign itself, they need --policy.
`,
  async run([action = "", ...args]) {
    const load = ACTIONS[parseAction("policy", action, Object.keys(ACTIONS))] as () => Promise<Action>;
    const act = await load();
    return await act(args);
  },
};
