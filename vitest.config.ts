import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // By themselves: npm run test:faults and npm run test:package.
    exclude: ["test/faults/**", "test/package/**"],
    globalSetup: ["test/support/shared.ts"],
    // A worker runs file after file and keeps the modules that it has loaded: to start one for each file, and to load the same
    // modules in it, took more than a second of CPU a file. So a test puts back what it changes of the process.
    isolate: false,
    setupFiles: ["test/support/after-file.ts"],
    restoreMocks: true,
    // Files are loaded by Node itself, as the programs are, which also keeps them compiled.
    experimental: { viteModuleRunner: false },
    // Limits for what hangs, not for what is slow: a build machine may be ten times slower than the one where a test was written.
    // Output of another process arrives after its answer, so a test polls for it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // Integration tests start workerd beside each worker, and a build machine has two cores. One more, because those of the queue wait.
    maxWorkers: 3,
    env: {
      // No look-up of a sample `cf` object and no usage report: a test run talks to nobody.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
      // Tests start the commands hundreds of times: each is compiled once, which is two thirds of the time that a start takes.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)),
    },
  },
});
