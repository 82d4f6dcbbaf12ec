// Tests that common routers agree with the policy. For a path that the policy admits, a router must run the handler of the policy's
// route, or no handler. A path that a router would read differently must be refused before it reaches a router.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, createServer, type RequestListener, request as requestHttp } from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { Hono } from "hono";
import { LinearRouter } from "hono/router/linear-router";
import { PatternRouter } from "hono/router/pattern-router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compilePolicy } from "../../core/policy/compile.ts";
import { type Policy, selectRoute } from "../../core/policy/policy.ts";
import { refusalOf } from "../../core/refusal.ts";
import { readRequestTarget } from "../../core/request/target.ts";
import { freePort } from "../support/free-port.ts";
import { issueServers } from "../support/tls-origin.ts";
import { proxyDirectory, reasonToSkip, startProgram } from "../system/proxy/programs.ts";

/** Asks a router which handler runs for a path. Returns the route of that handler, or undefined if no handler runs. */
type Ask = (path: string) => Promise<string | undefined> | string | undefined;

/**
 * The routes of the policy. Each route has its own sender. If one path is a prefix of another path, the longer path comes first,
 * because routers need this order.
 */
const ROUTES = [
  "/hooks/admin",
  "/hooks/bank/in",
  "/hooks/bank/*",
  "/hooks/a.b",
  "/hooks/%C3%A4",
  "/hooks/*",
  "/Shop",
  "/shop/*",
  "/slash/",
  "/%E2%82%AC/*",
  "/open",
] as const;

const policy = compilePolicy({
  anchors: {},
  senders: Object.fromEntries(
    ROUTES.map((_, index) => [`s${index}`, { signature: { scheme: "github", secrets: ["SECRET"] } }]),
  ),
  routes: Object.fromEntries(ROUTES.map((path, index) => [path, { senders: [`s${index}`], methods: ["POST"] }])),
});

