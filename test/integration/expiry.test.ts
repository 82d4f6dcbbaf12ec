// What ends, and whether events will be refused then: by the policy alone, and by what senders were seen to present.

import { describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/authority.ts";
import { parseCertificate } from "../../core/certificate.ts";
import { type Ending, listPolicyEndings, warnOfEndings } from "../../core/expiry.ts";
import { listEndings, type Presentation } from "../../core/outlook.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import type { CertificateMatcherDocument } from "../../core/policy-schema.ts";
import { MAX_WATCHED_WINDOWS } from "../../core/wire.ts";

const DAY = 86_400;
const NOW = Date.parse("2027-01-01T00:00:00Z") / 1000;
const at = (days: number) => NOW + days * DAY;
const day = (days: number) => new Date(at(days) * 1000).toISOString().slice(0, 10);
const dates = (from: number, to: number) => ({
  notBefore: new Date(at(from) * 1000),
  notAfter: new Date(at(to) * 1000),
});

const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {}, ...dates(-1000, 1000) });
const oldRoot = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {}, keys: root.keys, ...dates(-3000, 40) });
const middle = await issueCertificate({ subject: [{ CN: ["Middle"] }], ca: {}, ...dates(-300, 50) }, root);
const leaf = await issueCertificate({ subject: [{ CN: ["acme"] }], ...dates(-200, 160) }, root);
const next = await issueCertificate({ subject: [{ CN: ["acme"] }], ...dates(-10, 400) }, root);
const below = await issueCertificate({ subject: [{ CN: ["acme"] }], ...dates(-200, 160) }, middle);

function policyOf(
  certificates: readonly CertificateMatcherDocument[] = [{ subject: { CN: "acme" } }],
  anchors: Readonly<Record<string, Identity>> = { root },
) {
  return compilePolicy({
    anchors: Object.fromEntries(Object.entries(anchors).map(([name, { pem }]) => [name, pem])),
    senders: {
      acme: { certificates, trust: { anchors: Object.keys(anchors) } },
      unused: {
        certificates: [{ subject: { CN: "unused" }, until: day(5) }],
        trust: { anchors: Object.keys(anchors) },
      },
    },
    routes: { "/hooks": { senders: ["acme"], methods: ["POST"] } },
  });
}

function seen(identity: Identity, lastSeen = at(0), ...intermediates: readonly Identity[]): Presentation {
  const { sha256, notAfter } = parseCertificate(identity.base64);
  return {
    ...{ sender: "acme", sha256, der: identity.base64, notAfter, lastSeen },
    intermediates: intermediates.map(({ base64 }) => base64),
  };
}

const brief = (endings: readonly Ending[]) =>
  endings.map(({ kind, pointer, notAfter, refuses }) => [kind, pointer, (notAfter - NOW) / DAY, refuses]);

const window = (entry: number, end: number, refuses: boolean) => [
  "policy-window",
  `/senders/acme/certificates/${entry}`,
  end,
  refuses,
];

describe("an anchor", () => {
  const of = (anchors: Readonly<Record<string, Identity>>, now = NOW, ...presented: Presentation[]) =>
    brief(listEndings(policyOf(undefined, anchors), now, presented)).filter(([kind]) => kind === "anchor");

  test("that is alone refuses from its end on, and afterwards", () => {
    expect(of({ oldRoot })).toEqual([["anchor", "/anchors/oldRoot", 40, true]]);
    expect(of({ oldRoot }, at(90))).toEqual([["anchor", "/anchors/oldRoot", 40, true]]);
  });

  test("with another beside it is harmless, and no longer told of when it has ended", () => {
    expect(of({ oldRoot, root })).toEqual([
      ["anchor", "/anchors/oldRoot", 40, false],
      ["anchor", "/anchors/root", 1000, true],
    ]);
    expect(of({ oldRoot, root }, at(41))).toEqual([["anchor", "/anchors/root", 1000, true]]);
  });

  test("refuses when the other one does not prove what the sender presents", async () => {
    const stranger = await issueCertificate({ subject: [{ CN: ["Stranger"] }], ca: {}, ...dates(-100, 2000) });
    expect(of({ oldRoot, stranger })).toContainEqual(["anchor", "/anchors/oldRoot", 40, false]);
    expect(of({ oldRoot, stranger }, NOW, seen(leaf))).toContainEqual(["anchor", "/anchors/oldRoot", 40, true]);
    // What the sender presents has ended before the anchor: it says nothing about that day.
    expect(of({ root, stranger }, NOW, seen(leaf))).toContainEqual(["anchor", "/anchors/root", 1000, false]);
  });

  test("that no route uses is none", () => {
    const policy = policyOf();
    expect(listPolicyEndings({ ...policy, routes: [] }, NOW)).toEqual([]);
  });
});

