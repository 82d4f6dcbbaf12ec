// Tests how a request is read: its target, the headers that are forwarded, and the body up to its size limit.

import assert from "node:assert/strict";
import fc from "fast-check";
import { selectForwardedHeaders } from "../../../core/delivery/headers.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { FORWARDED_HEADERS, isForwardableHeader } from "../../../core/policy/forwardable.ts";
import { type Route, type Sender, selectRoute } from "../../../core/policy/policy.ts";
import { requireHost, requireHostField } from "../../../core/request/host.ts";
import { readBody } from "../../../core/request/read-body.ts";
import { readRequestTarget } from "../../../core/request/target.ts";
import { showTarget, showUrl } from "../../../core/url.ts";
import { type Cases, policyDocument, problemsOf, refused, refusedLater } from "../../support/scenes/certificates.ts";

const URL_OF_EDGE = "https://hooks.example.com";

/**
 * Makes a request with this body. If the body is a list of numbers, it is sent in chunks of these sizes, without a declared length.
 * A negative size breaks the connection.
 */
function post(
  body: BodyInit | readonly number[] | null,
  headers: Record<string, string> = {},
  seen = { pulled: 0, cancelled: false },
) {
  if (!Array.isArray(body))
    return new Request(`${URL_OF_EDGE}/hooks`, { method: "POST", body: body as BodyInit | null, headers });
  const sizes = [...(body as number[])];
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const size = sizes.shift();
        if (size === undefined) return controller.close();
        seen.pulled += 1;
        if (size < 0) return controller.error(new Error("connection lost"));
        controller.enqueue(new Uint8Array(size).fill(seen.pulled));
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return new Request(`${URL_OF_EDGE}/hooks`, { method: "POST", body: stream, headers, duplex: "half" } as RequestInit);
}

const readSize = async (request: Request, limit: number) => (await readBody(request, limit)).byteLength;

const SENDER: Sender = {
  name: "sender",
  certificate: undefined,
  signature: undefined,
  basic: [],
  token: undefined,
  handshake: undefined,
  body: [],
  eventKey: undefined,
  orderKey: undefined,
  retryStatus: undefined,
};
const routeOf = (...headers: string[]): Route => ({
  path: "/hooks",
  senders: [SENDER],
  shadow: [],
  isObserved: false,
  isQueued: false,
  isAnsweredByHandler: false,
  acknowledgement: undefined,
  methods: ["POST"],
  maxBodyBytes: 0,
  headers,
});

