// countersign vectors: requests of an edge with the verdict of each, for those who verify assertions in another language.

import { dirname } from "node:path";
import { type Command, parseOptions } from "./command.ts";
import { printText } from "./output.ts";
import { formatAssertionVectors, makeAssertionVectors } from "./vectors/assertion-vectors.ts";
import { makeFolder, writeWhole } from "./written-files.ts";

export const command: Command = {
  help: `
countersign vectors [--file FILE]   write requests as an edge forwards them, honest and forged, each with the verdict
                                    that a receiver must reach (default: vectors/assertion.json)

docs/assertion.md says how a receiver verifies them, and what the members of the file mean. Keys and certificates in it are
made for this file and prove nothing. ECDSA signatures are random: each run writes others.
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
