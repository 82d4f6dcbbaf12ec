// Tests who may see the console, and which requests the page of a stranger cannot cause in a user's browser.

import { request } from "node:http";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createConsole } from "../../../origin/console/index.ts";
import { startConsole, type World } from "./world.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
let world: World;
beforeAll(async () => {
  world = await startConsole(stack);
  await world.accept("one", { body: '{"secret":"of the body"}' });
});
beforeEach(() => world.setRole("operator"));

const PAGES = [
  "/",
  "/events",
  "/events/one",
  "/events/one/body",
  "/refusals",
  "/refusals/1",
  "/refusals/1/certificate",
  "/senders",
  "/actions/retry?id=one",
  "/console.js",
  "/nope",
];

const get = (path: string, headers: Record<string, string> = {}) => fetch(new URL(path, world.url), { headers });

/** Sends a request with any value of `Host`. This needs request(), because fetch() always sets `Host` itself. */
function statusOf(path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, world.url), { method, headers }, (incoming) => {
      incoming.resume();
      resolve(incoming.statusCode ?? 0);
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

test("every answer forbids frames, foreign scripts, caches and guesses of its type", async () => {
  for (const path of PAGES) {
    const { headers } = await get(path);
    const policy = headers.get("content-security-policy") ?? "";
    if (path.endsWith("/body")) expect(policy).toBe("sandbox; default-src 'none'");
    else expect(policy).toMatch(/^default-src 'none'; script-src 'nonce-[\w-]{22}'; .*frame-ancestors 'none'$/);
    expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(["no-store", "nosniff"]);
    expect([headers.get("x-frame-options"), headers.get("cross-origin-resource-policy")]).toEqual([
      "DENY",
      "same-origin",
    ]);
  }
  const nonces = await Promise.all([1, 2].map(async () => (await get("/")).headers.get("content-security-policy")));
  expect(new Set(nonces).size).toBe(2);
});

test("a foreign Host, Origin or site gets 403 on every page, before anybody asks who it is (Rebinding to a local page)", async () => {
  world.setRole(undefined);
  const { port } = new URL(world.url);
  for (const path of PAGES) {
    expect(await statusOf(path, { host: `rebound.example:${port}` })).toBe(403);
    expect(await statusOf(path, { host: "127.0.0.1.rebound.example" })).toBe(403);
    expect(await statusOf(path, { origin: "https://evil.example" })).toBe(403);
    expect(await statusOf(path, { origin: "null" })).toBe(403);
    expect(await statusOf(path, { origin: "http://127.0.0.1:1" })).toBe(403);
    expect(await statusOf(path, { "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await statusOf(path, { "sec-fetch-site": "same-site" })).toBe(403);
  }
  expect(world.lines).toContainEqual(expect.objectContaining({ code: "console_refused", host: "rebound.example" }));
  world.setRole("operator");
  const own = { host: `localhost:${port}`, origin: `http://localhost:${port}`, "sec-fetch-site": "same-origin" };
  expect(await statusOf("/events", own)).toBe(200);
  expect(await statusOf("/events", { "sec-fetch-site": "none" })).toBe(200);
});

test("an unknown visitor sees nothing, and methods that are not used here are refused", async () => {
  world.setRole(undefined);
  for (const path of PAGES) {
    const response = await get(path);
    expect([path, response.status]).toEqual([path, 403]);
    expect(await response.text()).not.toContain("one");
  }
  world.setRole("operator");
  for (const method of ["PUT", "DELETE", "OPTIONS"]) expect(await statusOf("/events", {}, method)).toBe(405);
});

describe("an action", () => {
  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(new URL("/actions/drop", world.url), { method: "POST", headers, body: new URLSearchParams(fields) });
  const tokenOf = async () => (await world.json("/actions/drop?id=one"))["token"] as string;
  const state = async () => (await world.inbox.event("one"))?.state;

  test("needs the token of a page, a form and the console's own origin", async () => {
    const token = await tokenOf();
    expect((await post({ id: "one" })).status).toBe(400);
    expect((await post({ id: "one", token: `${token}x` })).status).toBe(400);
    expect((await post({ id: "one", token }, { origin: "https://evil.example" })).status).toBe(403);
    expect((await post({ id: "one", token }, { "content-type": "text/plain" })).status).toBe(400);
    expect((await get(`/actions/drop?id=one&token=${token}`)).status).toBe(200);
    expect(await state()).toBe("waiting");
  });

  test("is refused to a reader, who sees no link to it", async () => {
    const token = await tokenOf();
    world.setRole("reader");
    expect((await post({ id: "one", token })).status).toBe(403);
    expect((await get("/actions/drop?id=one")).status).toBe(403);
    for (const path of ["/events", "/events/one"]) expect(await (await get(path)).text()).not.toContain("/actions/");
    expect(await state()).toBe("waiting");
  });
});

test("a mounted console links within its path, and is for its hosts alone", async () => {
  const app = new Hono();
  const options = {
    inbox: world.inbox,
    policy: world.policy,
    hosts: ["Admin.example"],
    path: "/admin/console",
    log() {},
  };
  app.route("/admin/console", createConsole({ ...options, visitor: () => ({ role: "reader" }) }));
  const ask = (url: string) => app.request(url);
  const page = await ask("https://admin.example/admin/console");
  expect(page.status).toBe(200);
  const text = await page.text();
  const links = [...text.matchAll(/(?:href|src|action)="([^"#]+)"/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) {
    expect(link).toMatch(/^\/admin\/console(\/|$)/);
    expect((await ask(new URL(link.replaceAll("&amp;", "&"), "https://admin.example").href)).status).toBe(200);
  }
  expect((await ask("https://other.example/admin/console")).status).toBe(403);
});

test("invalid options are refused, all at once", () => {
  const options = { inbox: world.inbox, policy: world.policy, hosts: [], path: "console" };
  expect(() => createConsole(options as never)).toThrow(
    /path "console" is no path[\s\S]*hosts is empty[\s\S]*visitor is missing/,
  );
  const others = { ...options, hosts: ["admin.example:3000", "https://x", "[::1]"], path: "/a/../b" };
  expect(() => createConsole(others as never)).toThrow(
    /path "\/a\/..\/b" is no path[\s\S]*hosts: "admin.example:3000" is no host[\s\S]*hosts: "https:\/\/x" is no host[\s\S]*visitor/,
  );
  expect(() => createConsole({ ...others, hosts: ["[::1]", "admin.example"] } as never)).not.toThrow(/hosts/);
});

test("what a function of the options throws is not shown to a stranger", async () => {
  const hosts = () => {
    throw new Error("a fault inside");
  };
  const options = { inbox: world.inbox, policy: world.policy, visitor: () => ({ role: "reader" as const }), log() {} };
  const answer = await createConsole({ ...options, hosts }).request("http://admin.example/events");
  expect([answer.status, await answer.text()]).toEqual([500, "The page cannot be made: see the log.\n"]);
});
