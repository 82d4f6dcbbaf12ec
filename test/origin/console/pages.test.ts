// Tests what the pages of the console contain. Requests the pages as JSON and as HTML, without a browser.

import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { REFUSALS } from "../../../core/refusal.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { changeByHand, openTestInbox } from "../../support/inbox-stores.ts";
import { ACME, BETA } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { confirm, startConsole, type World } from "./world.ts";

/** The limit for tests with hundreds of requests, because such tests are slow on a busy machine. */
const SLOW = { timeout: 90_000 };

let stack: AsyncDisposableStack;
let world: World;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  world = await startConsole(stack, {}, { places: { inbox: "my inbox", policy: "policy.json" } });
});
afterEach(() => stack.disposeAsync());

const textOf = async (path: string, { url } = world) => await (await fetch(new URL(path, url))).text();
const idsOf = async (path: string) => ((await world.json(path))["events"] as { id: string }[]).map(({ id }) => id);

test("the list has filters in its URL, pages, and no body", async () => {
  for (let index = 0; index < 60; index += 1)
    await world.accept(`event-${index}`, { body: `{"n":${index},"secret":"in the body"}`, eventKey: `["k${index}"]` });
  await world.accept("of-beta", { sender: BETA, identity: world.senders.beta, target: "/hooks/beta" });
  expect(await idsOf("/events?sender=Quillon-beta")).toEqual(["of-beta"]);
  expect(await idsOf("/events?route=/hooks/beta")).toEqual(["of-beta"]);
  expect(await idsOf("/events?text=k59")).toEqual(["event-59"]);
  expect(await idsOf("/events?text=EVENT-5")).toHaveLength(11);
  expect(await idsOf("/events?since=1h&state=waiting")).toHaveLength(50);
  expect(await idsOf("/events?until=2026-01-01")).toEqual([]);
  const first = (await world.json("/events")) as { events: unknown[]; next: string };
  expect([first.events.length, await idsOf(first.next)]).toEqual([50, expect.arrayContaining(["event-0"])]);
  const html = await textOf("/events");
  expect(html).toContain("event-59");
  expect(html + JSON.stringify(first)).not.toContain("in the body");
  const wrong = await fetch(new URL("/events?state=lost&since=soon&route=x&before=-1", world.url));
  expect(wrong.status).toBe(400);
  const told = await wrong.text();
  for (const part of ["state is none of", "since is no time", "route is no path", "before is no place"])
    expect(told).toContain(part);
});

test("an event page has its facts, its path to the anchor, its checks, and the command for more", async () => {
  await world.accept("one", { body: '{"a":[1,{"b":"c"}]}', eventKey: '["k"]' });
  const facts = await world.json("/events/one");
  expect(facts).toMatchObject({ id: "one", sender: ACME, state: "waiting", anchor: "Quillon-root" });
  expect((facts["path"] as { Subject: string }[]).map((one) => one.Subject)).toEqual([
    "CN=Quillon-acme,O=Quillon Inc",
    "CN=Quillon Root,O=Quillon Inc",
  ]);
  const checks = facts["checks"] as { what: string; verdict: string; evidence: string }[];
  const verdictOf = (what: string) => checks.find((check) => check.what === what)?.verdict;
  expect(verdictOf("Body is what the digest names")).toBe("passed");
  const { explanation } = facts as { explanation: { verdict: string; checks: typeof checks } };
  expect(explanation.verdict).toBe("accepted");
  expect(explanation.checks.map(({ what, verdict }) => `${what} ${verdict}`)).toEqual([
    "Event passed",
    "Policy unknown",
    "Route passed",
    "Size of the body passed",
    "Certificate passed",
    "Trust passed",
    "Path: leaf passed",
    "Path: anchor Quillon-root passed",
    "Entry /senders/Quillon-acme/certificates/0 passed",
    "Entry: subject.CN passed",
    "User name and password passed",
    "Certificate, if it came now passed",
  ]);
  expect(explanation.checks.find(({ what }) => what === "Entry: subject.CN")?.evidence).toBe(`wanted "${ACME}"`);
  const html = await textOf("/events/one");
  expect(html).toContain("countersign explain --event one --inbox &#39;my inbox&#39; --policy policy.json");
  expect(html).toContain('<div class="line i2">');
  expect((await fetch(new URL("/events/none", world.url))).status).toBe(404);
});

