// countersign policy: picks what to do with a policy file.

import { type Command, UsageError } from "./command.ts";
import { addToPolicy } from "./policy-addition.ts";
import { checkPolicy } from "./policy-check.ts";
import { showPolicy } from "./policy-show.ts";

type Action = (args: string[]) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = {
  check: checkPolicy,
  show: showPolicy,
  add: addToPolicy,
};

export const command: Command = {
  summary: "check, show and extend the policy file",
  help: `
countersign policy check [--policy FILE]   name every problem, where it is and what to do, or say that there is none
    --edge                    also what an edge cannot do (lists from files): the build of wrangler.toml runs this
    --strict                  warnings fail as well
countersign policy show  [--policy FILE]   routes, senders, anchors with their dates, digest
countersign policy add   [--policy FILE]   add, all at once or one by one, and keep the file only if it is sound:
    --anchor NAME=FILE        a CA certificate in PEM; with --sender also an anchor of that sender's trust
    --sender NAME --certificate FILE [--match name|key|certificate]
                              accept this certificate from the sender (made if it is new):
                              by subject and issuer, by key, or this very certificate
    --route PATH              with --sender: the sender may POST there

--policy defaults to policy.json. With --json the result is one JSON document.
`,
  async run([action = "", ...args]) {
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (act === undefined) {
      throw new UsageError(`policy ${Object.keys(ACTIONS).join(", ")}; see countersign policy --help`);
    }
    return await act(args);
  },
};
