// Tests which events `countersign inbox list` and `countersign inbox export` select, and what an export contains. Runs with every
// store.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { parseFilter } from "../../../cli/inbox/filter.ts";
import { parseInboxOptions } from "../../../cli/inbox/options.ts";
import { formatContentDigest } from "../../../core/delivery/delivery.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { runHere } from "../../support/command.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, onCommandLine, openTestInbox, runInbox } from "../../support/inbox-stores.ts";
import { ROOT, run } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const START = Date.parse("2026-11-01T00:00:00Z") / 1000;
const HOUR = 3_600;

describeOnStores("countersign inbox", (given) => {
  let now: number;
  let inbox: Inbox;
  beforeEach(async () => {
    now = START;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now * 1000 });
  });

  const accept = async (id: string, parts: Partial<DeliveryParts> = {}, more: object = {}) => {
    const delivery = { ...deliveryOf({ id, sender: "acme", ...parts }), ...more } as ReturnType<typeof deliveryOf>;
    await inbox.accept(delivery, { issuer: "edge", jti: `jti-${id}`, expires: now + 60 });
  };
  const command = (...args: string[]) => runInbox(given.location, ...args);
  const linesOf = (text: string) =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const idsOf = (text: string) => linesOf(text).map(({ id }) => id);

  /** Stores events that were accepted an hour apart. */
  async function storeEvents(): Promise<void> {
    const parts: Readonly<Record<string, Partial<DeliveryParts>>> = {
      a: { sender: "other" },
      b: { target: "/hooks/acme?x=1" },
      c: { target: "/hooks/acme/sub", eventKey: '["k","1"]' },
      d: { target: "/hooks/acmes", eventKey: '["k"]' },
      e: { eventKey: '["k"]', body: "other" },
      f: { sender: "other", eventKey: '["k"]' },
      h: { sender: "other", target: "//a.example/hooks/acme?x=1", eventKey: '["k"]' },
    };
    for (const [id, part] of Object.entries(parts)) {
      await accept(id, part);
      now += HOUR;
    }
    const [first] = await inbox.work.claim(1, 60_000);
    if (first !== undefined) await inbox.work.complete(first);
    await accept("g", { target: "/hooks/acmes", eventKey: '["k"]', body: "conflict" });
  }

  test("list and export select the same events with every filter, and with all filters together", async () => {
    await storeEvents();
    const cases: readonly (readonly [readonly string[], string])[] = [
      [[], "abcdefhg"],
      [["--since", "2026-11-01T02:00:00Z"], "cdefhg"],
      [["--since", "2026-11-01T03:30+01:00", "--until", "2026-11-01 04:00"], "d"],
      [["--until", "2026-11-01T02:00Z"], "ab"],
      [["--until", "2026-11-01"], ""],
      [["--since", "2026-11-02"], ""],
      [["--sender", "other"], "afh"],
      [["--route", "/hooks/acme"], "abef"],
      [["--route", "/hooks/acme/*"], "c"],
      [["--route", "/hooks/*"], "abcdefg"],
      [["--route", "/hooks/acm"], ""],
      [["--route", "/*"], "abcdefg"],
      [["--route", "a.example/hooks/acme"], "h"],
      [["--route", "a.example/*"], "h"],
      [["--route", "b.example/*"], ""],
      [["--key", "k"], "defhg"],
      [["--key", '["k","1"]'], "c"],
      [["--key", "k", "--sender", "other"], "fh"],
      [["--state", "done"], "a"],
      [["--state", "waiting", "--sender", "other"], "fh"],
      [["--conflict"], "dg"],
      [["--conflict", "--key", "k", "--sender", "acme", "--since", "2026-11-01T04:00Z", "--state", "waiting"], "g"],
    ];
    for (const [index, [args, ids]] of cases.entries()) {
      const filter = parseFilter(parseInboxOptions([...args]).values, 99);
      const listed = (await inbox.events(filter)).map(({ id }) => id);
      const paged = (await inbox.page(filter)).events.map(({ id }) => id);
      expect([args, listed.reverse().join(""), paged.join("")]).toEqual([args, ids, ids]);
      // Starting the program takes longer than all other steps here, so only some cases start the program.
      if (index % 4 !== 1) continue;
      const exported = await command("export", ...args);
      expect([exported.code, exported.stderr, idsOf(exported.stdout).join("")]).toEqual([0, "", ids]);
      expect(
        idsOf((await command("list", "--json", ...args)).stdout)
          .reverse()
          .join(""),
      ).toBe(ids);
    }
  });

  test("finds events by time among many, even if the clock was wrong for a while", async () => {
    // Accepts one event after the other, so that each event has its own transaction and its own time.
    const many = async (first: number, last: number) => {
      for (let n = first; n < last; n += 1) {
        now = START + n;
        await accept(`e${n}`);
      }
    };
    // Stores more than 1,000 events. Then the search for a time compares only the times of a sample of them, at equal distances.
    await many(0, 500);
    const wrong = now;
    for (let n = 0; n < 150; n += 1) {
      now = wrong - 90 * 86_400 + n;
      await accept(`wrong${n}`);
    }
    await many(500, 1000);
    const between = async (since: number, until: number) => {
      const page = await inbox.events({ since: START + since, until: START + until, limit: 9_999 });
      return page.map(({ id }) => id);
    };
    const expected = (since: number, until: number) =>
      Array.from({ length: until - since }, (_, n) => `e${until - 1 - n}`);
    for (const [since, until] of [[0, 1], [490, 510], [100, 700], [999, 1000], [0, 1000], [499, 501]] as const) // biome-ignore format: pairs
      expect(await between(since, until)).toEqual(expected(since, until));
    expect(await between(1000, 9_999)).toEqual([]);
    expect((await inbox.events({ until: START, limit: 9_999 })).length).toBe(150);
  });

  test("export has every member that is documented, bodies as text or bytes, and all of a long list in order", async () => {
    const identity = await issueCertificate({ subject: [{ CN: ["acme.example"] }] });
    const binary = Uint8Array.from({ length: 256 }, (_, n) => n);
    await accept("text", { identity, orderKey: "o", body: '\ufeff{"\u202e":"\u{1f600}\\u0000"}\n' });
    await accept("bytes", {}, { body: binary, contentDigest: formatContentDigest(binary) });
    await accept("gone");
    const leases = await inbox.work.claim(9, 60_000);
    for (const lease of leases) if (lease.event.id === "gone") await inbox.work.complete(lease);
    now += 1;
    await inbox.prune({ bodySeconds: 0, eventSeconds: 999 });
    const { stdout } = await command("export");
    expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    const [text, bytes, gone] = linesOf(stdout);
    const documented = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
    for (const member of [text, bytes, gone].flatMap((line) => Object.keys(line ?? {})))
      expect(documented).toContain(`| \`${member}\` |`);
    expect(text).toMatchObject({
      ...{ id: "text", state: "leased", sender: "acme", acceptedAt: "2026-11-01T00:00:00Z", attempts: 1 },
      ...{ method: "POST", target: "/hooks/acme", contentType: "application/json", orderKey: "o" },
      ...{ headers: [["content-type", "application/json"]], issuer: "edge", jti: "jti-text" },
      ...{ factors: ["mtls", "basic"], reliedOnEdge: ["basic"], certificate: { subject: "CN=acme.example" } },
      ...{ hasConflict: false, duplicates: 0, eventKey: '["text"]', body: '\ufeff{"\u202e":"\u{1f600}\\u0000"}\n' },
    });
    expect(text?.["certificate"]).not.toHaveProperty("der");
    expect(Buffer.from(String(bytes?.["bodyBase64"]), "base64").equals(Buffer.from(binary))).toBe(true);
    expect(bytes).not.toHaveProperty("body");
    expect(gone).toMatchObject({ state: "done", bodyBytes: 0, finishedAt: "2026-11-01T00:00:00Z" });
    expect(gone).not.toHaveProperty("body");
    expect(gone).not.toHaveProperty("bodyBase64");

    await Promise.all(Array.from({ length: 600 }, (_, n) => accept(`n${String(n).padStart(3, "0")}`)));
    // Each of these two events is larger than the limit of a page.
    for (const id of ["large1", "large2"]) await accept(id, { body: id.repeat(1_000_000) });
    const all = linesOf((await command("export")).stdout);
    expect(all.length).toBe(605);
    expect(new Set(all.map(({ id }) => id)).size).toBe(605);
    expect(all.slice(-2).map(({ id, body }) => [id, String(body).length])).toEqual([
      ["large1", 6_000_000],
      ["large2", 6_000_000],
    ]);
  });

  test("ends without an error when the reader of an export closes the pipe", async () => {
    for (let n = 0; n < 30; n += 1) await accept(`e${n}`, { body: "x".repeat(30_000) });
    const program = `"${process.execPath}" cli/main.ts inbox export --inbox "$1" | head -n 1`;
    const { inbox: place, environment } = onCommandLine(given.location);
    const args = ["-o", "pipefail", "-c", `cd "${ROOT}"; ${program}`, "-", place];
    const { code, stdout, stderr } = await run("bash", args, "", environment);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(idsOf(stdout)).toEqual(["e0"]);
  });
});

describe("filters without a meaning are refused in one sentence", () => {
  test.each<readonly [readonly string[], RegExp]>([
    [["--since", "yesterday"], /--since yesterday is not a time: write a day like 2026-11-30/],
    [["--since", "2026-02-30"], /is not a time/],
    [["--since", "2026-02-30T00:00Z"], /is not a time/],
    [["--until", ""], /--until has an empty value/],
    [["--until", "1790000000"], /is not a time/],
    [["--since", "1d", "--until", "2d"], /--until 2d is not after --since 1d/],
    [["--route", "hooks"], /--route hooks is no path/],
    [["--route", "/hooks?x=1"], /is no path/],
    [["--state", "lost"], /--state lost is none of/],
    [["an-id"], /takes no id/],
  ])("%j", async (args, told) => {
    await using stack = new AsyncDisposableStack();
    const file = join(temporaryDirectory(stack), "none.sqlite");
    for (const action of ["list", "export"]) {
      const { code, stdout, stderr } = await runHere(["inbox", action, ...args, "--inbox", file]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(told);
      expect(stderr.trimEnd().split("\n").length).toBe(1);
    }
  });
});
