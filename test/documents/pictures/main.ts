// `npm run docs:pictures` makes the pictures of README.md and docs/console.md from a real run. With a folder as argument, it
// writes the pictures into that folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startChromium } from "../../support/chromium.ts";
import { ROOT, run, startCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { takePages } from "./pages.ts";
import { drawTerminal } from "./terminal.ts";

const folder = process.argv[2] ?? join(ROOT, "docs/pictures");
mkdirSync(folder, { recursive: true });

await using stack = new AsyncDisposableStack();
const start = ["cli/dev/start.ts", "--once", "--port", "0", "--state", temporaryDirectory(stack)];
const { stdout } = await run(process.execPath, start, "", { FORCE_COLOR: "1" });
writeFileSync(join(folder, "start.svg"), drawTerminal("$ npm start", stdout));

const state = temporaryDirectory(stack);
const handler = join(import.meta.dirname, "handler.ts");
const options = ["--port", "0", "--console", "0", "--state", state, "--handler", handler];
const program = await startCountersign(["dev", ...options]);
stack.defer(async () => void (await program.stop()));
const browser = await startChromium(stack);
for (const [name, picture] of await takePages(browser, program.ready, state))
  writeFileSync(join(folder, `${name}.png`), picture);
