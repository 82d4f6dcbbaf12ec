// Makes files that exist for one test or one test file.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a directory that is removed when the stack is disposed. */
export function temporaryDirectory(stack: AsyncDisposableStack): string {
  const directory = mkdtempSync(join(tmpdir(), "countersign-test-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a JSON file into a new temporary directory. */
export function temporaryJson(stack: AsyncDisposableStack, document: unknown): string {
  const file = join(temporaryDirectory(stack), "document.json");
  writeFileSync(file, JSON.stringify(document));
  return file;
}
