import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // By themselves: npm run test:faults.
    exclude: ["test/faults/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Integration tests start workerd beside each worker, and a build machine has two cores. One more, because those of the queue wait.
    maxWorkers: 3,
    // No look-up of a sample `cf` object and no usage report: a test run talks to nobody.
    env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
  },
});
