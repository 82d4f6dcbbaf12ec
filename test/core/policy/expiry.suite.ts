// Tests which parts of a policy expire, and whether events will be refused afterwards. The answer depends on the policy and on the
// certificates that senders presented.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Expiry, listPolicyExpiries, warnOfExpiries } from "../../../core/policy/expiry.ts";
import type { CertificateMatcherDocument } from "../../../core/policy/schema.ts";
import { MAX_WATCHED_CERTIFICATES, MAX_WATCHED_WINDOWS } from "../../../core/wire.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { listExpiries, type Presentation } from "../../../origin/expiry.ts";
import { DAY } from "../../support/fixtures/expiries.ts";
import { type Cases, type Fixtures, pemOf } from "../../support/scenes/certificates.ts";

type Name = keyof Fixtures["expiries"];

const NOW = Date.UTC(2027, 0, 1) / 1000;
const at = (days: number) => NOW + days * DAY;
const day = (days: number) => new Date(at(days) * 1000).toISOString().slice(0, 10);
const ACME: CertificateMatcherDocument = { subject: { CN: "acme" } };

/** Returns a policy in which a route allows the sender `acme`, and no route allows the sender `unused`. */
function policyOf(
  { expiries }: Fixtures,
  certificates: readonly CertificateMatcherDocument[] = [ACME],
  anchors: readonly Name[] = ["root"],
  intermediates: readonly Name[] = [],
) {
  const trust = { anchors };
  return compilePolicy({
    anchors: Object.fromEntries(anchors.map((name) => [name, pemOf(expiries[name])])),
    intermediates: Object.fromEntries(intermediates.map((name) => [name, pemOf(expiries[name])])),
    senders: {
      acme: { certificates, trust },
      unused: { certificates: [{ subject: { CN: "unused" }, until: day(5) }], trust },
    },
    routes: { "/hooks": { senders: ["acme"], methods: ["POST"] } },
  });
}

function seen({ expiries }: Fixtures, name: Name, lastSeen = at(0), ...intermediates: readonly Name[]): Presentation {
  const { base64, sha256, notAfter } = parseCertificate(expiries[name]);
  const others = intermediates.map((other) => expiries[other]);
  return { sender: "acme", sha256, der: base64, notAfter, lastSeen, intermediates: others };
}

interface Situation {
  readonly certificates?: readonly CertificateMatcherDocument[];
  readonly anchors?: readonly Name[];
  readonly intermediates?: readonly Name[];
  readonly now?: number;
  readonly presented?: readonly Presentation[];
}

function expiriesOf(fixtures: Fixtures, kind: Expiry["kind"], situation: Situation = {}): Expiry[] {
  const { certificates, anchors, intermediates, now = NOW, presented = [] } = situation;
  const policy = policyOf(fixtures, certificates, anchors, intermediates);
  return listExpiries(policy, now, presented).filter((ending) => ending.kind === kind);
}

type Brief = readonly [pointer: string, days: number, refuses: boolean];

function ends(fixtures: Fixtures, kind: Expiry["kind"], situation: Situation, ...expected: readonly Brief[]): Expiry[] {
  const expiries = expiriesOf(fixtures, kind, situation);
  const briefs = expiries.map(({ pointer, notAfter, refuses }) => [pointer, (notAfter - NOW) / DAY, refuses]);
  assert.deepEqual(briefs, expected);
  return expiries;
}

const anchor = (name: Name, days: number, refuses: boolean): Brief => [`/anchors/${name}`, days, refuses];
const window = (entry: number, days: number, refuses: boolean): Brief => [
  `/senders/acme/certificates/${entry}`,
  days,
  refuses,
];
const ofSender = (days: number, refuses: boolean): Brief => ["/senders/acme", days, refuses];

const UNTIL: CertificateMatcherDocument = { ...ACME, until: day(20) };
const ONWARD: CertificateMatcherDocument = { ...ACME, from: day(10) };

