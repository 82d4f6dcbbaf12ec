// Reads the code blocks of a document. An HTML comment above each block says how the test treats the block:
//
//   <!-- run -->                       bash runs the block in the document's folder; the last command must end with 0
//   <!-- run: ends with 1 -->          bash runs the block in the same way; the last command must end with 1
//   <!-- run in the background -->     bash runs the block until the document ends; the test waits until the block prints "ready"
//   <!-- file: NAME -->                the test writes the block into the folder as the file NAME
//   <!-- prints -->                    the last run, or a run in the background, must print each line of the block; the sign … in a
//                                      line stands for any text
//   <!-- parse: REASON -->             only the syntax of the block is checked, for the given reason
//   <!-- not checked: REASON -->       nothing is checked, because the test cannot parse the block's language
//   <!-- is PATH -->                   the block must be equal to this file of the repository, which another test uses
//   <!-- checked by PATH -->           the test at PATH reads the block from the document
//
// With `<!-- run; NAME is /PATTERN/ -->`, the test searches the output so far for the pattern. Before it runs the block, the test
// replaces NAME by the text of the pattern's group, as a reader would copy a value. A picture (```mermaid) needs no HTML comment.

export interface Block {
  readonly language: string;
  readonly code: string;
  readonly line: number;
  readonly mark: Mark;
}

export type Mark =
  | { readonly kind: "run"; readonly code: number; readonly copied?: Copied }
  | { readonly kind: "background" }
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "prints" }
  | { readonly kind: "parse" | "not checked"; readonly reason: string }
  | { readonly kind: "is" | "checked by"; readonly path: string };

export interface Copied {
  readonly name: string;
  readonly pattern: RegExp;
}

const BLOCK = /^(?:<!-- ([^\n]*) -->\n)?```(\w*)\n(.*?)^```$/gms;

/** Returns the code blocks of a document. @throws Error that names a block whose comment is missing or not known */
export function readBlocks(text: string): Block[] {
  return Array.from(text.matchAll(BLOCK))
    .filter(([, , language]) => language !== "mermaid")
    .map(({ 0: whole, 1: mark = "", 2: language = "", 3: code = "", index }) => {
      const line = text.slice(0, index).split("\n").length;
      const known = readMark(mark);
      if (known === undefined)
        throw new Error(`line ${line}: what the test does with this block is not said\n${whole}`);
      return { language, code, line, mark: known };
    });
}

function readMark(text: string): Mark | undefined {
  if (text === "run in the background") return { kind: "background" };
  if (text === "prints") return { kind: "prints" };
  const run = /^run(?:: ends with (?<code>\d+))?(?:; (?<name>\w+) is \/(?<pattern>.*)\/)?$/.exec(text);
  if (run !== null) {
    const { code = "0", name, pattern = "" } = run.groups ?? {};
    return { kind: "run", code: Number(code), ...(name && { copied: { name, pattern: new RegExp(pattern) } }) };
  }
  const [, kind, value = ""] = /^(file:|parse:|not checked:|is|checked by) (.+)$/.exec(text) ?? [];
  if (kind === "file:") return { kind: "file", name: value };
  if (kind === "parse:") return { kind: "parse", reason: value };
  if (kind === "not checked:") return { kind: "not checked", reason: value };
  return kind === "is" || kind === "checked by" ? { kind, path: value } : undefined;
}
