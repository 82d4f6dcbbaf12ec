// Sends headers of a sender to the origin's handler, through the deployed edge and then through another server. Whatever that
// server changes, the handler receives only headers that the edge signed.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChangeHeaders, passOn, startEdgeHopOrigin } from "../support/hop.ts";
import type { HeaderList } from "../support/http.ts";

const stack = new AsyncDisposableStack();
let send: Awaited<ReturnType<typeof startEdgeHopOrigin>>["send"];

beforeAll(async () => {
  ({ send } = await startEdgeHopOrigin(stack));
});
afterAll(() => stack.disposeAsync());

const TYPE = ["Content-Type", "application/json"] as const;
const SENT: HeaderList = [
  TYPE,
  ["User-Agent", "quill/1.0"],
  ["X-Quill-Topic", "orders"],
  ["X-Quill-Tags", "new, paid"],
  ["X-Quill-Note", ""],
  ["X-Quill-Event", "event-1"],
];
const HANDED = SENT.map(([name, value]) => [name.toLowerCase(), value]);

const through = (change: ChangeHeaders) => (request: Parameters<typeof passOn>[0], url: string) =>
  passOn({ ...request, headers: change(request.headers) }, url);

const isNamed = (wanted: string) => (name: string) => name.toLowerCase() === wanted.toLowerCase();
const without =
  (wanted: string): ChangeHeaders =>
  (headers) =>
    headers.filter(([name]) => !isNamed(wanted)(name));
const withFields =
  (wanted: string, ...values: string[]): ChangeHeaders =>
  (headers) => [...without(wanted)(headers), ...values.map((value) => [wanted, value] as const)];

test("the handler gets what the sender sent, and the event's key is read from it", async () => {
  const { status, delivered } = await send(SENT);
  expect(status).toBe(202);
  expect(delivered?.headers).toEqual(HANDED);
  expect(delivered?.eventKey).toBe('["event-1"]');
});

test("a header that the sender sends twice is one list", async () => {
  const { status, delivered } = await send([TYPE, ["X-Quill-Tags", "new"], ["x-quill-tags", "paid"]]);
  expect(status).toBe(202);
  expect(delivered?.headers).toEqual([
    ["content-type", "application/json"],
    ["x-quill-tags", "new, paid"],
  ]);
});

test("a value beyond ASCII is not forwarded and is logged, and other headers are forwarded", async () => {
  for (const value of ["caf\u00c3\u00a9", "caf\u00e9"]) {
    const headers: HeaderList = [TYPE, ["X-Quill-Note", value], ["X-Quill-Topic", "orders"]];
    const { status, delivered, edgeLine } = await send(headers);
    expect(status).toBe(202);
    expect(edgeLine).toMatchObject({ decision: "forwarded", id: delivered?.id, notForwarded: ["x-quill-note"] });
    expect((await send(SENT)).edgeLine).not.toHaveProperty("notForwarded");
    expect(delivered?.headers).toEqual([
      ["content-type", "application/json"],
      ["x-quill-topic", "orders"],
    ]);
  }
});

describe("a hop may", () => {
  const changes: [string, ChangeHeaders][] = [
    ["write names in capital letters", (headers) => headers.map(([name, value]) => [name.toUpperCase(), value])],
    ["write names in small letters", (headers) => headers.map(([name, value]) => [name.toLowerCase(), value])],
    ["change the order of headers", (headers) => headers.toReversed()],
    ["put blanks around a value", withFields("X-Quill-Topic", " \torders\t ")],
    ["split a list into two fields", withFields("X-Quill-Tags", "new", "paid")],
    ["add headers of its own", (headers) => [...headers, ["Via", "1.1 hop"], ["X-Forwarded-For", "192.0.2.1"]]],
  ];
  test.each(changes)("%s", async (_, change) => {
    const { status, delivered } = await send(SENT, through(change));
    expect(status).toBe(202);
    expect(delivered?.headers).toEqual(HANDED);
  });
});

