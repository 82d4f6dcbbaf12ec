// `countersign vectors` writes honest and forged requests as an edge forwards them, each with the verdict that a verifier must
// reach. They are for verifiers of assertions in other languages.

import { dirname } from "node:path";
import { type Command, parseOptions } from "../command.ts";
import { makeFolder, writeWhole } from "../files/write.ts";
import { printText } from "../output.ts";
import { formatAssertionVectors, makeAssertionVectors } from "./assertion-vectors.ts";

export const command: Command = {
  help: `
countersign vectors [--file FILE]   write honest and forged requests as an edge forwards them, each with the verdict that
                                    a receiver must reach (default: vectors/assertion.json)

docs/assertion.md says how a receiver verifies them, and what the members of the file mean. The keys and certificates in the file
are made for it and prove nothing. ECDSA signatures are random, so each run writes different ones.
`,
  async run(args) {
    const { values } = parseOptions(args, { file: { type: "string", default: "vectors/assertion.json" } });
    const vectors = await makeAssertionVectors();
    makeFolder(dirname(values.file));
    writeWhole(values.file, formatAssertionVectors(vectors));
    const accepted = vectors.cases.filter(({ expect }) => expect === "accept").length;
    printText(`${values.file}: ${accepted} to accept, ${vectors.cases.length - accepted} to refuse\n`);
    return 0;
  },
};
