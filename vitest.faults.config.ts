// The long tests: processes that are killed and servers that go away under load. `npm run test:faults`.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // Each test has the machine's two cores for its senders and its origins.
    maxWorkers: 1,
    // A test of memory looks at what is still needed.
    execArgv: ["--expose-gc"],
    env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
  },
});
