// Finds the folder of the package that contains this program. The package may be a checkout, or may be installed.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export function packageFolder(): string {
  return dirname(fileURLToPath(import.meta.resolve("countersign/package.json")));
}

export function readVersion(): string {
  return JSON.parse(readFileSync(join(packageFolder(), "package.json"), "utf8")).version;
}