export const cases: Cases = {
  "events are refused from the end of an anchor that is alone on": (fixtures) => {
    for (const now of [NOW, at(90)]) {
      const [ending] = ends(fixtures, "anchor", { anchors: ["oldRoot"], now }, anchor("oldRoot", 40, true));
      assert.equal(
        ending?.remedy,
        "nothing that acme presents below it will then be proven: add the CA certificate that follows it",
      );
    }
  },
  "the expiry of an anchor has its digest and its lifetime": (fixtures) => {
    const [ending] = expiriesOf(fixtures, "anchor", { anchors: ["oldRoot"] });
    const { sha256 } = parseCertificate(fixtures.expiries.oldRoot);
    assert.deepEqual([ending?.name, ending?.sha256, ending?.lifetimeSeconds], ["oldRoot", sha256, 3040 * DAY]);
  },
  "the end of an anchor is harmless if there is another anchor, and no longer listed afterwards": (fixtures) => {
    const anchors = ["oldRoot", "root"] as const;
    const [first] = ends(fixtures, "anchor", { anchors }, anchor("oldRoot", 40, false), anchor("root", 1000, true));
    assert.equal(first?.remedy, "its senders have another anchor: remove it when it has expired");
    ends(fixtures, "anchor", { anchors, now: at(40) }, anchor("root", 1000, true));
    ends(fixtures, "anchor", { anchors, now: at(40) - 1 }, anchor("oldRoot", 40, false), anchor("root", 1000, true));
  },
  "the end of an anchor refuses events if the other anchor does not prove the presented certificate": (fixtures) => {
    const presented = [seen(fixtures, "leaf")];
    const anchors = ["oldRoot", "stranger"] as const;
    const other = anchor("stranger", 2000, true);
    ends(fixtures, "anchor", { anchors }, anchor("oldRoot", 40, false), other);
    ends(fixtures, "anchor", { anchors, presented }, anchor("oldRoot", 40, true), other);
    // An anchor that has already expired is not listed. This is because the recorded refusals already show which requests were
    // refused.
    ends(fixtures, "anchor", { anchors, presented, now: at(41) }, other);
    // The presented certificate expires before the anchor. So it does not show whether requests will be refused after the anchor
    // has expired.
    ends(fixtures, "anchor", { anchors: ["root", "stranger"], presented }, anchor("root", 1000, false), other);
  },
  "the end of an intermediate of the policy refuses events, unless the presented certificate does not need it": (
    fixtures,
  ) => {
    const intermediates = ["middle"] as const;
    const middle = (refuses: boolean): Brief => ["/intermediates/middle", 50, refuses];
    for (const now of [NOW, at(60)]) {
      const [ending] = ends(fixtures, "intermediate", { intermediates, now }, middle(true));
      const remedy = "nothing that acme presents below it will then be proven: add the CA certificate that follows it";
      assert.deepEqual([ending?.name, ending?.remedy], ["middle", remedy]);
    }
    ends(fixtures, "intermediate", { intermediates, presented: [seen(fixtures, "below")] }, middle(true));
    const presented = [seen(fixtures, "leaf")];
    const [harmless] = ends(fixtures, "intermediate", { intermediates, presented }, middle(false));
    assert.equal(harmless?.remedy, "its senders have another intermediate: remove it when it has expired");
    ends(fixtures, "intermediate", { intermediates, anchors: ["stranger"] });
    // The second intermediate belongs to another CA, so it cannot replace the first one.
    ends(fixtures, "intermediate", { intermediates: ["middle", "root"] }, middle(true));
  },
  "the end of an anchor concerns only the senders that name it": (fixtures) => {
    const { expiries } = fixtures;
    const sender = (...anchors: Name[]) => ({ certificates: [ACME], trust: { anchors } });
    const policy = compilePolicy({
      anchors: { oldRoot: pemOf(expiries.oldRoot), stranger: pemOf(expiries.stranger) },
      senders: {
        one: sender("oldRoot"),
        two: sender("oldRoot"),
        three: sender("stranger"),
        signer: { signature: { scheme: "github", secrets: ["KEY"] } },
      },
      routes: { "/hooks": { senders: ["one", "two", "three", "signer"], methods: ["POST"] } },
    });
    const remedies = listPolicyExpiries(policy, NOW).map(({ name, remedy }) => [
      name,
      remedy.split(" will then be ")[0],
    ]);
    assert.deepEqual(remedies, [
      ["oldRoot", "nothing that one, two presents below it"],
      ["stranger", "nothing that three presents below it"],
    ]);
  },
  "an anchor that no route uses is not listed": (fixtures) => {
    assert.deepEqual(listPolicyExpiries({ ...policyOf(fixtures), routes: [] }, NOW), []);
  },
  "the end of a window is harmless if another entry continues, and no longer listed afterwards": (fixtures) => {
    for (const presented of [[], [seen(fixtures, "leaf")]]) {
      const certificates = [UNTIL, ONWARD];
      const [ending] = ends(fixtures, "policy-window", { certificates, presented }, window(0, 20, false));
      assert.equal(ending?.remedy, "another entry continues: remove this one when it has ended");
      assert.deepEqual([ending?.name, ending?.sha256, ending?.lifetimeSeconds], ["acme", undefined, undefined]);
      ends(fixtures, "policy-window", { certificates, presented, now: at(20) });
    }
  },
  "events are refused from the end of a window without a successor on": (fixtures) => {
    for (const presented of [[], [seen(fixtures, "leaf")]]) {
      for (const now of [NOW, at(20), at(60)]) {
        const situation = { certificates: [UNTIL], presented, now };
        const [ending] = ends(fixtures, "policy-window", situation, window(0, 20, true));
        const remedy = "no other entry accepts the sender: add one, or move `until`";
        assert.equal(ending?.remedy, remedy);
      }
    }
  },
  "if all windows have ended, only the last one is listed, in any order of the entries": (fixtures) => {
    const certificates = [20, 30, 10].map((end) => ({ ...ACME, until: day(end) }));
    ends(fixtures, "policy-window", { certificates, now: at(40) }, window(1, 30, true));
    ends(fixtures, "policy-window", { certificates, now: at(25) }, window(1, 30, true));
    ends(fixtures, "policy-window", { certificates, now: at(15) }, window(0, 20, false), window(1, 30, true));
  },
  "the end of a window refuses events if the next window begins later, and the gap is reported": (fixtures) => {
    for (const [from, refuses] of [
      [20, false],
      [21, true],
    ] as const) {
      const certificates = [UNTIL, { ...ACME, from: day(from), until: day(60) }];
      for (const presented of [[], [seen(fixtures, "leaf")]]) {
        const situation = { certificates, presented };
        const [first] = ends(fixtures, "policy-window", situation, window(0, 20, refuses), window(1, 60, true));
        const gap = `nothing is accepted from ${day(20)}T00:00:00Z until ${day(from)}T00:00:00Z: let the two entries overlap`;
        assert.equal(first?.remedy === gap, refuses);
      }
    }
  },
  "a gap that has begun is reported for the window before it, together with windows that end later": (fixtures) => {
    const certificates = [
      { ...ACME, until: day(10) },
      { ...ACME, from: day(20), until: day(30) },
    ];
    const situation = { certificates, now: at(15) };
    const [first] = ends(fixtures, "policy-window", situation, window(0, 10, true), window(1, 30, true));
    assert.match(first?.remedy ?? "", new RegExp(`from ${day(15)}T00:00:00Z until ${day(20)}T`));
  },
  "the gap after a window is not closed by an entry that has ended by then": (fixtures) => {
    const certificates = [UNTIL, { ...ACME, from: day(15), until: day(18) }, { ...ACME, from: day(50) }];
    const [first] = expiriesOf(fixtures, "policy-window", { certificates }).slice(-1);
    assert.match(first?.remedy ?? "", new RegExp(`until ${day(50)}T`));
  },
  "the gap after a window lasts until the next entry for the presented certificate": (fixtures) => {
    const { sha256 } = parseCertificate(fixtures.expiries.next);
    const certificates = [UNTIL, { ...ACME, from: day(50) }, { sha256, from: day(30) }, { ...ACME, from: day(40) }];
    for (const [presented, begin] of [
      [[], 30],
      [[seen(fixtures, "leaf")], 40],
      [[seen(fixtures, "next")], 30],
    ] as const) {
      const [first] = expiriesOf(fixtures, "policy-window", { certificates, presented });
      assert.match(first?.remedy ?? "", new RegExp(`until ${day(begin)}T`));
    }
  },
  "the end of a window refuses events if the entry that continues is not for the presented certificate": (fixtures) => {
    const certificates = [UNTIL, { sha256: parseCertificate(fixtures.expiries.next).sha256 }];
    const [leaf, next] = [seen(fixtures, "leaf"), seen(fixtures, "next")];
    const refuses = (...presented: Presentation[]) =>
      expiriesOf(fixtures, "policy-window", { certificates, presented }).map((ending) => ending.refuses);
    assert.deepEqual(refuses(), [false]);
    assert.deepEqual(refuses(leaf), [true]);
    assert.deepEqual(refuses(next), [false]);
    // The sender uses both `leaf` and `next`. After the window, no entry accepts the certificate `leaf`, so requests with it would
    // be refused.
    assert.deepEqual(refuses({ ...leaf, lastSeen: at(-0.5) }, next), [true]);
    assert.deepEqual(refuses({ ...leaf, lastSeen: at(-2) }, next), [false]);
  },
  "only a limited number of windows is listed, the next to end first, for any number of entries": (fixtures) => {
    const certificates = Array.from({ length: 3_000 }, (_, index) => ({
      sha256: index.toString(16).padStart(64, "0"),
      until: day(index + 1),
    }));
    const expiries = expiriesOf(fixtures, "policy-window", { certificates: certificates.toReversed() });
    assert.deepEqual(
      expiries.map(({ notAfter }) => (notAfter - NOW) / DAY),
      Array.from({ length: MAX_WATCHED_WINDOWS }, (_, index) => index + 1),
    );
  },
  "events are refused from the end of a sender's certificate on": (fixtures) => {
    const presented = [seen(fixtures, "leaf", at(-1))];
    for (const now of [NOW, at(200)]) {
      const [ending] = ends(fixtures, "sender-certificate", { presented, now }, ofSender(160, true));
      const { sha256 } = parseCertificate(fixtures.expiries.leaf);
      assert.deepEqual([ending?.name, ending?.sha256, ending?.lifetimeSeconds], ["acme", sha256, 360 * DAY]);
      const remedy = `ask the sender for the successor of the certificate, last presented on ${day(-1)}T00:00:00Z, and check that the policy admits it`;
      assert.equal(ending?.remedy, remedy);
    }
  },
  "the end of a sender's certificate is harmless if the sender has presented only a later one for a day or more": (
    fixtures,
  ) => {
    const kind = "sender-certificate";
    const [leaf, next] = [seen(fixtures, "leaf"), seen(fixtures, "next")];
    const later = ofSender(400, true);
    const replaced = [{ ...leaf, lastSeen: at(-2) }, next];
    const [first] = ends(fixtures, kind, { presented: replaced }, ofSender(160, false), later);
    assert.equal(first?.remedy, "nothing to do: the sender presents one that expires later");
    ends(fixtures, kind, { presented: [{ ...leaf, lastSeen: at(-1) }, next] }, ofSender(160, false), later);
    ends(fixtures, kind, { presented: [{ ...leaf, lastSeen: at(-0.5) }, next] }, ofSender(160, true), later);
    // The sender has presented the old certificate again after the new one. So requests will be refused when the old certificate
    // expires.
    ends(fixtures, kind, { presented: [leaf, { ...next, lastSeen: at(-2) }] }, ofSender(160, true), later);
    ends(fixtures, kind, { presented: replaced, now: at(160) }, ofSender(160, false), later);
    ends(fixtures, kind, { presented: replaced, now: at(161) }, later);
  },
  "a sender's certificate ends together with an intermediate on which its proof depends": (fixtures) => {
    const kind = "sender-certificate";
    const [first] = ends(fixtures, kind, { presented: [seen(fixtures, "below", at(0), "middle")] }, ofSender(50, true));
    assert.match(first?.remedy ?? "", /^ask the sender for the successor of the intermediate CN=Middle,/);
    assert.equal(first?.sha256, parseCertificate(fixtures.expiries.middle).sha256);
    // The expiry of an intermediate does not matter if the certificate was proven without it. If a certificate was presented
    // several times with different intermediates, the latest presentation counts.
    const passed = seen(fixtures, "leaf", at(-2), "middle");
    ends(fixtures, kind, { presented: [{ ...passed, lastSeen: at(0) }] }, ofSender(160, true));
    ends(fixtures, kind, { presented: [passed, seen(fixtures, "leaf")] }, ofSender(160, true));
    ends(fixtures, kind, { presented: [seen(fixtures, "below", at(-3)), seen(fixtures, "below", at(-2), "middle")] }, [
      "/senders/acme",
      50,
      true,
    ]);
  },
  "a sender's certificate is not listed if the policy does not admit it, or if it cannot be read": (fixtures) => {
    const leaf = seen(fixtures, "leaf");
    const kinds = listExpiries(policyOf(fixtures, [{ subject: { CN: "other" } }]), NOW, [leaf]).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["anchor"]);
    const presented = [
      { ...leaf, der: "AAAA" },
      { ...leaf, sender: "unused" },
    ];
    ends(fixtures, "sender-certificate", { presented });
  },
  "only a limited number of certificates is listed, those presented last": (fixtures) => {
    const [leaf, next] = [seen(fixtures, "leaf", at(-3)), seen(fixtures, "next", at(-2))];
    const others = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...next, der: "AAAA", sha256: `${index}`, lastSeen: at(0) }));
    const presented = (count: number) => [leaf, next, ...others(count)];
    const kind = "sender-certificate";
    ends(fixtures, kind, { presented: presented(MAX_WATCHED_CERTIFICATES - 1) }, ofSender(400, false));
    ends(fixtures, kind, { presented: presented(MAX_WATCHED_CERTIFICATES) });
    const reversed = presented(MAX_WATCHED_CERTIFICATES - 1).reverse();
    ends(fixtures, kind, { presented: reversed }, ofSender(400, false));
    const again = [seen(fixtures, "below", at(0), "middle"), seen(fixtures, "below", at(-2))];
    ends(fixtures, kind, { presented: again }, ofSender(50, true));
  },
  "listExpiries() throws for a fault of the program, and does not hide it": (fixtures) => {
    const leaf = seen(fixtures, "leaf");
    const list = (policy: Parameters<typeof listExpiries>[0], one: Presentation) => () =>
      listExpiries(policy, NOW, [one]);
    assert.throws(list(policyOf(fixtures), { ...leaf, der: undefined as never }), TypeError);
    assert.throws(list({ ...policyOf(fixtures), deny: undefined as never }, leaf), TypeError);
  },
  "everything that expires is listed, the earliest first": (fixtures) => {
    const other: Expiry = {
      kind: "listener-certificate",
      name: "hooks.example.com",
      pointer: undefined,
      sha256: undefined,
      lifetimeSeconds: undefined,
      notAfter: at(100),
      refuses: true,
      remedy: "renew it",
    };
    const policy = policyOf(fixtures, [{ ...ACME, until: day(200) }]);
    const kinds = listExpiries(policy, NOW, [seen(fixtures, "leaf")], [other]).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["listener-certificate", "sender-certificate", "policy-window", "anchor"]);
    const [line] = warnOfExpiries([other], at(99), new Set());
    // A log line is JSON, which leaves out members that are undefined.
    assert.deepEqual(JSON.parse(JSON.stringify(line)), {
      decision: "expiring",
      what: "listener-certificate",
      name: "hooks.example.com",
      notAfter: `${day(100)}T00:00:00Z`,
      days: 1,
      refuses: true,
      remedy: "renew it",
    });
  },
  "warnings come 30, 14, 7, 3 and 1 days before the end and at the end, each once": (fixtures) => {
    const policy = policyOf(fixtures, [{ ...ACME, until: day(200) }]);
    const expiries = listExpiries(policy, NOW, [seen(fixtures, "leaf")]);
    const told = new Set<string>();
    const days: unknown[] = [];
    for (let half = 0; half < 420; half += 1) {
      for (const { what, days: left } of warnOfExpiries(expiries, NOW + (half * DAY) / 2, told)) {
        if (what === "sender-certificate") days.push(left);
      }
    }
    assert.deepEqual(days, [30, 14, 7, 3, 1, 0]);
  },
  "the first warning of an approaching end is one line, with all facts that are needed to act": (fixtures) => {
    const expiries = listExpiries(policyOf(fixtures, [{ ...ACME, until: day(200) }]), NOW, [seen(fixtures, "leaf")]);
    const told = new Set<string>();
    const [line, ...others] = warnOfExpiries(expiries, at(155), told);
    const { sha256 } = parseCertificate(fixtures.expiries.leaf);
    assert.deepEqual(
      { ...line, remedy: undefined },
      {
        decision: "expiring",
        what: "sender-certificate",
        name: "acme",
        pointer: "/senders/acme",
        sha256,
        notAfter: `${day(160)}T00:00:00Z`,
        days: 5,
        refuses: true,
        remedy: undefined,
      },
    );
    assert.match(String(line?.["remedy"]), /^ask the sender/);
    assert.deepEqual([others, warnOfExpiries(expiries, at(156), told)], [[], []]);
  },
  "warnings of several things of the same kind have a line for each": (fixtures) => {
    const certificates = [20, 21].map((end) => ({ ...ACME, until: day(end) }));
    const expiries = expiriesOf(fixtures, "policy-window", { certificates });
    const lines = warnOfExpiries(expiries, NOW, new Set());
    assert.deepEqual(
      lines.map(({ pointer }) => pointer),
      [0, 1].map((index) => `/senders/acme/certificates/${index}`),
    );
    const moved = expiries.map((ending) => ({ ...ending, pointer: "/", notAfter: ending.notAfter + 1 }));
    assert.equal(warnOfExpiries([...moved, ...expiries], NOW, new Set()).length, 4);
  },
  "warnings of things with a short lifetime come in its last third": (fixtures) => {
    const told = (days: number) => {
      const expiries = listExpiries(policyOf(fixtures), at(days), [seen(fixtures, "short")]);
      return warnOfExpiries(expiries, at(days), new Set()).length;
    };
    assert.deepEqual([0, 0.16, 0.17, 0.3].map(told), [0, 0, 1, 1]);
  },
};
