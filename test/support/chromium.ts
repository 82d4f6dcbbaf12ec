// Starts a real browser: Debian's Chromium, controlled by playwright-core.

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const program = PLACES.find((place) => existsSync(place));

/**
 * Chromium uses only the last list of disabled features, so this list replaces the list of playwright-core. Each of the first two
 * features loads a page for the address bar of every window. Together they are a third of Chromium's CPU time in these tests. The
 * other features would open HTTP pages with HTTPS, paint a new page late, or delete a profile when its window closes.
 */
const DISABLED_FEATURES = [
  "WebUIOmniboxPopup",
  "WebUIOmniboxAimPopup",
  "HttpsUpgrades",
  "HttpsFirstBalancedModeAutoEnable",
  "PaintHolding",
  "DestroyProfileOnBrowserClose",
];

/** Returns why tests in a browser are skipped. In CI, a missing browser is a failure. */
export function missingChromium(): string | undefined {
  if (program !== undefined || process.env["CI"] !== undefined) return undefined;
  console.warn("SKIPPED: the tests in a browser, because there is none: apt-get install chromium");
  return "chromium is not installed";
}

export async function startChromium(stack: AsyncDisposableStack): Promise<Browser> {
  if (program === undefined) throw new Error("chromium is not installed: apt-get install chromium");
  // A container has a small /dev/shm, and no user namespaces for the sandbox.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", `--disable-features=${DISABLED_FEATURES.join(",")}`];
  const browser = await chromium.launch({ executablePath: program, args, timeout: 110_000 });
  stack.defer(() => browser.close());
  return browser;
}