/** Paths that routers could read in different ways. */
const FORMS: readonly string[] = ROUTES.flatMap((route) => {
  const path = route.replace("*", "x");
  const parent = path.slice(0, path.lastIndexOf("/"));
  return [
    path,
    parent,
    `${parent}/`,
    `${path}/`,
    `${path}//`,
    `/${path}`,
    path.replace("/", "//"),
    path.toUpperCase(),
    path.toLowerCase(),
    path.replace(/[a-z]/, (letter) => letter.toUpperCase()),
    path.replace(/[a-z]$/, (letter) => letter.toUpperCase()),
    path.replace(/[a-z]$/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    path.replace(/(.)\//, "$1%2F"),
    path.replace(/(.)\//, "$1%2f"),
    path.replace(/(.)\//, "$1%5C"),
    path.replace(/%C3%A4/, "%c3%a4"),
    path.replace(/%C3%A4/, "%C3%84"),
    path.replace(/%C3%A4/, "a%CC%88"),
    path.replace(/%E2%82%AC/, "%e2%82%ac"),
    path.replaceAll("%", "%25"),
    `${path};x=1`,
    `${path};/y`,
    `${path};x/../y`,
    path.replace(/(.)\//, "$1;x/"),
    path.replace("/", "/;x/"),
    path.replace(/(.)\//, "$1/x/..;/"),
    path.replace(/[a-z]/, (letter) => `%25${letter.charCodeAt(0).toString(16)}`),
    `${path}.`,
    `${path}.json`,
    `${path}/.`,
    `${path}/..`,
    `${path}/../admin`,
    `${path}/%2e%2e/admin`,
    `${path}/x`,
    `${path}x`,
    `${path}%20`,
    `${path}%09`,
    `${path}%00`,
    `${path}%0A`,
    `${path}%3F`,
    `${path}%23`,
    `${path}*`,
    `${path}:x`,
    `${path},x`,
    `${path}@x`,
    `${path}!`,
    path.replace("/", "/./"),
    path.replace(".", "%2E"),
    path.replace(".", "x"),
  ];
});

function routeOf(path: string): string | undefined {
  let found: string | undefined;
  refusalOf(() => {
    const { url } = readRequestTarget(`https://hooks.example.com${path}`);
    found = selectRoute(policy as Policy, url.pathname, "POST").path;
  });
  return found;
}

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

// The name of the package is in a variable, so that TypeScript does not load the types of several versions of the package.
const load = async (name: string) => (await import(name)).default;

const HONO_ROUTERS = {
  RegExpRouter: () => new RegExpRouter<never>(),
  TrieRouter: () => new TrieRouter<never>(),
  LinearRouter: () => new LinearRouter<never>(),
  PatternRouter: () => new PatternRouter<never>(),
  SmartRouter: () => new SmartRouter<never>({ routers: [new RegExpRouter(), new TrieRouter()] }),
} as const;

function honoWith(router: keyof typeof HONO_ROUTERS, strict: boolean): Ask {
  const app = new Hono({ router: HONO_ROUTERS[router]() as never, strict });
  // Hono decodes a path before it compares the path with its routes.
  for (const route of ROUTES) app.post(decodeURI(route), (c) => c.text(route));
  return async (path) => {
    const response = await app.request(new Request(`https://hooks.example.com${path}`, { method: "POST" }));
    return response.ok ? await response.text() : undefined;
  };
}

/** Asks a router with an HTTP request. The request target is sent exactly as written. */
async function overHttp(listener: RequestListener): Promise<Ask> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return async (path) => {
    const outgoing = requestHttp({ port, host: "127.0.0.1", method: "POST", path, agent }).end();
    const [response] = await once(outgoing, "response");
    const body = await text(response);
    return response.statusCode === 200 ? body : undefined;
  };
}

interface ExpressApp {
  (...given: unknown[]): void;
  set(name: string, value: unknown): void;
  use(...given: unknown[]): void;
  post(path: string, handler: (request: unknown, response: { end(text: string): void }) => void): void;
}

async function express(version: "express4" | "express5", isStrict: boolean, isMounted: boolean): Promise<Ask> {
  const create = (await load(version)) as { (): ExpressApp; Router(options: object): ExpressApp };
  const app = create();
  app.set("case sensitive routing", isStrict);
  app.set("strict routing", isStrict);
  const add = (to: ExpressApp, route: string, path: string) =>
    to.post(version === "express5" ? path.replace("*", "*rest") : path, (_, response) => response.end(route));
  const hooks = create.Router({ caseSensitive: isStrict, strict: isStrict });
  for (const route of ROUTES) {
    if (isMounted && route.startsWith("/hooks/")) add(hooks, route, route.slice("/hooks".length));
    else add(app, route, route);
  }
  app.use("/hooks", hooks);
  return await overHttp(app);
}

interface FastifyApp {
  post(path: string, handler: () => Promise<string>): void;
  ready(): Promise<void>;
  close(): Promise<void>;
  routing: RequestListener;
}

async function fastify(version: "fastify4" | "fastify5", options: object): Promise<Ask> {
  const create = (await load(version)) as (options: object) => FastifyApp;
  const app = create(options);
  for (const route of ROUTES) app.post(decodeURI(route), async () => route);
  await app.ready();
  stack.defer(() => app.close());
  return await overHttp(app.routing);
}

const LOOSE = { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true };

/** Matches a path in the same way as Next.js matches the paths of its middleware and rewrites. */
async function nextMatcher(strict: boolean, isDecoded: boolean): Promise<Ask> {
  const { pathToRegexp } = (await import("path-to-regexp" as string)) as {
    pathToRegexp(path: string, keys: unknown[], options: object): RegExp;
  };
  const options = { delimiter: "/", sensitive: false, strict };
  const matchers = ROUTES.map((route) => {
    const path = (isDecoded ? decodeURI(route) : route).replace("*", ":path*").replace("a.b", "a\\.b");
    return { route, regexp: pathToRegexp(path, [], options) };
  });
  return (path) => {
    const asked = isDecoded ? decodeURIComponent(path) : path;
    return matchers.find(({ regexp }) => regexp.test(asked))?.route;
  };
}

/** Returns the nginx location for a route. nginx decodes the path of a request before it compares the path with its locations. */
const PLACES = {
  nginx: (path: string) => (path.endsWith("*") ? path.slice(0, -1) : `= ${path}`),
  "nginx with patterns": (path: string) =>
    `~ "^${path.replaceAll(".", "\\.").replace(/\*?$/, (end) => (end === "*" ? "" : "$"))}"`,
};

async function nginx(placeOf: (path: string) => string): Promise<Ask> {
  const { directory } = proxyDirectory(stack);
  const name = "hooks.example.com";
  const { ca, hosts } = await issueServers(name);
  writeFileSync(`${directory}/server.pem`, hosts[0]?.certificate ?? "");
  writeFileSync(`${directory}/server.key`, hosts[0]?.key ?? "");
  const port = await freePort();
  const locations = ROUTES.map((route) => `location ${placeOf(decodeURI(route))} { return 200 "${route}"; }`);
  const snippet = `server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${directory}/server.pem;
    ssl_certificate_key ${directory}/server.key;
    location / { return 404; }
    ${locations.join("\n    ")}
  }`;
  await startProgram(stack, { program: "nginx", snippet, directory, port });
  return async (path) => {
    const to = { port, host: "127.0.0.1", servername: name, ca, headers: { host: name }, method: "POST", path };
    const outgoing = requestTls({ ...to, agent: false }).end();
    const [response] = await once(outgoing, "response");
    const body = await text(response);
    return response.statusCode === 200 ? body : undefined;
  };
}

const ROUTERS: Readonly<Record<string, () => Promise<Ask> | Ask>> = {
  ...Object.fromEntries(
    (Object.keys(HONO_ROUTERS) as (keyof typeof HONO_ROUTERS)[]).flatMap((router) =>
      [true, false].map((strict) => [
        `Hono's ${router}${strict ? "" : ", not strict"}`,
        () => honoWith(router, strict),
      ]),
    ),
  ),
  ...Object.fromEntries(
    (["express4", "express5"] as const).flatMap((version) => [
      [version, () => express(version, false, false)],
      [`${version} with case and slashes`, () => express(version, true, false)],
      [`${version} with a router in it`, () => express(version, false, true)],
    ]),
  ),
  fastify4: () => fastify("fastify4", {}),
  "fastify4 without case and slashes": () => fastify("fastify4", LOOSE),
  fastify5: () => fastify("fastify5", {}),
  "fastify5 without case and slashes": () => fastify("fastify5", { routerOptions: LOOSE }),
  "Next's path-to-regexp": () => nextMatcher(true, false),
  "Next's path-to-regexp, decoded": () => nextMatcher(true, true),
  "Next's path-to-regexp, not strict": () => nextMatcher(false, true),
};

/** Random paths. They are made from parts of the routes, and from characters that routers could treat in different ways. */
const PIECES = fc
  .array(
    fc.constantFrom(
      ...["/", "/", "/", "hooks", "Hooks", "admin", "ADMIN", "bank", "in", "Shop", "shop", "slash", "open", "a.b"],
      ...["%C3%A4", "%C3%84", "%E2%82%AC", ";", ";x", ".", "x", "%20", "%61", ":", "*", "~"],
    ),
    { maxLength: 9 },
  )
  .map((pieces) => `/${pieces.join("")}`);

const isSendable = (path: string) => !/[\s\u0080-\uffff]/.test(path);
const DRAWN = fc.sample(PIECES, { numRuns: 2_000, seed: 42 });
const PATHS = [...new Set([...FORMS, ...DRAWN])].filter(isSendable);
const ADMITTED = PATHS.flatMap((path) => {
  const route = routeOf(path);
  return route === undefined ? [] : [{ path, route }];
});

test("the paths are many, and of every route", () => {
  expect(PATHS.length).toBeGreaterThan(1_000);
  expect(ADMITTED.length).toBeGreaterThan(100);
  expect(new Set(ADMITTED.map(({ route }) => route))).toEqual(new Set(ROUTES));
});

function keepsTo(name: string, start: () => Promise<Ask> | Ask): void {
  describe(`Second spelling of a path: ${name}`, () => {
    let ask: Ask;
    beforeAll(async () => {
      ask = await start();
    });

    test("runs the handler of each route for its own path", async () => {
      for (const route of ROUTES) {
        const ran = await ask(route.replace("*", "x"));
        // If a router ignores a slash at the end, it may find no route for a path that ends with a slash.
        if (ran !== undefined || !route.endsWith("/")) expect(ran).toBe(route);
      }
    });

    test("runs no other handler for a path that the policy admits", async () => {
      const others: string[] = [];
      for (const { path, route } of ADMITTED) {
        const ran = await ask(path);
        if (ran !== undefined && ran !== route) others.push(`${path} is on ${route}, and ${ran} ran`);
      }
      expect(others).toEqual([]);
    });
  });
}

for (const [name, start] of Object.entries(ROUTERS)) keepsTo(name, start);

const reason = reasonToSkip("nginx");
describe.skipIf(reason !== undefined)(`locations${reason ? `: ${reason}` : ""}`, () => {
  for (const [name, placeOf] of Object.entries(PLACES)) keepsTo(name, () => nginx(placeOf));
});

test.each([
  ["express4", () => express("express4", false, false), ["/hooks/admiN", "/hooks/admin/", "/HOOKS/BANK/IN"]],
  ["fastify4", () => fastify("fastify4", {}), ["/hooks/admin;x=1", "/hooks/%61dmin", "/hooks/bank/in;/y"]],
  ["Hono", () => honoWith("SmartRouter", true), ["/hooks/%61dmin", "/hooks/bank", "/hooks/a%2Eb"]],
] as const)(
  "Second spelling of a path: %s would run the wrong handlers for paths that are refused",
  async (_, start, paths) => {
    const ask = await start();
    for (const path of paths) {
      const exact = ROUTES.find((route: string) => route === path);
      const prefix = ROUTES.find((route) => route.endsWith("*") && path.startsWith(route.slice(0, -1)));
      const ran = await ask(path);
      expect(ran, path).toBeDefined();
      expect(ran, path).not.toBe(exact ?? prefix);
      expect(routeOf(path), path).toBeUndefined();
    }
  },
);
