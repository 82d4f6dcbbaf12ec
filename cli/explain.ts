// countersign explain: why a request was accepted or refused, or would be, and what is missing for every other sender.

import type { Command } from "./command.ts";
import { parse } from "./explain-options.ts";
import { readQuestion } from "./explain-reading.ts";
import { describeRecorded, formatRecorded } from "./explain-recorded.ts";
import { lackingOptions, readSource } from "./explain-source.ts";
import { formatExplanation } from "./explain-text.ts";
import { type Explanation, explain } from "./explanation.ts";
import { print, printJson } from "./output.ts";

export const command: Command = {
  help: `
countersign explain --route PATH [--certificate FILE] [options]
countersign explain --event ID --inbox FILE [options]     a stored event, by the policy of now
countersign explain --decision ID --log FILE|- [options]  a decision of a log: our lines, or wrangler tail --format json;
                                                          its certificate is looked for there, in observed.jsonl, and
                                                          in --inbox FILE

  --policy FILE        default policy.json; secrets that it names are read as by countersign origin
  --certificate FILE   what the sender presents, in PEM: the certificate, intermediates after it
  --route PATH         path and query; or --url URL
  --method METHOD      default POST
  --header "N: V"      may be repeated
  --body FILE|-        the body's bytes; without them a signature and the size are not judged
  --at TIME            as of this instant, like 2026-11-24T10:00:00Z, or now (default now; of an event or a decision,
                       when it was)
  --platform TEXT      Cloudflare's verdict (certVerified), as the log has it; default: what OpenSSL says with the
                       policy's anchors
  --crls DIR           where an origin keeps revocation lists (default crls, next to the inbox); files that the
                       policy names are read too
  --fetch-crls         also fetch the lists that the policy names, and keep none
  --json               one JSON document

Nothing is stored, and nothing is sent. Exits with 0 when the request is accepted, with 1 when it is refused, with 2 when
it cannot be decided here (a secret that is not set, a body that is not known) and for a fault of the options or the policy.
`,
  async run(args) {
    const values = parse(args);
    const source = await readSource(values);
    const lacking = lackingOptions(values, source);
    const explanation = lacking.length > 0 ? undefined : await explain(await readQuestion(values, source));
    const recorded = describeRecorded(source, explanation, lacking);
    if (values.json) printJson({ ...(explanation ?? { verdict: null }), recorded });
    else print([...formatRecorded(recorded), ...(explanation === undefined ? [] : formatExplanation(explanation))]);
    return exitCodeOf(explanation?.verdict ?? recorded?.verdict);
  },
};

function exitCodeOf(verdict: Explanation["verdict"] | undefined): number {
  if (verdict === "accepted") return 0;
  return verdict === "refused" ? 1 : 2;
}