describe("whatever is written on the way", () => {
  const changes: [string, HeaderList, ChangeHeaders][] = [
    ["a User-Agent", [TYPE, ["X-Quill-Topic", "orders"]], withFields("User-Agent", "hop/1.0")],
    ["an encoding of the body", [TYPE, ["X-Quill-Topic", "orders"]], withFields("Content-Encoding", "gzip")],
    ["a header that no policy names", [TYPE, ["X-Quill-Topic", "orders"]], withFields("X-Admin", "1")],
  ];
  test.each(changes)(
    "handed out is no header that was not signed: %s (Headers written on the way)",
    async (_, sent, change) => {
      const { status, delivered } = await send(sent, through(change));
      expect(status).toBe(202);
      expect(delivered?.headers).toEqual([
        ["content-type", "application/json"],
        ["x-quill-topic", "orders"],
      ]);
    },
  );

  test("handed out is Content-Type alone where the edge signed no header", async () => {
    const { status, delivered } = await send([TYPE], through(withFields("Accept", "*/*")));
    expect(status).toBe(202);
    expect(delivered?.headers).toEqual([["content-type", "application/json"]]);
  });

  const refused: [string, HeaderList, ChangeHeaders, object][] = [
    ["another value", SENT, withFields("X-Quill-Topic", "refunds"), {}],
    ["another value of what names the event", SENT, withFields("X-Quill-Event", "event-2"), {}],
    ["the value in other letters", SENT, withFields("X-Quill-Topic", "Orders"), {}],
    ["another User-Agent than the sender's", SENT, withFields("User-Agent", "hop/1.0"), {}],
    ["a list without its blank", SENT, withFields("X-Quill-Tags", "new,paid"), {}],
    ["a list in another order", SENT, withFields("X-Quill-Tags", "paid", "new"), {}],
    ["a value that is there twice", SENT, withFields("X-Quill-Topic", "orders", "orders"), {}],
    ["a second value before the signed one", SENT, withFields("X-Quill-Topic", "refunds", "orders"), {}],
    ["a second value after the signed one", SENT, withFields("X-Quill-Topic", "orders", "refunds"), {}],
    ["a header that was dropped", SENT, without("X-Quill-Topic"), { missing: ["x-quill-topic"] }],
    ["an empty header that was dropped", SENT, without("X-Quill-Note"), { missing: ["x-quill-note"] }],
    [
      "a header that the route names, added",
      [TYPE, ["User-Agent", "quill/1.0"]],
      withFields("x-QUILL-topic", "refunds"),
      { signed: ["user-agent"], unsigned: ["x-quill-topic"] },
    ],
    [
      "the header of the event's key, added",
      [TYPE],
      withFields("X-Quill-Event", "event-1"),
      { signed: [], unsigned: ["x-quill-event"] },
    ],
  ];
  test.each(refused)("refused is %s (Headers written on the way)", async (_, sent, change, details) => {
    const { status, line, delivered } = await send(sent, through(change));
    expect(line).toMatchObject({ decision: "refused", code: "headers_mismatch", ...details });
    // The status 502 tells the sender that the fault is behind the edge.
    expect(status).toBe(502);
    expect(delivered).toBeUndefined();
    // The log line contains only the names of the headers, because a value may be a secret.
    expect(JSON.stringify(line)).not.toMatch(/orders|refunds|event-\d/);
  });

  test("refused are the headers of an event with the assertion of another event of the same sender", async () => {
    let first: HeaderList = [];
    await send(SENT, (request, url) => {
      first = request.headers;
      return passOn(request, url);
    });
    const token = first.find(([name]) => isNamed("Countersign-Assertion")(name))?.[1] ?? "";
    const other = SENT.map(([name, value]) => [name, value === "orders" ? "refunds" : value] as const);
    const { code } = await send(other, through(withFields("Countersign-Assertion", token)));
    expect(code).toBe("headers_mismatch");
  });
});
