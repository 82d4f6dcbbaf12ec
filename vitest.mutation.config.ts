// The core suites for the mutation tester (stryker.config.json): each suite is a test file of its own.

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
    // The first run has every case side by side, on a machine that may do other things beside it.
    testTimeout: 300_000,
  },
});
