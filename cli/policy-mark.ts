// The mark of a policy that was found sound: an edge that is built with this policy asks for it (compileCheckedPolicy).

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Policy } from "../core/policy.ts";
import { UsageError } from "./command.ts";
import { formatJson } from "./files.ts";
import { writeWhole } from "./written-files.ts";

/** @throws UsageError that names the file */
export function writePolicyMark(file: string, { digest }: Policy): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${error instanceof Error ? error.message : error}`);
  }
  writeWhole(file, formatJson({ digest }));
}
