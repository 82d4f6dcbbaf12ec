// The core suites for the mutation tester (stryker.config.json). Each suite becomes a test file.

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const tests = fileURLToPath(new URL("test", import.meta.url));
const runner = fileURLToPath(new URL("test/mutation/run-suite.ts", import.meta.url));

export default defineConfig({
  plugins: [
    {
      name: "run-suites",
      enforce: "pre",
      transform(code, id) {
        if (!id.endsWith(".suite.ts")) return undefined;
        const name = JSON.stringify(relative(tests, id).slice(0, -".suite.ts".length));
        return `${code}\nimport { runSuite } from ${JSON.stringify(runner)};\nrunSuite(${name}, cases);\n`;
      },
    },
  ],
  test: {
    include: ["test/core/**/*.suite.ts", "test/origin/**/*.suite.ts"],
    globalSetup: ["test/mutation/fixtures.ts"],
    // In the first run, all cases run at the same time, and the machine may do other work too.
    testTimeout: 300_000,
  },
});