test("a certificate that the policy no longer admits is reported", async () => {
  const other = await issueCertificate({ subject: [{ CN: ["Somebody else"] }] });
  await world.accept("strange", { identity: other });
  const { explanation, anchor } = (await world.json("/events/strange")) as {
    explanation: { verdict: string; checks: { what: string; verdict: string; evidence: string }[] };
    anchor: null;
  };
  expect([anchor, explanation.verdict]).toEqual([null, "refused"]);
  const found = (name: string) => explanation.checks.find(({ what }) => what === name);
  for (const name of ["Event", "Trust", "Certificate, if it came now"])
    expect(found(name)).toMatchObject({ verdict: "failed", evidence: expect.stringMatching(/^issuer_unknown: /) });
  expect(found("Entry: subject.CN")).toMatchObject({
    verdict: "failed",
    evidence: `wanted "${ACME}", received "Somebody else"`,
  });
});

test("bodies are shown unchanged: numbers keep their digits, other text its lines, octets their values", async () => {
  await world.accept("json", { body: '{"n":12345678901234567890,"twice":1,"twice":2,"e":[],"o":{}}' });
  const json = await textOf("/events/json");
  expect(json).toContain("12345678901234567890");
  expect(json.match(/&quot;twice&quot;/g)).toHaveLength(2);
  await world.accept("text", { body: "a: 1\r\nb: {" });
  expect(await textOf("/events/text")).toMatch(/<div class="line">a: 1<\/div><div class="line">b: \{<\/div>/);
  expect(await textOf("/events/text?body=hex")).toContain("00000000  61 3a 20 31 0d 0a");
  await world.accept("large", { body: JSON.stringify({ document: "A".repeat(3_000_000) }) });
  const large = await textOf("/events/large");
  expect(large.length).toBeLessThan(300_000);
  expect(large).toContain("This is the beginning of 2.9 MiB");
  const shapes = ["[".repeat(60_000), "\n".repeat(60_000), "[1 ".repeat(20_000), `[${"1,".repeat(30_000)}1]`];
  for (const [index, body] of shapes.entries()) {
    await world.accept(`shape-${index}`, { body });
    expect((await textOf(`/events/shape-${index}`)).length).toBeLessThan(1_000_000);
  }
});

test.each(["a/b", "%41", "a b?c#d&e=f", "ü\u202e", "x".repeat(256), "<b>"])(
  "an event has a page, whatever its id is: %j",
  async (id) => {
    await world.accept(id);
    const [, href = ""] = /<td class="id"><a href="([^"]+)"/.exec(await textOf("/events")) ?? [];
    expect(await world.json(href)).toMatchObject({ id });
    expect(await (await fetch(new URL(`${href}/body`, world.url))).text()).toBe(JSON.stringify({ event: id }));
    expect(await (await confirm(world, `/actions/drop?${new URLSearchParams({ id })}`)).json()).toMatchObject({
      changed: 1,
    });
  },
);

test("a HEAD request for the live updates does not count as an open page", SLOW, async () => {
  const heads = Array.from({ length: 120 }, async () => {
    const { status } = await fetch(new URL("/live", world.url), { method: "HEAD" });
    return status;
  });
  expect(new Set(await Promise.all(heads))).toEqual(new Set([200]));
  const controller = new AbortController();
  stack.defer(() => controller.abort());
  expect((await fetch(new URL("/live", world.url), { signal: controller.signal })).status).toBe(200);
});

test("an event that is named many times counts once", async () => {
  await world.accept("one");
  const query = new URLSearchParams([...Array.from({ length: 500 }, () => ["id", "one"]), ["id", "none"]]);
  expect(await world.json(`/actions/retry?${query}`)).toMatchObject({ events: [{ id: "one" }], skipped: 1 });
});

