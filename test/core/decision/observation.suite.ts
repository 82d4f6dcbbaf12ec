// Tests what is logged in addition to the verdict: certificates on observed routes, and shadow senders with a different verdict.

import assert from "node:assert/strict";
import { admitByCredentials, admitBySignature, findCandidates } from "../../../core/admission/admit.ts";
import { noteAdmitted, noteCertificate, type Trace } from "../../../core/admission/trace.ts";
import { identityOf, Observer, shareOf } from "../../../core/decision/observation.ts";
import { compareShadow, reportOnly } from "../../../core/decision/report-only.ts";
import { formatLogLine, type LogLine } from "../../../core/log-line.ts";
import { Refusal, toRefusal } from "../../../core/refusal.ts";
import {
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
  MAX_OBSERVED_PROVEN,
  MAX_OBSERVED_UNPROVEN,
} from "../../../core/wire.ts";
import { type ClientCertificate, parseClientCertField } from "../../../core/x509/client-certificate.ts";
import type { Cases, CertificateName, Fixtures } from "../../support/scenes/certificates.ts";
import {
  type Attempt,
  BODY,
  basic,
  certificate,
  compileSenders,
  credentials,
  evidenceOf,
  github,
  KEYS,
  type SenderParts,
  signedBy,
  token,
} from "../../support/scenes/factors.ts";

/** Judges one request, as an entry point does. Returns the trace, and the refusal if the request was refused. */
async function trace(
  fixtures: Fixtures,
  senders: Readonly<Record<string, SenderParts>>,
  attempt: Attempt & { readonly isObserved?: boolean } = {},
): Promise<[Trace, Refusal | undefined]> {
  const policy = compileSenders(fixtures, senders, attempt.shadow);
  const [route] = policy.routes;
  assert.ok(route !== undefined);
  const evidence = evidenceOf(fixtures, policy, attempt);
  const left: Trace = {
    context: { id: "decision-1" },
    route: { ...route, isObserved: attempt.isObserved ?? false },
    evidence,
  };
  noteCertificate(left.context, evidence);
  try {
    const candidates = admitByCredentials(findCandidates(route.senders, evidence, left), evidence);
    left.body = BODY;
    noteAdmitted(left, await admitBySignature(candidates, BODY, evidence));
    return [left, undefined];
  } catch (error) {
    return [left, toRefusal(error)];
  }
}

const observed = (fixtures: Fixtures, leaf: CertificateName | null) =>
  trace(fixtures, { sender: certificate() }, { leaf, isObserved: true });

/** Returns a copy of the trace in which some facts about the leaf are replaced. */
function withLeaf(left: Trace, facts: Partial<ClientCertificate["leaf"]>): Trace {
  const { evidence } = left;
  const presented = evidence?.certificate;
  assert.ok(evidence !== undefined && presented !== undefined && !(presented instanceof Refusal));
  return { ...left, evidence: { ...evidence, certificate: { ...presented, leaf: { ...presented.leaf, ...facts } } } };
}

/** Returns the lines that are logged for `count` certificates with different serial numbers. */
function observeMany(observer: Observer, [left, refusal]: [Trace, Refusal | undefined], count: number): LogLine[] {
  return Array.from({ length: count }, (_, index) =>
    observer.observe(withLeaf(left, { serial: index.toString(16) }), refusal),
  ).filter((line) => line !== undefined);
}

const differ = async (...args: Parameters<typeof trace>) => compareShadow(...(await trace(...args)));

const shadowOf = (line: LogLine | undefined) => (line?.["shadow"] ?? {}) as { readonly verdict?: string };

