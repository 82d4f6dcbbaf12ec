// Tests the console in a real browser: what a person does, what changes without a reload, and what a hostile sender cannot do.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { missingChromium, startChromium } from "../../support/chromium.ts";
import { ACME, BETA } from "../../support/senders.ts";
import { expectAccessible, expectNoOverflow, openPage, PHONE, WIDE } from "./chromium.ts";
import { startConsole, type World } from "./world.ts";

const RLO = "\u202e";
const MARKUP = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`;
const TESTS = {
  senders: [{ name: "good", about: "the policy admits it" }],
  send: () => Promise.resolve({ status: 202, body: '{"event":"sent"}' }),
};

describe.skipIf(missingChromium())("in a browser", { timeout: 120_000 }, () => {
  const shared = new AsyncDisposableStack();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(shared);
  }, 120_000);
  afterAll(() => shared.disposeAsync());

  let stack: AsyncDisposableStack;
  let world: World;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    world = await startConsole(stack, { tests: TESTS });
  });
  afterEach(() => stack.disposeAsync());

  const open = async (path: string, options: Parameters<typeof openPage>[2] = {}) => {
    const opened = await openPage(browser, stack, options);
    await opened.page.goto(world.url + path);
    return opened;
  };

  async function storeSome(): Promise<void> {
    await world.accept("dead-one", { body: `{"a":{"b":[1,2]},"long":"${"x".repeat(500)}"}` });
    await world.buryAll("the upstream answered 500");
    await world.accept("done-one", { sender: BETA, identity: world.senders.beta, target: "/hooks/beta" });
    await world.completeAll();
    await world.accept("waiting-one", { eventKey: '["order-1"]' });
    await world.refuse({ code: "issuer_unknown", sender: ACME });
    await world.refuse({
      code: "sender_not_allowed",
      line: { decision: "refused", nearMiss: { sender: ACME, entry: 0, failed: ["subject.CN"] } },
      certificate: { sha256: "ab".repeat(32), der: world.senders.beta.base64, intermediates: [] },
    });
    await world.accept("waiting-two", { eventKey: '["order-1"]', body: "other bytes" });
  }

  const PAGES = [
    "/",
    "/events",
    "/events?state=dead&sender=Quillon-acme&since=7d",
    "/events?text=nothing",
    "/events?state=wrong",
    "/events/dead-one",
    "/events/waiting-two?body=hex",
    "/events/none",
    "/refusals",
    "/refusals?code=none",
    "/refusals/2",
    "/senders",
    "/actions/retry?state=dead",
    "/actions/drop?id=dead-one",
    "/actions/run?state=waiting",
    "/send",
    "/nope",
  ];

  test.each(["light", "dark"] as const)("every page is accessible and fits a phone, %s", async (colorScheme) => {
    await storeSome();
    const { page, faults } = await open("/", { colorScheme, reducedMotion: "reduce" });
    for (const path of PAGES) {
      await page.setViewportSize(WIDE);
      await page.goto(world.url + path);
      await expectAccessible(page, path);
      await page.setViewportSize(PHONE);
      await expectNoOverflow(page, path);
    }
    await expectAccessible(page, "on a phone");
    expect(faults).toEqual([]);
  });

  test("a page that waits for updates is accessible too, and so is a paused one", async () => {
    await storeSome();
    const { page } = await open("/nope");
    await page.route("**/live", () => {});
    await page.goto(`${world.url}/events`);
    await page.getByRole("button", { name: "Connecting: pause live updates" }).waitFor();
    await expectAccessible(page, "connecting");
    await page.getByRole("button", { name: "Connecting: pause live updates" }).click();
    await page.getByRole("button", { name: "Paused: resume live updates" }).waitFor();
    await expectAccessible(page, "paused");
  });

  test("a page whose updates are refused says so, and asks again on request", async () => {
    const { page } = await open("/nope");
    await page.route("**/live", (route) => route.fulfill({ status: 503, body: "Too many pages are open." }));
    await page.goto(`${world.url}/events`);
    const off = page.getByRole("button", { name: "Off: resume live updates" });
    await off.waitFor();
    await expectAccessible(page, "off");
    await page.unroute("**/live");
    await off.click();
    await page.getByRole("button", { name: "Live: pause live updates" }).waitFor();
  });

  test("the list and the counts change while events arrive, until they are paused", async () => {
    const { page, faults } = await open("/events");
    await page.getByText("No event was accepted yet").waitFor();
    const live = page.getByRole("button", { name: /live updates/ });
    await page.locator("#live.on").waitFor();
    await world.accept("first");
    await page.getByRole("link", { name: "first" }).waitFor();
    await world.buryAll("broken");
    await page.locator("tr", { hasText: "first" }).getByText("dead").waitFor();
    await live.click();
    await page.getByText("Paused").waitFor();
    await world.accept("second");
    // A second page is not paused and shows the event. So only the pause can be the reason why the first page does not show it.
    const other = await open("/events");
    await other.page.getByRole("link", { name: "second" }).waitFor();
    expect(await page.getByRole("link", { name: "second" }).count()).toBe(0);
    await live.click();
    await page.getByRole("link", { name: "second" }).waitFor();
    expect(faults).toEqual([]);
  });

  test("a hidden tab gets no updates, and catches up when it is shown", async () => {
    const { page } = await open("/events");
    await page.locator("#live.on").waitFor();
    const hide = (isHidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { configurable: true, value: ${isHidden} });
        document.dispatchEvent(new Event("visibilitychange"))`);
    await hide(true);
    await page.getByText("Connecting").waitFor();
    await world.accept("unseen");
    const other = await open("/events");
    await other.page.getByRole("link", { name: "unseen" }).waitFor();
    expect(await page.getByRole("link", { name: "unseen" }).count()).toBe(0);
    await hide(false);
    await page.getByRole("link", { name: "unseen" }).waitFor();
  });

  test("without JavaScript everything can be read, filtered and done", async () => {
    await storeSome();
    const { page } = await open("/events", { javaScriptEnabled: false });
    expect(await page.locator("#live").isVisible()).toBe(false);
    await page.getByLabel("State").selectOption("dead");
    await page.getByRole("button", { name: "Filter" }).click();
    expect(new URL(page.url()).searchParams.get("state")).toBe("dead");
    await page.getByRole("link", { name: "dead-one" }).click();
    await page.getByRole("link", { name: "Retry now" }).click();
    expect(await page.getByText("1 event").first().isVisible()).toBe(true);
    await page.getByRole("button", { name: "Retry 1 event" }).click();
    await page.getByText("1 event is due now").waitFor();
    expect((await world.inbox.event("dead-one"))?.state).toBe("waiting");
  });

  test("an event page shows the reasons, and can be used with the keyboard", async () => {
    await storeSome();
    const { page, faults } = await open("/events?state=done");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.getByRole("link", { name: "done-one" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "done-one" }).waitFor();
    expect(await page.getByRole("list", { name: "Path from" }).getByRole("listitem").allInnerTexts()).toEqual([
      expect.stringContaining(BETA),
      expect.stringContaining("anchor Quillon-root"),
    ]);
    expect(await page.getByRole("row", { name: "Body is what the digest names" }).textContent()).toContain("passed");
    await page.getByRole("link", { name: "Run again" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Run again 1 event" }).waitFor();
    expect((await world.inbox.event("done-one"))?.state).toBe("done");
    await page.getByRole("button", { name: "Run again 1 event" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("handed to the handler again").waitFor();
    expect((await world.inbox.event("done-one"))?.reruns).toBe(1);
    expect(faults).toEqual([]);
  });

  test("a refused request says what to change, and the list grows by itself", async () => {
    const { page, faults } = await open("/refusals");
    await page.getByText("No request was refused").waitFor();
    await page.locator("#live.on").waitFor();
    await storeSome();
    await page.getByRole("link", { name: "issuer_unknown" }).waitFor();
    await page.getByRole("link", { name: "sender_not_allowed" }).click();
    await page.getByText("the operator has to act").waitFor();
    expect(await page.locator("pre.command").last().textContent()).toContain(
      "--sender Quillon-acme --certificate refused-",
    );
    expect(faults).toEqual([]);
  });

  test("a visitor who may only read sees no action, and cannot use the address of an action", async () => {
    await storeSome();
    world.setRole("reader");
    const { page } = await open("/events/dead-one");
    await page.getByText("read-only").waitFor();
    expect(await page.getByRole("link", { name: /Retry|Drop|Run again/ }).count()).toBe(0);
    for (const path of ["/actions/retry?id=dead-one", "/send"])
      expect((await page.goto(world.url + path))?.status()).toBe(403);
    expect(await page.getByRole("link", { name: "Send a test" }).count()).toBe(0);
    expect((await world.inbox.event("dead-one"))?.state).toBe("dead");
  });

  test("a page of a stranger can neither read, nor act, nor frame it (Actions forged by another page)", async () => {
    await world.accept("one");
    const { token } = (await world.json("/actions/drop?id=one")) as { token: string };
    const asked: string[] = [];
    // A server on another port of the same machine belongs to the same site, but has a different origin.
    const stranger = await startStranger(`<iframe src="${world.url}/events"></iframe>
      <form method="post" action="${world.url}/actions/drop"><input name="token" value="${token}"><input name="id" value="one">
      <button>Win</button></form>`);
    const { page } = await openPage(browser, stack);
    page.on("response", (response) => {
      const { pathname, origin } = new URL(response.url());
      if (origin === world.url) asked.push(`${pathname} ${response.status()}`);
    });
    await page.goto(stranger);
    for (const mode of ["cors", "no-cors"]) {
      const read = `fetch(${JSON.stringify(`${world.url}/senders`)}, { mode: "${mode}" }).then(() => "read", () => "refused")`;
      expect([mode, await page.evaluate(read)]).toEqual([mode, "refused"]);
    }
    await page.getByRole("button", { name: "Win" }).click();
    await page.getByText("Refused: the request comes from another site").waitFor();
    await expect.poll(() => asked.sort(), { timeout: 25_000 }).toEqual(["/actions/drop 403", "/events 403"]);
    expect((await world.inbox.event("one"))?.state).toBe("waiting");
  });

  async function startStranger(body: string): Promise<string> {
    const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  test("what a hostile sender wrote is text on every page (Scripts in what a sender wrote)", async () => {
    const identity = await issueCertificate(
      { subject: [{ O: [`${MARKUP}`] }, { CN: [`evil${RLO}gpj.exe`] }] },
      world.senders.root,
    );
    const hostile = `id-${MARKUP}`;
    await world.accept(hostile, {
      identity,
      sender: ACME,
      target: `/hooks/acme?q=${MARKUP}`,
      eventKey: JSON.stringify([`key${RLO}\u0007${MARKUP}`]),
      body: JSON.stringify({ [MARKUP]: MARKUP, rlo: RLO, megabytes: "A".repeat(2_000_000) }),
    });
    await world.accept("svg", {
      body: `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(3)"><script>alert(4)</script></svg>`,
    });
    await world.buryAll(`broken ${MARKUP} ${RLO}`);
    await world.refuse({
      code: "sender_not_allowed",
      target: `/${MARKUP}${RLO}`,
      peer: MARKUP,
      line: {
        decision: "refused",
        why: `${MARKUP}${RLO}`,
        nearMiss: { sender: MARKUP, entry: MARKUP, failed: [MARKUP] },
      },
      certificate: { sha256: "ab".repeat(32), der: identity.base64, intermediates: [] },
    });
    const { page, faults } = await open("/events");
    const paths = [
      "/events",
      `/events/${encodeURIComponent(hostile)}`,
      "/events/svg",
      "/senders",
      "/",
      "/actions/retry",
      "/refusals",
      "/refusals/1",
    ];
    for (const path of [...paths, `/events?text=${encodeURIComponent(MARKUP)}`]) {
      await page.goto(world.url + path);
      expect(await page.locator("img, iframe, script:not([src$='/console.js'])").count()).toBe(0);
      const text = await page.content();
      expect([text.includes(RLO), text.includes("\u0007")]).toEqual([false, false]);
    }
    await page.goto(`${world.url}/events/${encodeURIComponent(hostile)}`);
    expect(await page.locator(".unseen", { hasText: "\\u202e" }).count()).toBeGreaterThan(1);
    await page.goto(`${world.url}/events/svg`);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "download" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("event-svg.bin");
    expect(readFileSync(await download.path(), "utf8")).toContain("<svg");
    const opened = await page.goto(`${world.url}/events/svg/body`).catch((error: Error) => error.message);
    expect(opened).toContain("Download is starting");
    expect(faults).toEqual([]);
  });

  test("a test event is sent from the form", async () => {
    const { page, faults } = await open("/send");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("heading", { name: "Sent as good" }).waitFor();
    expect(await page.getByRole("link", { name: "Event sent" }).getAttribute("href")).toBe("/events/sent");
    expect(faults).toEqual([]);
  });
});