test("live updates are for a limited number of pages, and closed pages no longer count", SLOW, async () => {
  const open = async () => {
    const controller = new AbortController();
    stack.defer(() => controller.abort());
    // The response is kept, because fetch() ends the stream of a response that is not referenced.
    const response = await fetch(new URL("/live", world.url), { signal: controller.signal });
    return { response, status: response.status, controller };
  };
  const pages = await Promise.all(Array.from({ length: 100 }, open));
  expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await open()).status).toBe(503);
  for (const { controller, response } of pages) {
    expect(response.bodyUsed).toBe(false);
    controller.abort();
  }
  await expect.poll(async () => (await open()).status, { timeout: 25_000, interval: 100 }).toBe(200);
});

test('the overview says "or more" where the inbox stopped counting', async () => {
  const file = join(temporaryDirectory(stack), "inbox.sqlite");
  const inbox = await openTestInbox(stack, file);
  const large = await startConsole(stack, {}, { inbox });
  const tiles = async () => {
    const html = await (await fetch(large.url)).text();
    return [...html.matchAll(/<span class="name">([^<]+)<\/span><span class="value">([^<]+)</g)].map(
      ([, name, value]) => `${name}: ${value}`,
    );
  };
  await inbox.accept(deliveryOf({ id: "one", sender: ACME }), { issuer: "direct", jti: "one", expires: 0 });
  const addWork = (state: string, from: number, to: number) =>
    changeByHand(file, [
      `INSERT INTO work (sequence, sender, state, due_at, changed_at)
       WITH RECURSIVE number (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM number WHERE i < ${to})
       SELECT i, 'x', '${state}', ${state === "dead" ? "NULL" : "4000000000000 + i"}, 0 FROM number`,
    ]);
  await addWork("waiting", 2, 60_000);
  await addWork("leased", 60_001, 99_999);
  await addWork("dead", 200_001, 299_999);
  const oldest = expect.not.stringContaining("or more");
  expect(await tiles()).toEqual(["Waiting: 60,000", "In work: 39,999", "Dead: 99,999", oldest]);
  await addWork("leased", 100_000, 100_100);
  const least = expect.stringMatching(/^Oldest not done: \d.* or more$/);
  const unfinished = ["Waiting: 60,000 or more", "In work: 40,000 or more"];
  expect(await tiles()).toEqual([...unfinished, "Dead: 99,999", least]);
  await addWork("dead", 300_000, 300_100);
  expect(await tiles()).toEqual([...unfinished, "Dead: 100,000 or more", least]);
});

test("the senders page has certificates and what ends, and the overview has counts", async () => {
  await world.accept("one");
  await world.accept("two");
  await world.buryAll("broken");
  await world.accept("three");
  const { senders } = (await world.json("/senders")) as {
    senders: { name: string; certificates: unknown[]; expiries: unknown[] }[];
  };
  expect(senders.map(({ name, certificates }) => [name, certificates.length])).toEqual([
    [ACME, 1],
    [BETA, 0],
  ]);
  expect(await idsOfSenders("/senders?name=BETA")).toEqual([BETA]);
  const overview = await world.json("/");
  expect(overview["backlog"]).toMatchObject({ waiting: 1, leased: 0, dead: 2 });
  const { spans } = overview["activity"] as { spans: { dead: number; unfinished: number }[] };
  expect(spans.reduce((sum, { dead, unfinished }) => sum + dead + unfinished, 0)).toBe(3);
  const durations = overview["durations"] as { limits: object; spans: { attempt: number[] }[] };
  expect(durations.limits).toEqual({ attempt: [100, 1_000, 10_000], untilDone: [2_000, 10_000, 60_000] });
  expect(durations.spans.flatMap(({ attempt }) => attempt).reduce((sum, number) => sum + number)).toBe(2);
  expect(await textOf("/")).toContain("Attempts by how long the handler took");
  for (const path of ["/", "/senders"]) expect(await textOf(path)).toContain("<svg");

  async function idsOfSenders(path: string) {
    return ((await world.json(path))["senders"] as { name: string }[]).map(({ name }) => name);
  }
});