export const cases: Cases = {
  "Observer reports each distinct certificate once, with the certificate": async (fixtures) => {
    const observer = new Observer();
    const line = observer.observe(...(await observed(fixtures, "client")));
    assert.equal(line?.decision, "observed");
    assert.deepEqual([line["verdict"], line["isProven"], line["sender"]], ["issuer_unknown", false, undefined]);
    assert.equal(parseClientCertField(String(line["clientCert"])), fixtures.certificates.client);
    assert.equal(observer.observe(...(await observed(fixtures, "client"))), undefined);
    const accepted = observer.observe(...(await observed(fixtures, "direct")));
    assert.deepEqual(
      [accepted?.["verdict"], accepted?.["isProven"], accepted?.["sender"]],
      ["accepted", true, "sender"],
    );
  },
  "Observer reports nothing on other routes, and nothing without a certificate": async (fixtures) => {
    const observer = new Observer();
    assert.equal(observer.observe(...(await trace(fixtures, { sender: certificate() }))), undefined);
    assert.equal(observer.observe(...(await observed(fixtures, null))), undefined);
    assert.equal(observer.observe({ context: { id: "x" } }), undefined);
  },
  "Observer remembers a limited number, and strangers do not use up the share of proven certificates": async (
    fixtures,
  ) => {
    const observer = new Observer();
    const strangers = observeMany(observer, await observed(fixtures, "strangersClient"), MAX_OBSERVED_UNPROVEN + 5);
    assert.equal(strangers.filter(({ decision }) => decision === "observed").length, MAX_OBSERVED_UNPROVEN);
    assert.equal(strangers.at(-1)?.["code"], "observation_full");
    assert.equal(strangers.length, MAX_OBSERVED_UNPROVEN + 1);
    assert.equal(observer.observe(...(await observed(fixtures, "direct")))?.decision, "observed");
  },
  "Observer: certificates of an anchor that admit nobody do not use up the share of a sender": async (fixtures) => {
    const observer = new Observer();
    const others = await trace(
      fixtures,
      { sender: certificate("other.example") },
      { leaf: "direct", isObserved: true },
    );
    const told = observeMany(observer, others, MAX_OBSERVED_PROVEN + 5);
    assert.deepEqual(told.at(-1)?.["code"], "observation_full");
    assert.equal(told.length, MAX_OBSERVED_PROVEN + 1);
    assert.ok(told.slice(0, -1).every((line) => line["isProven"] === true && typeof line["anchor"] === "string"));
    const accepted = observer.observe(...(await observed(fixtures, "direct")));
    assert.deepEqual([accepted?.["verdict"], accepted?.["sender"]], ["accepted", "sender"]);
  },
  "Observer says proven if the certificate was proven, whether the request was admitted or not": async (fixtures) => {
    const senders = { sender: certificate(), signer: github("ONE") };
    const told = async (leaf: CertificateName, headers: Record<string, string> = {}) => {
      const line = new Observer().observe(...(await trace(fixtures, senders, { leaf, headers, isObserved: true })));
      assert.ok(line?.["certificate"] !== undefined, "the certificate is in the line");
      return [line["verdict"], line["isProven"], line["factors"]];
    };
    assert.deepEqual(await told("strangersClient"), ["signature_missing", false, undefined]);
    assert.deepEqual(await told("strangersClient", signedBy("TWO")), ["signature_mismatch", false, undefined]);
    assert.deepEqual(await told("strangersClient", signedBy("ONE")), ["accepted", false, ["hmac"]]);
    assert.deepEqual(await told("direct"), ["accepted", true, ["mtls"]]);
  },
  "Observer does not say proven for a certificate whose signature nobody verified": async (fixtures) => {
    const [left, refusal] = await observed(fixtures, "strangersClient");
    assert.equal(new Observer().observe(left, new Refusal("certificate_denied"))?.["isProven"], false);
    assert.equal(new Observer().observe(left, refusal)?.["isProven"], false);
    const signer = await trace(fixtures, { signer: github("ONE") }, { leaf: "strangersClient", isObserved: true });
    assert.equal(new Observer().observe(...signer)?.["isProven"], false);
  },
  "Observer treats a certificate with another encoding of its signature as the same certificate": async (fixtures) => {
    const observer = new Observer();
    const [left, refusal] = await observed(fixtures, "strangersClient");
    assert.equal(observer.observe(left, refusal)?.decision, "observed");
    assert.equal(observer.observe(withLeaf(left, { sha256: "00".repeat(32), base64: "AAAA" }), refusal), undefined);
  },
  "Observer reports once that a share is full, and which share": async (fixtures) => {
    const observer = new Observer();
    const lines = observeMany(observer, await observed(fixtures, "strangersClient"), MAX_OBSERVED_UNPROVEN + 2);
    assert.deepEqual(lines.at(-1), {
      decision: "failed",
      code: "observation_full",
      route: "/hooks",
      isProven: false,
      sender: undefined,
      anchor: undefined,
      limit: MAX_OBSERVED_UNPROVEN,
    });
  },
  "Observer reports nothing if no sender needs a certificate, and no verdict if there is none": async (fixtures) => {
    const [left] = await observed(fixtures, "strangersClient");
    assert.ok(left.evidence !== undefined);
    const evidence = { ...left.evidence, certificate: undefined };
    assert.equal(new Observer().observe({ ...left, evidence }), undefined);
    const line = new Observer().observe(left);
    assert.deepEqual([line?.["verdict"], line?.["id"], line?.["route"]], [undefined, "decision-1", "/hooks"]);
  },
  "Observer does not report certificates that are too long for a header field": async (fixtures) => {
    const [left, refusal] = await observed(fixtures, "strangersClient");
    const isTold = (leaf: number, ...chain: number[]) => {
      const changed = withLeaf(left, { base64: "A".repeat(leaf) });
      const presented = changed.evidence?.certificate as ClientCertificate;
      const intermediates = chain.map((length) => ({ ...presented.leaf, base64: "A".repeat(length) }));
      const evidence = {
        ...(changed.evidence as NonNullable<Trace["evidence"]>),
        certificate: { ...presented, intermediates },
      };
      return new Observer().observe({ ...changed, evidence }, refusal) !== undefined;
    };
    // In the header fields, each certificate is between two colons, and two certificates are separated by a comma and a space.
    const [leaf, half] = [MAX_CERTIFICATE_FIELD_CHARACTERS - 2, MAX_CHAIN_FIELD_CHARACTERS / 2 - 3];
    assert.deepEqual([isTold(leaf), isTold(leaf + 1)], [true, false]);
    assert.deepEqual([isTold(4, half, half), isTold(4, half, half + 1)], [true, false]);
  },
  "shareOf() separates routes, senders, anchors and strangers": () => {
    const share = (members: object) => shareOf({ decision: "observed", route: "/a", ...members });
    const mtls = { isProven: true, sender: "one", anchor: "root", factors: ["mtls"] };
    const strangers = share({ isProven: false });
    const shares = [
      share(mtls),
      share({ ...mtls, sender: "two" }),
      share({ ...mtls, anchor: "other" }),
      share({ ...mtls, route: "/b" }),
      share({ ...mtls, factors: ["hmac"] }),
      share({ ...mtls, factors: ["hmac"], anchor: "other" }),
      strangers,
      share({ isProven: false, route: "/b" }),
    ];
    assert.equal(new Set(shares).size, shares.length);
    // A log line that is read from a file may have any form. If a line does not clearly say that the certificate was proven, the
    // line counts as one about a stranger.
    for (const members of [{}, { isProven: "true" }, { ...mtls, isProven: false }, { ...mtls, isProven: 1 }]) {
      assert.equal(share(members), strangers);
    }
    const nobody = share({ ...mtls, factors: ["hmac"] });
    for (const factors of [undefined, "mtls", []]) assert.equal(share({ ...mtls, factors }), nobody);
  },
  "identityOf() depends on issuer, serial number and key": () => {
    const identity = (certificate: unknown) => identityOf({ decision: "observed", certificate });
    const facts = { issuer: "CN=a", serial: "1", spkiSha256: "00", sha256: "11" };
    assert.equal(identity(facts), identity({ ...facts, sha256: "22" }));
    for (const member of ["issuer", "serial", "spkiSha256"]) {
      assert.notEqual(identity(facts), identity({ ...facts, [member]: "2" }));
    }
    for (const certificate of [undefined, null, 7]) assert.equal(identity(certificate), identity({}));
  },
  "a certificate is logged completely, other values are shortened": async (fixtures) => {
    const line = new Observer().observe(...(await observed(fixtures, "direct")));
    assert.ok(line !== undefined);
    const read = JSON.parse(formatLogLine({ ...line, other: "x".repeat(5000) })) as Record<string, string>;
    assert.equal(read["clientCert"], line["clientCert"]);
    assert.ok((read["other"]?.length ?? 0) < 1000);
  },
  "compareShadow() reports a request only if the shadow senders give another verdict": async (fixtures) => {
    const senders = { sender: certificate(), next: certificate("next.example") };
    const shadow = ["next"];
    const line = await differ(fixtures, senders, { shadow });
    assert.deepEqual([line?.decision, line?.["inForce"], line?.["sender"]], ["shadow", "accepted", "sender"]);
    assert.equal(shadowOf(line).verdict, "sender_not_allowed");
    assert.equal(await differ(fixtures, { sender: certificate(), next: certificate() }, { shadow }), undefined);
    assert.equal(await differ(fixtures, senders, { shadow, leaf: "strangersClient" }), undefined);
    assert.equal(await differ(fixtures, senders), undefined);
  },
  "compareShadow() reports whom the shadow senders would have admitted": async (fixtures) => {
    const line = await differ(
      fixtures,
      { sender: certificate("other.example"), next: certificate() },
      { shadow: ["next"] },
    );
    assert.deepEqual(
      [line?.["inForce"], line?.["shadow"]],
      ["sender_not_allowed", { verdict: "accepted", sender: "next" }],
    );
  },
  "compareShadow() also judges signatures and credentials": async (fixtures) => {
    const next = { ...certificate(), ...github("ONE"), ...basic };
    const verdict = async (headers: Record<string, string>) => {
      const line = await differ(fixtures, { sender: certificate(), next }, { shadow: ["next"], headers });
      return shadowOf(line).verdict;
    };
    assert.equal(await verdict({ ...signedBy("ONE"), ...credentials }), undefined);
    assert.equal(await verdict({ ...signedBy("TWO"), ...credentials }), "signature_mismatch");
    assert.equal(await verdict(signedBy("ONE")), "basic_missing");
  },
  "compareShadow() says so if the body was not read for a signature": async (fixtures) => {
    const senders = { sender: certificate("other.example"), next: { ...certificate(), ...github("ONE") } };
    const [left, refusal] = await trace(fixtures, senders, { shadow: ["next"], headers: signedBy("ONE") });
    const { body: _, ...unread } = left;
    assert.equal(shadowOf(await compareShadow(unread, refusal)).verdict, "undecided");
  },
  "compareShadow() does not compare requests that failed for a reason that has nothing to do with senders": async (
    fixtures,
  ) => {
    const senders = { sender: certificate("other.example"), next: certificate() };
    const [left, refusal] = await trace(fixtures, senders, { shadow: ["next"] });
    for (const code of ["body_too_large", "body_incomplete", "internal_error"] as const) {
      assert.equal(await compareShadow(left, new Refusal(code)), undefined);
    }
    assert.equal(await compareShadow(left), undefined);
    const { route: _, ...lost } = left;
    assert.equal(await compareShadow(lost, refusal), undefined);
    const { evidence: __, ...bare } = left;
    assert.equal(await compareShadow(bare, refusal), undefined);
  },
  "compareShadow() names the request and the route that it compared, and the reason why the shadow refused": async (
    fixtures,
  ) => {
    const senders = { sender: certificate(), next: { ...certificate(), ...basic } };
    const line = await differ(fixtures, senders, { shadow: ["next"] });
    assert.deepEqual([line?.["id"], line?.["route"], line?.["inForce"]], ["decision-1", "/hooks", "accepted"]);
    assert.deepEqual(line?.["shadow"], { verdict: "basic_missing" });
    const other = await differ(fixtures, { ...senders, next: certificate("next.example") }, { shadow: ["next"] });
    const nearMiss = { sender: "next", entry: 0, failed: ["subject.CN"] };
    assert.deepEqual(other?.["shadow"], { verdict: "sender_not_allowed", nearMiss, anchors: ["root"] });
    const undecided = { sender: certificate(), next: { ...certificate(), ...github("ONE") } };
    const [{ body: _, ...left }] = await trace(fixtures, undecided, { shadow: ["next"], headers: signedBy("ONE") });
    const why = "the body was not read";
    assert.deepEqual((await compareShadow(left))?.["shadow"], { verdict: "undecided", sender: "next", why });
    for (const ofBody of [
      { token: { pointer: "/state", secrets: ["TOKEN"] } },
      { ...token(), body: [{ pointer: "/id", in: ["1"] }] },
    ]) {
      const held = { sender: certificate(), next: { ...certificate(), ...ofBody } };
      const headers = { "x-token": KEYS.TOKEN };
      const [{ body: __, ...unread }] = await trace(fixtures, held, { shadow: ["next"], headers });
      assert.deepEqual((await compareShadow(unread))?.["shadow"], { verdict: "undecided", sender: "next", why });
    }
  },
  "compareShadow() judges senders that sign nothing without a body": async (fixtures) => {
    const senders = { sender: certificate("other.example"), next: certificate() };
    const [{ body: _, ...left }, refusal] = await trace(fixtures, senders, { shadow: ["next"] });
    assert.deepEqual(shadowOf(await compareShadow(left, refusal)), { verdict: "accepted", sender: "next" });
  },
  "compareShadow() does not hide faults of the program": async (fixtures) => {
    const senders = { sender: certificate(), next: { ...certificate("next.example"), ...github("ONE") } };
    const [left] = await trace(fixtures, senders, { shadow: ["next"] });
    assert.ok(left.evidence !== undefined);
    const evidence = { ...left.evidence, facts: { ...left.evidence.facts, deny: undefined as never } };
    await assert.rejects(compareShadow({ ...left, evidence }), TypeError);
  },
  "reportOnly() reports certificates that are seen for the first time, and verdicts of shadow senders that differ":
    async (fixtures) => {
      const lines: LogLine[] = [];
      const tell = reportOnly((line) => void lines.push(line));
      const senders = { sender: certificate(), next: certificate("next.example") };
      const both = await trace(fixtures, senders, { shadow: ["next"], isObserved: true });
      for (let count = 0; count < 2; count += 1) await tell(...both);
      assert.deepEqual(
        lines.map(({ decision }) => decision),
        ["observed", "shadow", "shadow"],
      );
      const agreed = await trace(fixtures, { sender: certificate(), next: certificate() }, { shadow: ["next"] });
      await tell(...agreed);
      assert.equal(lines.length, 3);
    },
  "reportOnly() does nothing on a route that neither observes nor has shadow senders": async (fixtures) => {
    const tell = reportOnly(() => assert.fail("nothing is told"));
    assert.equal(tell(...(await trace(fixtures, { sender: certificate() }))), undefined);
    assert.equal(tell({ context: { id: "x" } }), undefined);
    assert.ok(tell(...(await observed(fixtures, null))) instanceof Promise);
  },
  "reportOnly() reports a fault of the program as a line, because the verdict was already given": async (fixtures) => {
    const lines: LogLine[] = [];
    const [left] = await trace(fixtures, { sender: certificate(), next: certificate() }, { shadow: ["next"] });
    assert.ok(left.evidence !== undefined);
    const evidence = { ...left.evidence, facts: undefined as never };
    await reportOnly((line) => void lines.push(line))({ ...left, evidence });
    const [{ cause, ...line } = {}] = lines as Record<string, unknown>[];
    assert.deepEqual([line, lines.length], [{ decision: "failed", code: "internal_error", id: "decision-1" }, 1]);
    assert.match(String(cause), /^TypeError: /);
  },
};
