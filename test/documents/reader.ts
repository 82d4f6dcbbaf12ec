// Follows a document as its reader does. Runs the commands in order, in one new folder in which the package is installed.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { linkPackages, ROOT } from "../api/declarations.ts";
import { askShared } from "../support/ask-shared.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import type { Block, Copied } from "./blocks.ts";

/** The packages that `npm install` adds to a project that `countersign init` made. */
const PACKAGES = ["wrangler", "@peculiar/x509", "reflect-metadata", "hono", "@types/node"];

interface Output {
  text: string;
  readonly isOfBackground: boolean;
}

export class Reader {
  readonly folder: string;
  readonly #ports = new Map<string, string>();
  readonly #stack: AsyncDisposableStack;
  /** The output of each block that ran, in order. */
  readonly #outputs: Output[] = [];

  constructor(folder: string, stack: AsyncDisposableStack) {
    this.folder = folder;
    this.#stack = stack;
  }

  /** Makes a reader with a new folder. When the stack is disposed, the programs end and the folder is deleted. */
  static async open(stack: AsyncDisposableStack): Promise<Reader> {
    const folder = temporaryDirectory(stack);
    await installPackage(folder);
    writeFileSync(join(folder, ".state"), "");
    mkdirSync(join(folder, ".tmp"));
    return new Reader(folder, stack);
  }

  async follow(block: Block): Promise<void> {
    const { mark } = block;
    if (mark.kind === "run") await this.#run(block, mark.code, mark.copied);
    if (mark.kind === "background") await this.#runInBackground(block);
    if (mark.kind === "file") this.#write(mark.name, block.code);
    if (mark.kind === "prints") await this.#expectPrinted(block);
  }

  async #run(block: Block, code: number, copied: Copied | undefined): Promise<void> {
    const script = await this.#withOwnPorts(block.code);
    const { child, output } = this.#start(copied === undefined ? script : this.#paste(script, copied), false);
    const ended = await new Promise((resolve) => child.once("close", resolve));
    expect(ended, `line ${block.line} ends with this code:\n${output.text}`).toBe(code);
  }

  async #runInBackground(block: Block): Promise<void> {
    const { child, output } = this.#start(await this.#withOwnPorts(block.code), true);
    await expect
      .poll(() => ({ output: output.text, isReady: /\bready\b/.test(output.text), hasEnded: child.exitCode !== null }))
      .toMatchObject({ isReady: true, hasEnded: false });
  }

  /** Runs a script in bash. Variables and the working directory are passed on from block to block, as in one terminal. */
  #start(script: string, isOfBackground: boolean): { readonly child: ChildProcess; readonly output: Output } {
    const state = join(this.folder, ".state");
    const session = `. ${state}\nset -eo pipefail\n${script}\n{ export -p; printf 'cd %q\\n' "$PWD"; } > ${state}\n`;
    // The script gets a process group of its own, so that endOf() also ends the programs that the script started.
    // A program that is killed leaves its temporary files. They are removed with this folder.
    const env = { ...process.env, NO_COLOR: "1", TMPDIR: join(this.folder, ".tmp") };
    const options = { cwd: this.folder, detached: true, env };
    const child = spawn("bash", ["-c", session], options);
    child.stdin.end();
    const output: Output = { text: "", isOfBackground };
    this.#outputs.push(output);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output.text += chunk;
      });
    this.#stack.defer(() => endOf(child));
    return { child, output };
  }

  #write(name: string, text: string): void {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /**
   * Waits for each line of the block, because a program in the background may print a line some time after the command that causes
   * it.
   */
  async #expectPrinted({ code, line }: Block): Promise<void> {
    for (const text of code.trimEnd().split("\n")) {
      const pattern = new RegExp(`^ *${text.trim().split("…").map(literally).join(".*")} *$`, "m");
      await expect.poll(() => this.#printed(), { message: `line ${line}: no such line is printed` }).toMatch(pattern);
    }
  }

  /**
   * Returns the output with the ports of the document instead of the ports that were used. Otherwise lines with a port would not be
   * found.
   */
  #printed(): string {
    const last = this.#outputs.findLast(({ isOfBackground }) => !isOfBackground);
    const outputs = this.#outputs.filter((output) => output.isOfBackground || output === last);
    let text = outputs.map((output) => output.text).join("\n");
    for (const [port, own] of this.#ports) text = text.replaceAll(`:${own}`, `:${port}`);
    return text;
  }

  #paste(script: string, { name, pattern }: Copied): string {
    const found = this.#outputs
      .map((output) => pattern.exec(output.text)?.[1])
      .findLast((value) => value !== undefined);
    if (found === undefined) throw new Error(`nothing printed matches ${pattern}:\n${this.#printed()}`);
    return script.replaceAll(name, found);
  }

  /** Replaces each port of the document by a free port. A port is replaced by the same free port in all blocks. */
  async #withOwnPorts(script: string): Promise<string> {
    const ports = new Set(
      Array.from(script.matchAll(/(?:-port |localhost:|127\.0\.0\.1:)(\d+)/g), ([, port = ""]) => port),
    );
    let text = script;
    for (const port of ports) {
      const own = this.#ports.get(port) ?? String(await freePort());
      this.#ports.set(port, own);
      text = text.replaceAll(new RegExp(`(-port |localhost:|127\\.0\\.0\\.1:)${port}\\b`, "g"), `$1${own}`);
    }
    return text;
  }
}

const literally = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function endOf(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("close", resolve));
  const isOpen = child.stdout?.closed === false || child.stderr?.closed === false;
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // No process of the group is left.
  }
  if (isOpen) await ended;
}

/**
 * Installs the built package as `npm install` does, but without the registry. Its dependencies are links to the packages of this
 * repository.
 */
async function installPackage(folder: string): Promise<void> {
  const own = join(folder, "node_modules/countersign");
  cpSync(await askShared("package"), own, { recursive: true });
  for (const name of ["template", "policy.schema.json"]) cpSync(join(ROOT, name), join(own, name), { recursive: true });
  const { bin, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly bin: { readonly countersign: string };
    readonly dependencies: object;
  };
  linkPackages(folder, ...[...Object.keys(dependencies), ...PACKAGES].map((name) => [name] as const));
  mkdirSync(join(folder, "node_modules/.bin"));
  const program = join(own, bin.countersign);
  const started = `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(program)} "$@"\n`;
  writeFileSync(join(folder, "node_modules/.bin/countersign"), started, { mode: 0o755 });
  symlinkSync(join(ROOT, "node_modules/.bin/wrangler"), join(folder, "node_modules/.bin/wrangler"));
}