export const cases: Cases = {
  "readRequestTarget() keeps path and query as they were sent": () => {
    for (const target of [
      "/",
      "/hooks",
      "/hooks?a=b&c",
      "/a%20c?x=%26&y=a/b?c",
      "/a?b=%61%2f//",
      "/~a;b=c,d@e:f!$&()*+",
      "/?a=/b//c",
      "/%C3%A4",
    ]) {
      assert.equal(readRequestTarget(URL_OF_EDGE + target).target, target);
    }
    const { url, path } = readRequestTarget("https://hooks.example.com:8443/a?b");
    assert.deepEqual([url.pathname, path], ["/a", "/a"]);
  },
  "readRequestTarget() refuses a target that changes when it is normalised": () => {
    const bad = [
      "/a/../b",
      "/a/./b",
      "/..",
      "/a/%2e%2e/b",
      "/a/.%2E/b",
      "/a\\b",
      "/a b",
      "/a?b'c",
      "/ä",
      '/"',
      "/a\tb",
      "/a#b",
      "/a?",
      "/a?b#",
      "",
      "?a=/b",
      "#/a",
      "//evil.example/a",
      "///a",
      "/a\n",
      "/<a>",
      '/a?"b',
    ];
    for (const target of bad) refused("malformed_target", () => readRequestTarget(URL_OF_EDGE + target));
  },
  "readRequestTarget() refuses a path with a second spelling, and says which part it is (Second spelling of a path)":
    () => {
      const bad = {
        "/hooks/%61dmin": "%61",
        "/hooks/admi%6E": "%6E",
        "/a%2Db": "%2D",
        "/a%7Eb": "%7E",
        "/a%3Bb": "%3B",
        "/a%40b": "%40",
        "/a%c3%a4": "%c3",
        "/a%C3%Aa": "%Aa",
        "/a%2Fb": "%2F",
        "/a%5Cb": "%5C",
        "/a%00": "%00",
        "/a%0A": "%0A",
        "/a%09": "%09",
        "/a%1F": "%1F",
        "/a%7F": "%7F",
        "/a%2561": "%2561",
        "/a%25c3": "%25c3",
        "/a;/;b/c": "/;",
        "/a/.;/b": "/.;",
        "/a/..;/b": "/..;",
        "/..;x": "/..;",
        "/a//b": "//",
        "/a//": "//",
        "/a%": "%",
        "/a%2": "%2",
        "/a%zz": "%zz",
        "/a%C3": "percent-encoded octets that are not UTF-8",
        "/a%C0%AF": "percent-encoded octets that are not UTF-8",
        "/a%ED%A0%80": "percent-encoded octets that are not UTF-8",
      };
      for (const [path, secondSpelling] of Object.entries(bad)) {
        const { details } = refused("malformed_target", () => readRequestTarget(`${URL_OF_EDGE}${path}?q`));
        assert.deepEqual(details, { secondSpelling }, path);
      }
    },
  "showUrl() and showTarget() print no user, password, query and fragment": () => {
    const urls = {
      "https://keys.example/jwks.json": "https://keys.example/jwks.json",
      "https://keys.example": "https://keys.example",
      "https://KEYS.example:8443/a?token=S": "https://keys.example:8443/a?…",
      "https://keys.example/a#S": "https://keys.example/a?…",
      "https://S:S@keys.example/a": "https://keys.example/a",
      "https://S@keys.example/a?S#S": "https://keys.example/a?…",
      "HTTPS:S:S@keys.example/a": "…",
      "S:S@keys.example": "…",
      "C:/lists/a@b.crl": "C:/lists/a@b.crl",
      "postgres://S:S@db.example/inbox?sslkey=S": "postgres://db.example/inbox?…",
      "https://S:S@": "…",
      "https://S:S/S@keys.example": "…",
      "/var/lib/a?b.crl": "/var/lib/a?b.crl",
      "C:/lists/a.crl": "C:/lists/a.crl",
      "lists/a.crl": "lists/a.crl",
    };
    for (const [url, shown] of Object.entries(urls)) assert.equal(showUrl(url), shown);
    const targets = {
      "/hooks/a": "/hooks/a",
      "/hooks/a?": "/hooks/a?…",
      "/hooks/a?S?S\nS": "/hooks/a?…",
      "/hooks/a#S?S": "/hooks/a?…",
      "https://S:S@origin.example/a?S": "https://origin.example/a?…",
      "login?S": "login?…",
      "*": "*",
    };
    for (const [target, shown] of Object.entries(targets)) assert.equal(showTarget(target), shown);
  },
  "a policy cannot name a path with which every request is refused": (fixtures) => {
    for (const path of ["/hooks/%61dmin", "/a//b", "/a%2Fb", "/a%c3%a4", "/a%2Fb/*", "/a//*"]) {
      const route = { senders: ["sender"], methods: ["POST"] };
      const problems = problemsOf(() => compilePolicy({ ...policyDocument(fixtures), routes: { [path]: route } }));
      assert.match(problems.join(), /a request with this path is refused, because of/, path);
    }
  },
  "selectRoute() refuses a path that some routers take for a route of other senders (Second spelling of a path)": (
    fixtures,
  ) => {
    const document = policyDocument(fixtures);
    const route = (...senders: string[]) => ({ senders, methods: ["POST"] });
    const policy = compilePolicy({
      ...document,
      senders: { bank: document.senders.sender, shop: document.senders.sender },
      routes: {
        "/*": route("shop", "bank"),
        "/a": route("shop"),
        "/hooks/admin": route("bank"),
        "/hooks/bank/*": route("bank"),
        "/hooks/*": route("shop"),
        "/both": route("bank", "shop"),
        "/%C3%A4": route("bank"),
        "/%C3%A4/*": route("bank"),
        "/ss": route("bank"),
      },
    });
    const refusals = {
      "/hooks/Admin": "/hooks/admin",
      "/hooks/admin/": "/hooks/admin",
      "/HOOKS/ADMIN": "/hooks/admin",
      "/hooks/Bank/x": "/hooks/bank/*",
      "/Hooks/x": "/hooks/*",
      "/A": "/a",
      "/a/": "/a",
      // The route `/hooks/bank/*` does not match the path `/hooks/bank`, but some routers treat this path as `/hooks/bank/`. So
      // the path resembles the route.
      "/hooks/bank": "/hooks/bank/*",
      "/hooks/bank/": "/hooks/*",
      "/hooks/BANK": "/hooks/bank/*",
      "/Hooks/": "/hooks/*",
      "/%C3%84": "/%C3%A4",
      "/%C3%84/": "/%C3%A4",
      "/%C3%84/x": "/%C3%A4/*",
      // Some routers remove the parameters of each path segment (here `;x=1`). Other routers remove everything after the first
      // semicolon.
      "/hooks/admin;x=1": "/hooks/admin",
      "/hooks/admin;/x": "/hooks/admin",
      "/hooks;xy/admin": "/hooks/admin",
      "/a;b": "/a",
      "/hooks/bank;x/y": "/hooks/bank/*",
      "/hooks;/x": "/hooks/*",
    };
    for (const [path, resembles] of Object.entries(refusals)) {
      const { details } = refused("unknown_route", () => selectRoute(policy, path, "POST"));
      assert.deepEqual(details, { path, resembles });
    }
    const admitted = {
      "/a": "/a",
      "/%C3%A4": "/%C3%A4",
      "/%C3%A4/x": "/%C3%A4/*",
      "/hooks/admin": "/hooks/admin",
      "/hooks/other": "/hooks/*",
      "/hooks/Other/": "/hooks/*",
      "/hooks/bank/x": "/hooks/bank/*",
      "/hooks/bank/x/y/": "/hooks/bank/*",
      "/hooks/banks": "/hooks/*",
      "/hooks/other;x=1": "/hooks/*",
      "/both;x": "/*",
      "/both/": "/*",
      "/Both": "/*",
      "/x": "/*",
      "/": "/*",
      // The upper case of `ß` is `SS`, but a path with `ß` does not resemble the route `/ss`. The octet FF is not UTF-8, but a
      // path may contain it.
      "/%C3%9F": "/*",
      "/%FF": "/*",
    };
    for (const [path, expected] of Object.entries(admitted)) {
      assert.equal(selectRoute(policy, path, "POST").path, expected, path);
    }
  },
  "findRival() checks every prefix, also without any prefix route, and never names a route as its own rival": (
    fixtures,
  ) => {
    const document = policyDocument(fixtures);
    const route = (...senders: string[]) => ({ senders, methods: ["POST"] });
    const withRoutes = (routes: Record<string, ReturnType<typeof route>>) =>
      compilePolicy({ ...document, senders: { bank: document.senders.sender, shop: document.senders.sender }, routes });
    const exact = withRoutes({ "/a;b": route("shop"), "/b": route("bank"), "/": route("shop") });
    for (const path of ["/a;b", "/"]) assert.equal(selectRoute(exact, path, "POST").path, path);
    const everywhere = withRoutes({ "/a;b": route("shop"), "/*": route("bank") });
    const { details } = refused("unknown_route", () => selectRoute(everywhere, "/a;b", "POST"));
    assert.equal(details["resembles"], "/*");
    const [own, other] = exact.routes;
    assert.ok(own && other);
    assert.equal(exact.findRival(own.path, { ...own, senders: other.senders }), undefined);
  },
  "requireHost() accepts one host in its canonical form, and does not print a host that may contain a secret": () => {
    const good = [
      "a",
      "hooks.example.com",
      "hooks.example.com.",
      "a:8080",
      "a:80",
      "a:443",
      "127.0.0.1",
      "[::1]",
      "[::1]:1",
    ];
    for (const host of good) requireHost(host);
    const shown = [
      "A",
      "a:",
      "a:080",
      "a:0443",
      "a:99999",
      "a:x",
      "1",
      "0x7f.1",
      "127.1",
      "[::0:1]",
      "a:80:80",
      "[::1",
    ];
    for (const host of shown) assert.deepEqual(refused("malformed_host", () => requireHost(host)).details, { host });
    const secret = [
      "",
      "1/hooks",
      "a/",
      "a?b",
      "a#b",
      "u@a",
      "u:p@a",
      "a b",
      "a, b",
      "a,b",
      "a\\b",
      "%61",
      "\u00fc",
      "a\t",
      " a",
      "a\n",
    ];
    for (const host of secret) assert.deepEqual(refused("malformed_host", () => requireHost(host)).details, {}, host);
    // A host is refused again, also after another one was accepted.
    for (const host of [...shown, ...secret]) {
      requireHost("a");
      for (const _ of ["once", "again"]) refused("malformed_host", () => requireHost(host));
    }
    requireHostField(new Headers());
    requireHostField(new Headers({ host: "a" }));
    refused("malformed_host", () => requireHostField(new Headers({ host: "1/hooks" })));
    refused("malformed_host", () =>
      requireHostField(
        new Headers([
          ["host", "a"],
          ["host", "a"],
        ]),
      ),
    );
  },
  "readRequestTarget() refuses a URL that is not absolute": () => {
    for (const text of ["", "/hooks", "hooks.example.com/a", "https://", "https:///a", "http://[/a"]) {
      refused("malformed_target", () => readRequestTarget(text));
    }
  },
  "readRequestTarget() reads every target alike at the edge and the origin": () => {
    const unit = fc.constantFrom(..."abc/.%2eE?&=+'\"\\ #;:@~é\t");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        let target: string;
        try {
          target = readRequestTarget(`${URL_OF_EDGE}/${text}`).target;
        } catch {
          return;
        }
        assert.equal(target, `/${text}`);
        const again = readRequestTarget(`https://origin.example.com:8443${target}`);
        assert.equal(again.target, target);
        assert.equal(again.url.pathname, target.split("?")[0]);
      }),
      { numRuns: 1000 },
    );
  },
  "selectForwardedHeaders() selects only the standard list and the route's own headers": () => {
    const headers = new Headers({
      "Content-Type": "application/json",
      "User-Agent": "sender/1",
      "X-Signature": "abc",
      "X-Other": "no",
      Cookie: "no",
      "Countersign-Assertion": "no",
      X_Signature: "no",
    });
    assert.deepEqual(selectForwardedHeaders(headers, routeOf("x-signature", "x-absent"), SENDER), [
      ["content-type", "application/json"],
      ["user-agent", "sender/1"],
      ["x-signature", "abc"],
    ]);
    assert.deepEqual(selectForwardedHeaders(new Headers(), routeOf(), SENDER), []);
  },
  "selectForwardedHeaders() selects each header once, even if the route repeats it": (fixtures) => {
    const { senders, anchors } = policyDocument(fixtures);
    const route = { senders: ["sender"], methods: ["POST"], headers: ["Content-Type", "X-Signature", "x-signature"] };
    let headers: readonly string[];
    try {
      headers = compilePolicy({ senders, anchors, routes: { "/hooks": route } }).routes[0]?.headers ?? [];
    } catch {
      return; // Refusing this route is also correct.
    }
    const received = new Headers({ "content-type": "application/json", "x-signature": "abc" });
    const names = selectForwardedHeaders(received, routeOf(...headers), SENDER).map(([name]) => name);
    assert.deepEqual(names, [...new Set(names)]);
  },
  "isForwardableHeader() refuses our own headers, credentials, and headers of one hop or of the platform": (
    fixtures,
  ) => {
    const never = [
      "countersign-assertion",
      "countersign-anything",
      "client-cert",
      "client-cert-chain",
      "content-digest",
      "authorization",
      "proxy-authorization",
      "cookie",
      "connection",
      "keep-alive",
      "te",
      "trailer",
      "transfer-encoding",
      "upgrade",
      "host",
      "content-length",
      "expect",
      "forwarded",
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-tls-client-cert",
      "cf-connecting-ip",
      "cf-worker",
    ];
    const document = policyDocument(fixtures);
    for (const name of never) {
      assert.equal(isForwardableHeader(name), false, name);
      const headers = [name.toUpperCase()];
      const routes = { "/hooks": { senders: ["sender"], methods: ["POST"], headers } };
      assert.equal(problemsOf(() => compilePolicy({ ...document, routes })).length, 1, name);
    }
    for (const name of [...FORWARDED_HEADERS, "x-signature", "x-hub-signature-256", "webhook-id"]) {
      assert.equal(isForwardableHeader(name), true, name);
    }
  },
  "readBody() reads the bytes as they were sent": async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    assert.deepEqual(await readBody(post(bytes), 256), bytes);
    assert.deepEqual([...(await readBody(post([2, 0, 1]), 10))], [1, 1, 3]);
    assert.equal(await readSize(post(null), 0), 0);
    assert.equal(await readSize(post([]), 0), 0);
  },
  "readBody() keeps pieces of every size in their order": async () => {
    const sizes = [1, 65_535, 2, 65_536, 0, 131_073, 3];
    const bytes = await readBody(post(sizes), 1_000_000);
    let offset = 0;
    for (const [index, size] of sizes.entries()) {
      assert.ok(bytes.subarray(offset, offset + size).every((octet) => octet === index + 1));
      offset += size;
    }
    assert.equal(bytes.byteLength, offset);
  },
  "readBody() accepts a small body in pieces of one octet, and refuses thousands of such pieces": async () => {
    assert.equal(await readSize(post(Array(4_000).fill(1)), 1_000_000), 4_000);
    await refusedLater("body_in_pieces", readBody(post(Array(5_000).fill(1)), 1_000_000));
    assert.equal(await readSize(post(Array(5_000).fill(16)), 1_000_000), 80_000);
  },
  "readBody() accepts a body of exactly the limit, and not one byte more": async () => {
    assert.equal(await readSize(post([5, 5]), 10), 10);
    await refusedLater("body_too_large", readBody(post([5, 6]), 10));
    const declared = (size: number) => post(new Uint8Array(size), { "content-length": String(size) });
    assert.equal(await readSize(declared(10), 10), 10);
    await refusedLater("body_too_large", readBody(declared(11), 10));
    await refusedLater("body_too_large", readBody(post([1]), 0));
  },
  "readBody() refuses a declared length over the limit before it reads anything": async () => {
    const seen = { pulled: 0, cancelled: false };
    await refusedLater("body_too_large", readBody(post([1], { "content-length": "11" }, seen), 10));
    assert.equal(seen.pulled, 0);
  },
  "readBody() stops and cancels at the chunk that exceeds the limit": async () => {
    const seen = { pulled: 0, cancelled: false };
    await refusedLater("body_too_large", readBody(post([6, 6, 6, 6], {}, seen), 10));
    assert.deepEqual(seen, { pulled: 2, cancelled: true });
  },
  "readBody() refuses a body that ends too early": async () => {
    await refusedLater("body_incomplete", readBody(post([4, -1]), 10));
    await refusedLater("body_incomplete", readBody(post([-1]), 10));
  },
  "readBody() never returns more than the limit, whatever length is declared": async () => {
    for (const length of ["5", "0", "-1", "", "1e1", "0xa", "10, 10", "NaN", "+5", "5.5"]) {
      const size = await readSize(post(new Uint8Array(100), { "content-length": length }), 10).catch((error) => {
        assert.match(error.code, /^body_/);
        return 0;
      });
      assert.ok(size <= 10, `content-length: ${length} gave ${size} bytes`);
    }
  },
};
