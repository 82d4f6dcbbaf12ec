// Takes pictures of the console's pages, light and dark.

import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { readCertificatesAsPem, readPair } from "../../../cli/files/certificates.ts";
import { sendEvent } from "../../../cli/http-client.ts";
import type { Running } from "../../support/running.ts";
import { settle } from "./settle.ts";

type Ready = Running["ready"];

const WIDTH = 940;
const MARGIN = 4;
const CUSTOMER = { name: "Ada Example", country: "NL" };
const SENT = [
  { from: "good", event: "order.paid", order: 4711 },
  { from: "good", event: "order.returned", order: 4709 },
  { from: "good", event: "order.sent", order: 4711 },
  { from: "expired", event: "order.paid", order: 4712 },
  { from: "wrong-ca", event: "order.paid", order: 4712 },
  { from: "wrong-subject", event: "order.paid", order: 4712 },
] as const;

/**
 * Each page, with the part of the page that the picture shows. The part begins at one element, or at the top of the page, and ends
 * with another element.
 */
const PAGES = [
  { name: "overview", from: undefined, to: "section:has(#hours)" },
  { name: "event", from: "section:has(#explanation)", to: "section:has(#explanation) tbody tr:nth-child(10)" },
  { name: "refusal", from: undefined, to: "section:has(#change)" },
] as const;

/** Sends events to the running system, and returns the pictures by name. */
export async function takePages(browser: Browser, ready: Ready, state: string): Promise<Map<string, Buffer>> {
  for (const { from, ...event } of SENT) await send(ready, from, { ...event, customer: CUSTOMER });
  const paths = await findPaths(ready);
  const pictures = new Map<string, Buffer>();
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await browser.newPage({
      viewport: { width: WIDTH, height: 900 },
      colorScheme,
      // The page's script must not run. settle() replaces times and ids by constant texts, and an update by the script would undo
      // this.
      javaScriptEnabled: false,
    });
    page.setDefaultTimeout(120_000);
    for (const { name, from, to } of PAGES) {
      await page.goto(`${ready["console"]}${paths[name]}`);
      await page.evaluate(settle, [state, String(Date.now())]);
      pictures.set(`${name}-${colorScheme}`, await takePart(page, from, to));
    }
    await page.close();
  }
  return pictures;
}

async function send({ edge, serverCa, clients }: Ready, name: string, event: object): Promise<void> {
  const files = clients[name];
  if (files === undefined) throw new Error(`there is no certificate ${name}`);
  await sendEvent(`${edge}/hooks/example`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
    serverCa: readCertificatesAsPem(serverCa ?? "").join(""),
    ...readPair(files.certificate, files.key),
  });
}

/**
 * Waits until every event is done or dead, one event is dead, and the last refusal is stored. Returns the URL path of each
 * picture's page.
 */
async function findPaths({ console: url }: Ready): Promise<Record<string, string>> {
  const ask = async (path: string) => {
    const response = await fetch(`${url}${path}`, { headers: { accept: "application/json" } });
    return (await response.json()) as Record<string, readonly Record<string, unknown>[]>;
  };
  for (;;) {
    const events = (await ask("/events"))["events"] ?? [];
    const refusals = (await ask("/refusals"))["refusals"] ?? [];
    const dead = events.find(({ state }) => state === "dead");
    const isHandled = events.filter(({ state }) => state === "done" || state === "dead").length === events.length;
    const refused = refusals.find(({ code }) => code === "sender_not_allowed");
    if (dead !== undefined && isHandled && refused !== undefined)
      return { overview: "/", event: `/events/${dead["id"]}`, refusal: `/refusals/${refused["sequence"]}` };
    await sleep(200);
  }
}

/** Takes the part of the page that begins at one element, or at the top of the page, and ends with another element. */
async function takePart(page: Page, from: string | undefined, to: string): Promise<Buffer> {
  const y = from === undefined ? 0 : await edge(from, "top");
  const height = (await edge(to, "bottom")) + MARGIN - y;
  return await page.screenshot({ fullPage: true, clip: { x: 0, y, width: WIDTH, height } });

  async function edge(selector: string, side: "top" | "bottom"): Promise<number> {
    const box = await page.locator(selector).boundingBox();
    if (box === null) throw new Error(`the page has no ${selector}`);
    return side === "top" ? box.y : box.y + box.height;
  }
}