describe("a window", () => {
  const [until, onward] = [
    { subject: { CN: "acme" }, until: day(20) },
    { subject: { CN: "acme" }, from: day(10) },
  ];
  const of = (certificates: readonly CertificateMatcherDocument[], now = NOW, ...presented: Presentation[]) =>
    brief(listEndings(policyOf(certificates), now, presented)).filter(([kind]) => kind === "policy-window");

  test("that ends while another entry goes on is harmless, and forgotten when it has ended", () => {
    for (const presented of [[], [seen(leaf)]]) {
      expect(of([until, onward], NOW, ...presented)).toEqual([window(0, 20, false)]);
      expect(of([until, onward], at(20), ...presented)).toEqual([]);
    }
  });

  test("that ends without another refuses, and afterwards", () => {
    for (const presented of [[], [seen(leaf)]]) {
      expect(of([until], NOW, ...presented)).toEqual([window(0, 20, true)]);
      expect(of([until], at(60), ...presented)).toEqual([window(0, 20, true)]);
    }
  });

  test.each([
    [20, false],
    [21, true],
  ])("that ends on day 20 while the next begins on day %i: refuses %s", (from, refuses) => {
    const certificates = [until, { subject: { CN: "acme" }, from: day(from), until: day(60) }];
    expect(of(certificates)).toEqual([window(0, 20, refuses), window(1, 60, true)]);
    expect(of(certificates, NOW, seen(leaf))).toEqual([window(0, 20, refuses), window(1, 60, true)]);
    const [first] = listEndings(policyOf(certificates), NOW, []).filter(({ kind }) => kind === "policy-window");
    const gap = `nothing is accepted from ${day(20)}T00:00:00Z until the next entry begins at ${day(from)}T00:00:00Z`;
    if (refuses) expect(first?.remedy).toContain(gap);
  });

  test("refuses when the entry that goes on is not for what the sender presents", () => {
    const others = [until, { sha256: parseCertificate(next.base64).sha256 }];
    expect(of(others)).toEqual([window(0, 20, false)]);
    expect(of(others, NOW, seen(leaf))).toEqual([window(0, 20, true)]);
    expect(of(others, NOW, seen(next))).toEqual([window(0, 20, false)]);
    // Both are in use: the one that is not covered would be refused.
    expect(of(others, NOW, seen(leaf, at(-0.5)), seen(next))).toEqual([window(0, 20, true)]);
    expect(of(others, NOW, seen(leaf, at(-2)), seen(next))).toEqual([window(0, 20, false)]);
  });

  test("is one of a bounded number, however many entries there are", () => {
    const many = Array.from({ length: 3_000 }, (_, index) => ({
      sha256: index.toString(16).padStart(64, "0"),
      until: day(index + 1),
    }));
    expect(of(many)).toHaveLength(MAX_WATCHED_WINDOWS);
  });
});

describe("a sender's certificate", () => {
  const of = (now: number, ...presented: Presentation[]) =>
    brief(listEndings(policyOf(), now, presented)).filter(([kind]) => kind === "sender-certificate");
  const ending = (days: number, refuses: boolean) => ["sender-certificate", "/senders/acme", days, refuses];

  test("refuses from its end on, and afterwards", () => {
    expect(of(NOW, seen(leaf))).toEqual([ending(160, true)]);
    expect(of(at(200), seen(leaf))).toEqual([ending(160, true)]);
  });

  test("is harmless when the sender presents another that ends later, for a day and more", () => {
    expect(of(NOW, seen(leaf, at(-2)), seen(next))).toEqual([ending(160, false), ending(400, true)]);
    expect(of(NOW, seen(leaf, at(-0.5)), seen(next))).toEqual([ending(160, true), ending(400, true)]);
    // Gone back to the old one.
    expect(of(NOW, seen(leaf), seen(next, at(-2)))).toEqual([ending(160, true), ending(400, true)]);
    expect(of(at(161), seen(leaf, at(-2)), seen(next))).toEqual([ending(400, true)]);
  });

  test("ends with an intermediate that it is not proven without", () => {
    expect(of(NOW, seen(below, at(0), middle))).toEqual([ending(50, true)]);
    // One that is only in the way ends nothing; presented anew, the latest form counts.
    expect(of(NOW, seen(leaf, at(0), middle))).toEqual([ending(160, true)]);
    expect(of(NOW, seen(leaf, at(-2), middle), seen(leaf))).toEqual([ending(160, true)]);
  });

  test("is none when the policy does not admit it any more, or it cannot be read", () => {
    const policy = policyOf([{ subject: { CN: "other" } }]);
    expect(listEndings(policy, NOW, [seen(leaf)]).map(({ kind }) => kind)).toEqual(["anchor"]);
    expect(of(NOW, { ...seen(leaf), der: "AAAA" }, { ...seen(leaf), sender: "unused" })).toEqual([]);
  });
});

describe("warnings", () => {
  const endings = listEndings(policyOf([{ subject: { CN: "acme" }, until: day(200) }]), NOW, [seen(leaf)]);

  test("come at 30, 14, 7, 3 and 1 days and when it is over, each once", () => {
    const told = new Set<string>();
    const days: number[] = [];
    for (let half = 0; half < 420; half += 1) {
      for (const { what, days: left } of warnOfEndings(endings, NOW + (half * DAY) / 2, told)) {
        if (what === "sender-certificate") days.push(left as number);
      }
    }
    expect(days).toEqual([30, 14, 7, 3, 1, 0]);
  });

  test("are one line for what is near at the start, with everything to act on", () => {
    const told = new Set<string>();
    const lines = warnOfEndings(endings, at(155), told);
    const { sha256 } = parseCertificate(leaf.base64);
    expect(lines).toEqual([
      {
        decision: "expiring",
        what: "sender-certificate",
        name: "acme",
        pointer: "/senders/acme",
        sha256,
        notAfter: `${day(160)}T00:00:00Z`,
        days: 5,
        refuses: true,
        remedy: expect.stringContaining("ask the sender"),
      },
    ]);
    expect(warnOfEndings(endings, at(156), told)).toEqual([]);
  });

  test("of what lives shortly come in its last third", async () => {
    const short = await issueCertificate({ subject: [{ CN: ["acme"] }], ...dates(-0.5, 0.5) }, root);
    const told = (now: number) => warnOfEndings(listEndings(policyOf(), now, [seen(short)]), now, new Set());
    expect(told(NOW)).toEqual([]);
    expect(told(at(0.3))).toHaveLength(1);
  });
});
