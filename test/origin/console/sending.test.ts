// Tests the form that sends a test event, and a console that is mounted in another app.

import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createConsole } from "../../../origin/console/console.ts";
import { startConsole, type World } from "./world.ts";

const DECISION = "019ad5a2-0000-7000-8000-000000000001";

let stack: AsyncDisposableStack;
let world: World;
let answer: { status: number; body: string };
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const senders = [{ name: "good", about: "the policy admits it" }];
  world = await startConsole(stack, { tests: { senders, send: () => Promise.resolve(answer) } });
});
afterEach(() => stack.disposeAsync());

async function send(body: string, sender = "good"): Promise<Response> {
  const { token } = (await world.json("/send")) as { token: string };
  return await fetch(new URL("/send", world.url), {
    method: "POST",
    headers: { origin: new URL(world.url).origin },
    body: new URLSearchParams({ token, sender, body }),
  });
}

test("a test that is refused leads to the refusal", async () => {
  answer = { status: 403, body: JSON.stringify({ code: "sender-not-allowed", decision: DECISION }) };
  await world.refuse({ code: "sender_not_allowed", id: DECISION });
  const html = await (await send("{}")).text();
  const [, href = ""] = /<a href="([^"]+)">Why it was refused/.exec(html) ?? [];
  expect(((await world.json(href))["refusals"] as unknown[]).length).toBe(1);
});

test("a body that is too long is distinguished from a form that is too old", async () => {
  answer = { status: 202, body: "{}" };
  for (const length of [65_537, 2_000_000]) {
    const response = await send("x".repeat(length));
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("The body is longer than 65,536 characters"),
    ]);
  }
  expect(await (await send("{}", "nobody")).text()).toContain("The form is from an earlier start");
  expect((await send("x".repeat(65_536))).status).toBe(200);
});

test("a mounted console also answers at its path with a slash at the end", async () => {
  const { inbox, policy } = world;
  const visitor = () => ({ role: "reader" }) as const;
  const app = new Hono();
  app.route(
    "/console",
    createConsole({ path: "/console", inbox, policy, hosts: ["localhost"], visitor, log: () => {} }),
  );
  const response = await app.request("/console/");
  expect([response.status, response.headers.get("location")]).toEqual([308, "/console"]);
  expect((await app.request("/console")).status).toBe(200);
  expect((await app.request("/console/nope/")).status).toBe(404);
});
