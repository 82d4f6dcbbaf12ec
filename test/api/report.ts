// Makes the text of docs/api.md, which lists everything that the package exports, with its types.

import { type Declaration, readExports } from "./declarations.ts";

const DOORS: Readonly<Record<string, string>> = {
  countersign:
    "What an origin is made of, on any runtime and without a framework: Node from 22.18 on, Bun, Deno, Workers.",
  "countersign/hono": "The guard of a route in a Hono app, on the same runtimes. Hono 4.8 or newer.",
  "countersign/console":
    "Pages over an inbox, as a Hono app to mount: Node from 22.18 on, Bun, Deno. Hono 4.8 or newer.",
  "countersign/edge": "The edge, for Cloudflare Workers.",
  "countersign/node":
    "Inbox, dispatch and servers, for Node. Inbox, dispatch and `serve` also run on Bun and Deno; who reads certificates from a socket needs Node 26.10.",
};

const HEAD = `# What the package exports

Everything that is named here is kept until a new major version, or the CHANGELOG says what to change; nothing else is promised. Times are
Unix seconds unless a name or a comment says milliseconds; digests and serial numbers are lower-case hex; names are canonical RFC 4514.

Made by \`npm run api\` from the types of the built package.`;

/**
 * Returns the text of docs/api.md. `doors` maps each entry of `exports` to its declarations file. The keys are the names under
 * which a program imports the entries.
 */
export function formatReport(doors: ReadonlyMap<string, string>): string {
  const sections = Array.from(doors, ([door, file]) => {
    const about = DOORS[door];
    if (about === undefined) throw new Error(`${door}: say in report.ts what it is for`);
    return [`## \`${door}\``, about, ...readExports(file).map(formatDeclaration)].join("\n\n");
  });
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

function formatDeclaration({ name, text }: Declaration): string {
  return `### ${name}\n\n\`\`\`ts\n${text}\n\`\`\``;
}
