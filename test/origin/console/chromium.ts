// Opens pages of the console in a real browser, and checks them.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";

export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

export interface Opened {
  readonly page: Page;
  /** The errors of the page: scripts that threw, and resources that the content security policy of the page blocked. */
  readonly faults: readonly string[];
}

export async function openPage(
  browser: Browser,
  stack: AsyncDisposableStack,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Opened> {
  const page = await browser.newPage({ viewport: WIDE, ...options });
  page.setDefaultTimeout(25_000);
  stack.defer(() => page.close());
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // Chromium also prints an error for a response with an error status. That is not an error of the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      faults.push(message.text());
  });
  return { page, faults };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Fails for each finding of axe-core with the rules of WCAG 2.2, levels A and AA. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  // axe-core runs through evaluate(), because the content security policy of the page forbids an added script.
  await page.evaluate(`${readFileSync(AXE, "utf8")}; undefined`);
  const found = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { axe } = globalThis as unknown as { axe: { run(context: unknown, options: object): Promise<AxeResults> } };
    const { violations } = await axe.run("html", { runOnly: { type: "tag", values: tags } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
  });
  expect({ name, found }).toEqual({ name, found: [] });
}

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** Expects that the page is not wider than the screen. */
export async function expectNoOverflow(page: Page, name: string): Promise<void> {
  // The expression is a string, because the types of Node, which apply to this file, do not declare `document`.
  const wider = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  expect({ name, wider: Math.max(0, wider) }).toEqual({ name, wider: 0 });
}
