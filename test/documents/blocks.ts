// The code blocks of a document. An HTML comment above each block says how the test treats it:
//
//   <!-- run -->                       bash runs it in the document's folder; its last command ends with 0
//   <!-- run: ends with 1 -->          the same, and its last command ends with 1
//   <!-- run in the background -->     it stays up until the end of the document; the test waits until it prints "ready"
//   <!-- file: NAME -->                it is written into the folder under this name
//   <!-- prints -->                    the block that ran last, or one in the background, prints each line; … stands for any text
//   <!-- parse: REASON -->             its syntax alone is checked, for the reason that is given
//   <!-- not checked: REASON -->       not even that, in a language that nothing here reads
//   <!-- is PATH -->                   it is this file of the repository, which another test uses
//   <!-- checked by PATH -->           this test has it from the document
//
// `<!-- run; NAME is /PATTERN/ -->`: the reader copies a value. The test puts what the pattern finds in the output so far for NAME.
// A picture (```mermaid) needs no mark.

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

/** @throws Error that names the block without a mark, or with one that is not known */
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