test("an event page has its attempts, and the actions of operators", async () => {
  await world.accept("one");
  const [lease] = await world.inbox.work.claim(1, 60_000);
  if (lease !== undefined) await world.inbox.work.bury(lease, "the upstream is <away>", 503);
  await confirm(world, "/actions/retry?id=one");
  const { history } = (await world.json("/events/one")) as { history: { records: { kind: string }[] } };
  expect(history.records).toMatchObject([
    { kind: "attempt", number: 1, outcome: "dead", status: 503, reason: "the upstream is <away>" },
    { kind: "operator", action: "retry" },
  ]);
  const html = await textOf("/events/one");
  for (const part of ["attempt 1, took", "status 503", "the upstream is &lt;away&gt;", "retried by an operator"])
    expect(html).toContain(part);
});

describe("refused requests", () => {
  test("are listed in pages and by filters, with their meaning and who must act", async () => {
    const at = Date.now();
    for (let index = 0; index < 60; index += 1) await world.refuse({ at: at - index * 1000, id: `no-${index}` });
    await world.refuse({ code: "issuer_unknown", sender: ACME, route: "/hooks/acme", at: at - 100_000 });
    const refusalsOf = async (path: string) =>
      (await world.json(path)) as { refusals: { code: string; who: string; what: string }[]; next: string };
    const first = await refusalsOf("/refusals");
    const second = await refusalsOf(first.next);
    expect([first.refusals.length, second.refusals.length, second.next]).toEqual([50, 11, null]);
    const filtered = await refusalsOf("/refusals?code=issuer_unknown&sender=Quillon-acme&route=/hooks/acme&since=1h");
    expect(filtered.refusals).toMatchObject([
      { code: "issuer_unknown", who: "sender", meaning: expect.stringContaining("no path to an anchor") },
    ]);
    expect((await refusalsOf("/refusals?id=no-59")).refusals).toHaveLength(1);
    expect((await fetch(new URL("/refusals?since=x&before=y", world.url))).status).toBe(400);
    const overview = (await world.json("/")) as { refusals: { refusals: number }[] };
    expect(overview.refusals.reduce((sum, { refusals }) => sum + refusals, 0)).toBe(61);
  });

  test("have the nearest entry, and how to accept the certificate", async () => {
    const stranger = await issueCertificate({ subject: [{ CN: ["stranger"] }] }, world.senders.root);
    const nearMiss = { sender: ACME, entry: 0, failed: ["subject.CN"] };
    const certificate = { sha256: "ab".repeat(32), der: stranger.base64, intermediates: [world.senders.root.base64] };
    const line = { decision: "refused", code: "sender_not_allowed", nearMiss } as const;
    await world.refuse({ code: "sender_not_allowed", line, certificate });
    const html = await textOf("/refusals/1");
    const { nearest } = (await world.json("/refusals/1")) as { nearest: { members: unknown[] } };
    expect(nearest.members).toContainEqual({
      ...{ member: "subject.CN", expected: ACME, presented: "stranger", holds: false, hint: null },
    });
    for (const part of [
      "<code><bdi>subject.CN</bdi></code>",
      `<td><div class="mono"><bdi>${ACME}</bdi></div></td><td><div class="mono"><bdi>stranger</bdi></div></td>`,
      "the operator has to act",
      "CN=stranger",
      "refused-abababababababab.pem",
    ])
      expect(html).toContain(part);
    expect(html).toContain("countersign explain --decision decision --inbox &#39;my inbox&#39; --policy policy.json");
    expect(html).toContain("countersign policy add --policy policy.json --sender Quillon-acme --certificate refused-");
    const pem = await fetch(new URL("/refusals/1/certificate", world.url));
    expect(pem.headers.get("content-disposition")).toContain("attachment");
    expect((await pem.text()).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect((await fetch(new URL("/refusals/2", world.url))).status).toBe(404);
    expect((await fetch(new URL("/refusals/x/certificate", world.url))).status).toBe(404);
  });

  test("without a path to an anchor: the command adds the sender's CA, and says what to replace", async () => {
    const certificate = { sha256: "ab".repeat(32), der: world.senders.acme.base64, intermediates: [] };
    await world.refuse({ code: "issuer_unknown", certificate });
    const html = await textOf("/refusals/1");
    expect(html).toContain("Get the certificate of its CA from the sender");
    expect(html).toContain("replace what is in capitals");
    expect(html).toContain(
      "--sender SENDER --anchor CA=CA.pem --certificate refused-abababababababab.pem --match name",
    );
    expect(html).toContain("Nothing of it is proven");
    await world.refuse({ code: "issuer_unknown", certificate, route: "hooks.example/a" });
    expect(await textOf("/refusals/2")).toContain("--sender SENDER --host hooks.example --route /a --anchor CA=CA.pem");
    expect(html).toContain("npm run -s countersign --");
  });

  test("show what was wanted and what was received", async () => {
    const line = {
      ...{ decision: "refused", declared: "sha-256=:a:", received: "<sha-256=:b:>" },
      ...{ notAfter: 1_700_000_000, anchors: ["one", "two"] },
    } as never;
    await world.refuse({ code: "body_mismatch", line });
    const html = await textOf("/refusals/1");
    expect(html).toContain("<dt>declared</dt><dd><bdi>sha-256=:a:</bdi></dd>");
    expect(html).toContain("<dt>notAfter</dt><dd><bdi>2023-11-14T22:13:20Z</bdi></dd>");
    expect(html).toContain("<dt>anchors</dt><dd><bdi>one, two</bdi></dd>");
    expect(html).toContain("<dt>received</dt><dd><bdi>&lt;sha-256=:b:&gt;</bdi></dd>");
  });

  test("because of the platform's verdict show this verdict", async () => {
    const verdict = "FAILED:self signed certificate";
    await world.refuse({ code: "platform_disagrees", line: { decision: "refused", verdict } });
    const html = await textOf("/refusals/1");
    expect(html).toContain(`Cloudflare's verdict: <code><bdi>${verdict}</bdi></code>`);
    expect(html).toContain("<code><bdi>verdict</bdi></code><bdi> names");
  });

  test.each(["assertion_missing", "body_mismatch", "sender_mismatch", "replayed", "body_too_large"])(
    "with %s get no command that would go through other steps",
    async (code) => {
      await world.refuse({ code });
      expect(await textOf("/refusals/1")).not.toMatch(/countersign (?:--|explain)/);
    },
  );

  test("of a proven certificate do not say that nothing was proven, and refusals of an edge show the route", async () => {
    const certificate = { sha256: "ab".repeat(32), der: world.senders.acme.base64, intermediates: [] };
    await world.refuse({ code: "sender_not_allowed", certificate, target: undefined, route: "/hooks/beta" });
    const html = await textOf("/refusals/1");
    expect(html).toContain("What was presented.</p>");
    expect(html).toContain('<span class="method"><bdi>POST</bdi></span> <bdi>/hooks/beta</bdi>');
  });

  test("that need no action do not ask an operator to act", async () => {
    await world.refuse({ code: "assertion_missing" });
    expect(await textOf("/refusals/1")).toContain("nobody has to act");
  });

  test("of every code have a page, also of codes of later versions", SLOW, async () => {
    for (const code of [...Object.keys(REFUSALS), "handshake", "request_unreadable", "of_a_later_version"]) {
      await world.refuse({ code, id: code, line: { decision: "refused", code, cause: "C", remedy: "R" } as never });
      const { refusals } = (await world.json(`/refusals?id=${code}`)) as { refusals: { sequence: number }[] };
      const page = await fetch(new URL(`/refusals/${refusals[0]?.sequence}`, world.url));
      expect([code, page.status]).toEqual([code, 200]);
    }
  });
});

describe("actions", () => {
  const stateOf = async (id: string) => (await world.inbox.event(id))?.state;

  test("on the events of a filter are counted, confirmed, done and logged", async () => {
    for (const id of ["a", "b"]) await world.accept(id);
    await world.buryAll("broken");
    await world.accept("c", { sender: BETA, identity: world.senders.beta });
    const page = await textOf("/actions/retry?sender=Quillon-acme");
    expect(page).toContain("<strong>2 events</strong>");
    expect(await stateOf("a")).toBe("dead");
    const response = await confirm(world, "/actions/retry?sender=Quillon-acme");
    expect(await response.json()).toMatchObject({ changed: 2, unchanged: 0 });
    expect([await stateOf("a"), await stateOf("b")]).toEqual(["waiting", "waiting"]);
    const line = { decision: "action", action: "retry", changed: 2, by: "the operator", ids: ["b", "a"] };
    expect(world.lines).toContainEqual(expect.objectContaining(line));
  });

  test("drop with a reason, and run what is done again", async () => {
    await world.accept("a");
    expect((await confirm(world, "/actions/drop?id=a", { reason: "a test <b>" })).status).toBe(200);
    expect(await world.inbox.event("a")).toMatchObject({ state: "done", reason: "a test <b>" });
    await world.accept("b");
    await world.completeAll();
    // Without an id, only events that were handled are selected. The dropped event was never handled.
    const { events } = (await world.json("/actions/run")) as { events: { id: string }[] };
    expect(events.map(({ id }) => id)).toEqual(["b"]);
    expect(await (await confirm(world, "/actions/run")).json()).toMatchObject({ changed: 1 });
    expect(await world.inbox.event("b")).toMatchObject({ state: "waiting", reruns: 1 });
    expect(world.lines.map(({ action }) => action)).toEqual(["drop", "run"]);
  });

  test("read a limited number of pages, the same number for each state of events", async () => {
    const searches: string[] = [];
    // Each page of this inbox says that there are older events. A large inbox does the same if its search takes too long. Each page
    // has its events as often as `copies` says.
    let copies = 1;
    const newest: Inbox["newest"] = async (query) => {
      searches.push(`${query.state}`);
      const { events, ...page } = await world.inbox.newest(query);
      return { ...page, events: Array(copies).fill(events).flat(), next: (query.before ?? 1_000) - 1 };
    };
    const inbox = new Proxy(world.inbox, {
      get(target, name) {
        const member = Reflect.get(target, name, target) as unknown;
        return name === "newest" ? newest : typeof member === "function" ? member.bind(target) : member;
      },
    });
    const endless = await startConsole(stack, {}, { inbox });
    for (const [path, states] of [
      ["/actions/retry", ["waiting", "dead"]],
      ["/actions/retry?state=dead", ["dead"]],
      ["/actions/run", ["done"]],
    ] as const) {
      searches.length = 0;
      expect(await endless.json(path)).toMatchObject({ events: [], hasMore: true });
      expect(searches).toEqual(states.flatMap((state) => Array(50 / states.length).fill(state)));
      expect(await textOf(path, endless)).toContain("The search ended early");
    }
    await world.accept("newest");
    const page = await textOf("/actions/retry", endless);
    expect(page).toContain("The search ended early");
    expect(page).toContain("newest");
    copies = 1_000;
    const full = "These are the newest 1,000 events; repeat the action for the rest";
    expect(await textOf("/actions/drop", endless)).toContain(`${full}.`);
    expect(await textOf("/actions/retry", endless)).toContain(`${full}, after these are handled.`);
  });

  test("that the inbox refuses change nothing and say why, and events that changed meanwhile are counted", async () => {
    await world.accept("first", { orderKey: '["o"]' });
    await world.accept("second", { orderKey: '["o"]' });
    for (let index = 0; index < 2; index += 1) await world.completeAll();
    const refused = await confirm(world, "/actions/run?id=first");
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ changed: 0, problem: expect.stringContaining("run in order") });
    await world.accept("gone");
    const { token } = (await world.json("/actions/drop?id=gone")) as { token: string };
    await world.completeAll();
    const body = new URLSearchParams({ token, id: "gone" });
    const late = await fetch(new URL("/actions/drop", world.url), {
      method: "POST",
      headers: { accept: "application/json" },
      body,
    });
    expect(await late.json()).toMatchObject({ changed: 0, unchanged: 1 });
  });
});
