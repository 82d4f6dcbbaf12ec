// The long tests, for `npm run test:faults`: processes are killed, and servers become unreachable under load.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // The senders and origins of a test need both cores of the machine.
    maxWorkers: 1,
    // A test of memory runs the garbage collector, to count only memory that is still needed.
    execArgv: ["--expose-gc"],
    env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
  },
});
