import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // These tests are run separately, by npm run test:faults and npm run test:package.
    exclude: ["test/faults/**", "test/package/**"],
    globalSetup: ["test/support/shared.ts"],
    // A worker runs file after file and keeps the modules that it has loaded. A new worker for each file would load the same
    // modules again, which took more than a second of CPU per file. So each test must restore what it changes in the process.
    isolate: false,
    setupFiles: ["test/support/after-file.ts"],
    restoreMocks: true,
    // Node itself loads the test files, as it loads the program. Node also caches the compiled files.
    experimental: { viteModuleRunner: false },
    // The limits are for tests that hang, not for slow tests, because a build machine may be ten times slower than the machine on
    // which a test was written. A test that reads the output of another process polls for this output, because the output arrives
    // after the response of that process.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // Integration tests start workerd next to each worker, and a build machine has two cores. A third worker helps, because the
    // tests of the queue wait most of the time.
    maxWorkers: 3,
    env: {
      // A test run must not contact anybody: it does not look up a sample `cf` object, and sends no usage report.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
      // Tests start the commands hundreds of times. With this cache each command is compiled only once. Compiling is two thirds of
      // the time that a start takes.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)),
    },
  },
});
