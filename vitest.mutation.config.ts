// The core suites for the mutation tester (stryker.config.json): each suite is a test file of its own.

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const runner = fileURLToPath(new URL("test/mutation/run-suite.ts", import.meta.url));

export default defineConfig({
  plugins: [
    {
      name: "run-suites",
      enforce: "pre",
      transform(code, id) {
        if (!id.endsWith(".suite.ts")) return undefined;
        const name = JSON.stringify(basename(id, ".suite.ts"));
        return `${code}\nimport { runSuite } from ${JSON.stringify(runner)};\nrunSuite(${name}, cases);\n`;
      },
    },
  ],
  test: {
    include: ["test/core/*.suite.ts"],
    globalSetup: ["test/mutation/fixtures.ts"],
    // The first run has every case side by side, on a machine that may do other things beside it.
    testTimeout: 300_000,
  },
});
