// Prints docs/cli.md, which contains the help of every command.

import { COMMANDS } from "./commands.ts";
import { printText } from "./output.ts";

const HEAD = `# Commands

What \`countersign COMMAND --help\` prints, for every command. \`countersign --version\` prints the version. \`countersign\` is \`npx countersign\` where the
package is installed, and \`npm run -s countersign --\` in a checkout.

In a terminal, verdicts have colours and columns fit the width. \`NO_COLOR=1\` turns the colours off. Output to a file or to another program has neither colours nor wrapped lines. With \`--json\`, a program can read it.

Made by \`npm run cli\` from the help texts.`;

/** Returns the text of docs/cli.md. */
export async function formatReference(): Promise<string> {
  const names = Object.keys(COMMANDS);
  const list = names.map((name) => `- [\`${name}\`](#countersign-${name}): ${COMMANDS[name]?.summary}`).join("\n");
  const sections = await Promise.all(names.map(describe));
  return [HEAD, list, ...sections].join("\n\n");
}

async function describe(name: string): Promise<string> {
  const { command } = (await COMMANDS[name]?.load()) ?? {};
  return [`## countersign ${name}`, `\`\`\`text\n${command?.help.trim()}\n\`\`\``].join("\n\n");
}

if (import.meta.main) printText(await formatReference());
