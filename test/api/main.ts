// `npm run api` writes docs/api.md.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDeclarations, doorsOf, ROOT } from "./declarations.ts";
import { formatReport } from "./report.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-api-"));
try {
  await buildDeclarations(folder);
  writeFileSync(join(ROOT, "docs/api.md"), formatReport(doorsOf(folder)));
} finally {
  rmSync(folder, { recursive: true });
}
