// `countersign explain` says why a request was or would be accepted or refused, and what the request lacks for every other sender.

import type { Command } from "../command.ts";
import { print, printJson } from "../output.ts";
import { type Explanation, explain } from "./explanation.ts";
import { parse } from "./options.ts";
import { readQuestion } from "./read.ts";
import { lackingOptions, readSource } from "./recorded.ts";
import { describeRecorded, formatRecorded } from "./text/recorded.ts";
import { formatExplanation } from "./text/text.ts";

export const command: Command = {
  help: `
countersign explain --route PATH [--certificate FILE] [options]
countersign explain --event ID --inbox FILE [options]     explain a stored event by the current policy
countersign explain --decision ID --log FILE|- [options]  explain a decision in a log of Countersign or of wrangler tail --format json.
                                                          Its certificate is searched in the log, in observed.jsonl, and in
                                                          --inbox FILE
countersign explain --decision ID --inbox FILE [options]  explain a refused request that an origin keeps, with its certificate

  --policy FILE        default policy.json; its secrets are read as countersign origin reads them
  --certificate FILE   the certificate that the sender presents, followed by its intermediates
  --route PATH         path and query, or HOST/PATH; or give --url URL
  --method METHOD      default POST
  --header "N: V"      may be repeated
  --body FILE|-        the body's bytes; without them, signature and size are not judged
  --at TIME            judge as of this time, for example 2026-11-24T10:00:00Z, or now (default: the time of the event or decision,
                       otherwise now)
  --platform TEXT      Cloudflare's verdict (certVerified), as in the log (default: the verdict of OpenSSL with the policy's
                       anchors)
  --crls DIR           the directory in which an origin keeps revocation lists (default crls, next to the inbox); files that the
                       policy names are read too
  --fetch-crls         also fetch the lists that the policy names; they are not stored
  --json               print one JSON document

Stores nothing and sends nothing. Exits with 0 if the request is accepted, with 1 if it is refused, and with 2 if the verdict cannot
be decided here (a secret is not set, the body is not known) or if the options or the policy are wrong.
`,
  async run(args) {
    const values = parse(args);
    const source = await readSource(values);
    const lacking = lackingOptions(values, source);
    // A log line does not contain the parameters of a challenge. Without them, the challenge would be judged as an event. So a
    // challenge is not judged again.
    const isChallenge = source.decision?.lines.some((line) => line.decision === "challenge") === true;
    const explanation =
      lacking.length > 0 || isChallenge ? undefined : await explain(await readQuestion(values, source));
    const recorded = describeRecorded(source, explanation, lacking);
    if (values.json) printJson({ ...(explanation ?? { verdict: null }), recorded });
    else
      print([
        ...formatRecorded(recorded, explanation !== undefined),
        ...(explanation === undefined ? [] : formatExplanation(explanation)),
      ]);
    return exitCodeOf(explanation?.verdict ?? recorded?.verdict);
  },
};

function exitCodeOf(verdict: Explanation["verdict"] | undefined): number {
  if (verdict === "accepted") return 0;
  return verdict === "refused" ? 1 : 2;
}
