// Tests how a verdict is reported. The sender gets a coarse reason. The operator gets a precise reason that is safe to print. Also
// tests the table of codes.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { AdmittedSender } from "../../../core/admission/candidate.ts";
import { type DecisionContext, noteAdmitted, noteCertificate } from "../../../core/admission/trace.ts";
import { formatProblem, PROBLEM_TYPE_PREFIX, parseProblemType } from "../../../core/decision/problem.ts";
import { describeRefusal } from "../../../core/decision/refusal-line.ts";
import { formatLogLine, levelOf, stampLine } from "../../../core/log-line.ts";
import { DECISIONS, type DecisionWord } from "../../../core/log-words.ts";
import {
  OriginRefusal,
  PROBLEMS,
  type Problem,
  REFUSALS,
  Refusal,
  type RefusalCode,
  refusalOf,
  toRefusal,
} from "../../../core/refusal.ts";
import {
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
  MAX_LOG_LINE_BYTES,
  MAX_LOGGED_CHARACTERS,
  MAX_LOGGED_MEMBERS,
} from "../../../core/wire.ts";
import { character } from "../../support/arbitraries.ts";
import { type Cases, prove, refused } from "../../support/scenes/certificates.ts";
import { certificate, compileSenders, evidenceOf, github, judge, signedBy } from "../../support/scenes/factors.ts";

const CODES = Object.keys(REFUSALS) as RefusalCode[];
const SECRET = "s3cr3t-detail";

export const cases: Cases = {
  "every refusal has a known problem, a 4xx or 5xx status and an explanation": () => {
    for (const code of CODES) {
      const [problem, why] = REFUSALS[code];
      assert.ok(Object.hasOwn(PROBLEMS, problem), code);
      const refusal = new OriginRefusal(code);
      assert.equal(refusal.problem, problem);
      assert.equal(refusal.status, PROBLEMS[problem].status);
      assert.ok(refusal.status >= 400 && refusal.status < 600, code);
      assert.ok(why.length > 10 && refusal.message === why, code);
    }
  },
  "toRefusal() returns a refusal unchanged, and keeps of any other error what the log needs": () => {
    const refusal = new Refusal("replayed");
    assert.equal(toRefusal(refusal), refusal);
    assert.equal(refusal.name, "Refusal");
    const error = new TypeError("ours");
    const { code, details } = toRefusal(error);
    assert.deepEqual([code, details], ["internal_error", { cause: error.stack }]);
    error.stack = undefined as never;
    assert.deepEqual(toRefusal(error).details, { cause: "ours" });
    assert.deepEqual(toRefusal("text").details, { cause: "text" });
  },
  "refusalOf() returns the refusal of a check, and does not catch other errors": () => {
    const refusal = new Refusal("replayed");
    const failing = (error: unknown) => () => {
      throw error;
    };
    assert.equal(refusalOf(failing(refusal)), refusal);
    assert.equal(
      refusalOf(() => "passed"),
      undefined,
    );
    assert.throws(() => refusalOf(failing(new TypeError("ours"))), TypeError);
  },
  "every problem is used by some refusal": () => {
    const used = new Set<string>(CODES.map((code) => REFUSALS[code][0]));
    assert.deepEqual(
      Object.keys(PROBLEMS).filter((problem) => !used.has(problem)),
      [],
    );
  },
  "no two explanations are equal": () => {
    assert.equal(new Set(CODES.map((code) => REFUSALS[code][1])).size, CODES.length);
  },
  "formatProblem() writes only type, title, status, code and decision": async () => {
    for (const code of CODES) {
      const refusal = new OriginRefusal(code, {
        cause: SECRET,
        subject: SECRET,
        title: SECRET,
        nested: { detail: [SECRET] },
      });
      const response = formatProblem(refusal, "decision-1");
      const { problem, status } = refusal;
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.equal(response.headers.get("cache-control"), "no-store");
      const text = await response.text();
      assert.deepEqual(JSON.parse(text), {
        type: `urn:countersign:problem:${problem}`,
        title: PROBLEMS[problem].title,
        status,
        code: problem,
        decision: "decision-1",
      });
      const told = `${text} ${[...response.headers].join()}`;
      assert.ok(!told.includes(SECRET) && !told.includes(REFUSALS[code][1]), code);
    }
  },
  "formatProblem() writes the same text for every fault of a certificate": async () => {
    const told = await Promise.all(
      CODES.filter((code) => REFUSALS[code][0] === "certificate-not-proven").map((code) =>
        formatProblem(new OriginRefusal(code), "x").text(),
      ),
    );
    assert.ok(told.length > 15);
    assert.equal(new Set(told).size, 1);
  },
  "formatProblem() names the allowed methods only for a refused method": () => {
    const allow = (code: RefusalCode) =>
      formatProblem(new OriginRefusal(code, { allow: "POST" }), "x").headers.get("allow");
    assert.equal(allow("method_not_allowed"), "POST");
    assert.equal(allow("challenge_unexpected"), "POST");
    for (const code of CODES.filter((other) => REFUSALS[other][0] !== "method-not-allowed"))
      assert.equal(allow(code), null, code);
  },
  "formatProblem() asks for a retry if the fault is ours, and for credentials with 401": () => {
    for (const code of CODES) {
      const { status, headers } = formatProblem(new OriginRefusal(code), "x");
      assert.equal(headers.has("retry-after"), status >= 502, code);
      assert.equal(headers.has("www-authenticate"), status === 401, code);
    }
  },
  "parseProblemType() reads only our own problem types": async () => {
    for (const code of CODES) {
      assert.equal(parseProblemType(await formatProblem(new OriginRefusal(code), "x").text()), REFUSALS[code][0]);
    }
    const others = [
      "",
      "{",
      "null",
      "[]",
      "{}",
      '{"type":1}',
      '{"type":"about:blank"}',
      '{"type":"replayed"}',
      ...["", "unknown", "toString", "__proto__", "Replayed"].map((name) =>
        JSON.stringify({ type: PROBLEM_TYPE_PREFIX + name }),
      ),
    ];
    for (const text of others) assert.equal(parseProblemType(text), undefined, text);
  },
  "noteCertificate() records the certificate that was presented, and nothing if there was none": (fixtures) => {
    const policy = compileSenders(fixtures, { sender: certificate() });
    const noted = (leaf: "direct" | null) => {
      const context: DecisionContext = { id: "1" };
      noteCertificate(context, evidenceOf(fixtures, policy, { leaf }));
      return context.certificate;
    };
    assert.equal(noted("direct")?.["subject"], "CN=client.example,O=Countersign Tests,C=US");
    assert.equal(noted(null), undefined);
    const context: DecisionContext = { id: "1" };
    noteCertificate(context, { ...evidenceOf(fixtures, policy, {}), certificate: undefined });
    assert.deepEqual(context, { id: "1" });
  },
  "noteAdmitted() records who was admitted, and with which factors": async (fixtures) => {
    const context = (admitted: AdmittedSender) => {
      const trace = { context: { id: "1", certificate: { subject: "CN=a" } } as DecisionContext };
      assert.equal(noteAdmitted(trace, admitted), admitted);
      return trace.context;
    };
    const proven = await judge(fixtures, { sender: certificate() });
    const seen = { id: "1", certificate: { subject: "CN=a" }, sender: "sender", factors: ["mtls"] };
    assert.deepEqual(context(proven), seen);
    // The policy does not require a certificate here. The client presented one, but it is left out of the log line. Otherwise the
    // certificate would seem to have proved something.
    const signed = await judge(fixtures, { sender: github("ONE") }, { headers: signedBy("ONE") });
    assert.deepEqual(context(signed), { id: "1", sender: "sender", factors: ["hmac"] });
    assert.deepEqual(context({ ...proven, reliedOnEdge: ["mtls"] }), { ...seen, reliedOnEdge: ["mtls"] });
    assert.ok(proven.certified !== undefined);
    const revocation = [{ issuer: "CN=a" }] as never;
    const certified = { ...proven.certified, proof: { ...proven.certified.proof, revocation } };
    assert.deepEqual(context({ ...proven, certified }), { ...seen, revocation });
  },
  "formatProblem() does not print allowed methods that are not text": () => {
    const { headers } = formatProblem(new Refusal("method_not_allowed", { allow: ["POST"] }), "x");
    assert.equal(headers.get("allow"), null);
  },
  "parseProblemType() accepts no other prefix": () => {
    const type = `${PROBLEM_TYPE_PREFIX.slice(0, -1)}/replayed`;
    assert.equal(parseProblemType(JSON.stringify({ type })), undefined);
  },
  "describeRefusal() says failed for a status of 500 or higher": () => {
    for (const code of CODES) {
      const refusal = new OriginRefusal(code);
      const { decision } = describeRefusal(refusal, { id: "1" });
      assert.equal(decision, refusal.status < 500 ? "refused" : "failed", code);
    }
  },
  "levelOf() gives error for failures, warn for what somebody should look at, and info for everything else": () => {
    const levels = {
      error: "failed dead dead-letter",
      warn: "refused handshake retrying expiring noticed warning dead-letters",
      info: "accepted action challenge forwarded queued dispatched released reloaded updated observed shadow duplicate removed",
    };
    const words = Object.entries(levels).flatMap(([level, decisions]) =>
      decisions.split(" ").map((decision) => [level, decision as DecisionWord] as const),
    );
    for (const [level, decision] of words) assert.equal(levelOf({ decision }), level, decision);
    assert.deepEqual(words.map(([, decision]) => decision).sort(), Object.keys(DECISIONS).sort());
    assert.equal(levelOf(JSON.parse('{"decision":"constructor"}')), "info");
  },
  "stampLine() puts time and level first, and does not change a line that has them": () => {
    const line = { decision: "refused", id: "1" } as const;
    const stamped = { at: "2026-11-30T00:00:00.007Z", level: "warn", ...line };
    assert.equal(JSON.stringify(stampLine(line, Date.UTC(2026, 10, 30, 0, 0, 0, 7))), JSON.stringify(stamped));
    assert.deepEqual(stampLine(stamped, 0), stamped);
  },
  "formatLogLine() writes certificate fields completely, up to the length that can be read again": () => {
    for (const [name, most] of [
      ["clientCert", MAX_CERTIFICATE_FIELD_CHARACTERS],
      ["clientCertChain", MAX_CHAIN_FIELD_CHARACTERS],
    ] as const) {
      const written = (length: number) =>
        JSON.parse(formatLogLine({ decision: "observed", [name]: "A".repeat(length) }))[name] as string;
      assert.equal(written(most).length, most);
      assert.equal(written(most + 1).length, MAX_LOGGED_CHARACTERS + 1);
    }
    const odd = JSON.parse(formatLogLine({ decision: "observed", clientCert: [`${"a".repeat(600)}`] }));
    assert.equal(odd.clientCert[0].length, MAX_LOGGED_CHARACTERS + 1);
  },
  "formatLogLine() leaves out the last members if many members together are too long": () => {
    const members = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`m${index}`, Array(4).fill("a".repeat(500))]),
    );
    const text = formatLogLine({ decision: "refused", ...members });
    assert.ok(Buffer.byteLength(text) <= MAX_LOG_LINE_BYTES + 200, `${text.length}`);
    const { leftOut, ...line } = JSON.parse(text);
    assert.deepEqual(Object.keys(line), ["decision", "m0", "m1", "m2", "m3"]);
    assert.deepEqual(leftOut, ["m4", "m5", "m6", "m7"]);
  },
  "describeRefusal() has code, problem, status and reason, with the known facts of the request": () => {
    const context = { id: "1", route: "/hooks" };
    const line = describeRefusal(new Refusal("certificate_expired", { notAfter: 5 }), context);
    assert.deepEqual(line, {
      decision: "refused",
      id: "1",
      route: "/hooks",
      code: "certificate_expired",
      problem: "certificate-not-proven",
      status: 403,
      why: REFUSALS.certificate_expired[1],
      notAfter: 5,
    });
    assert.equal(describeRefusal(new Refusal("origin_timeout"), context).decision, "failed");
  },
  "describeRefusal() lets no detail replace the verdict": () => {
    const details = { code: "x", problem: "x", status: 200, why: "x", decision: "forwarded", id: "x" };
    const line = describeRefusal(new Refusal("replayed", details), { id: "1" });
    const { code, problem, status, decision, id } = line;
    assert.deepEqual(
      { code, problem, status, decision, id },
      { code: "replayed", problem: "replayed" satisfies Problem, status: 409, decision: "refused", id: "1" },
    );
  },
  "describeRefusal() keeps the facts of the client certificate when an issuer is at fault": (fixtures) => {
    const refusal = refused("path_length_exceeded", () =>
      prove(fixtures, { leaf: "limitedSubClient", intermediates: ["limitedSub", "limited"] }),
    );
    const certificate = {
      subject: "CN=client.example",
      issuer: "CN=Limited",
      serial: "01",
      sha256: "00",
      spkiSha256: "11",
    };
    const line = describeRefusal(refusal, { id: "1", certificate });
    assert.deepEqual(line["certificate"], certificate);
    assert.ok(JSON.stringify(line).includes("CN=Limited,"), "the issuer at fault is named as well");
  },
  "formatLogLine() writes one line of JSON that can be read again": () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 60 }), (value) => {
        const text = formatLogLine({ decision: "refused", value, list: [value], nested: { value } });
        assert.deepEqual(JSON.parse(text), { decision: "refused", value, list: [value], nested: { value } });
        assert.doesNotMatch(text, /[\p{Cc}\u2028\u2029]/u);
      }),
      { numRuns: 300 },
    );
  },
  "formatLogLine() escapes characters that control a terminal or end a line": () => {
    const text = formatLogLine({ decision: "refused", subject: "a\u001b[2Jb\u009bc\r\nd\u0007\u007f\u0085\u2028e" });
    assert.match(text, /^[\u0020-\u007e]*$/);
    assert.ok(text.includes("\\u001b[2Jb\\u009bc\\r\\nd\\u0007\\u007f\\u0085\\u2028e"), text);
  },
  "formatLogLine() escapes every character that reorders text": () => {
    for (const character of "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") {
      assert.match(character, /\p{Bidi_Control}/u);
      const code = character.charCodeAt(0).toString(16).padStart(4, "0");
      assert.ok(formatLogLine({ decision: "refused", subject: `a${character}b` }).includes(`a\\u${code}b`), code);
    }
  },
  "formatLogLine() shortens long values at any place": () => {
    const long = "a".repeat(MAX_LOGGED_CHARACTERS + 1);
    const cut = `${"a".repeat(MAX_LOGGED_CHARACTERS)}…`;
    const line = JSON.parse(formatLogLine({ decision: "refused", long, list: [long], nested: { deep: { long } } }));
    assert.deepEqual(line, { decision: "refused", long: cut, list: [cut], nested: { deep: { long: cut } } });
    const kept = "a".repeat(MAX_LOGGED_CHARACTERS);
    assert.equal(JSON.parse(formatLogLine({ decision: "refused", kept })).kept, kept);
  },
  "formatLogLine() cuts between characters, never within one": () => {
    const text = formatLogLine({ decision: "refused", value: `${"a".repeat(MAX_LOGGED_CHARACTERS - 1)}🦊🦊` });
    assert.ok((JSON.parse(text).value as string).isWellFormed());
  },
  "formatLogLine() writes the first members of a long list or object, and how many follow": () => {
    const count = MAX_LOGGED_MEMBERS + 5;
    const list = Array.from({ length: count }, (_, index) => index);
    const object = Object.fromEntries(list.map((index) => [`member${index}`, index]));
    const line = JSON.parse(formatLogLine({ decision: "refused", list, object, at: { list } }));
    const shown = [...list.slice(0, MAX_LOGGED_MEMBERS - 1), "… and 6 more"];
    assert.deepEqual(line.list, shown);
    assert.deepEqual(line.at.list, shown);
    assert.equal(Object.keys(line.object).length, MAX_LOGGED_MEMBERS);
    assert.equal(line.object["…"], "and 6 more");
    const kept = list.slice(0, MAX_LOGGED_MEMBERS);
    assert.deepEqual(JSON.parse(formatLogLine({ decision: "refused", kept })).kept, kept);
  },
  "formatLogLine() writes only the first levels of a deep value": () => {
    let value: unknown = "the bottom";
    for (let depth = 0; depth < 100_000; depth += 1) value = depth % 2 === 0 ? [value] : { value };
    const text = formatLogLine({ decision: "refused", value });
    assert.ok(text.length < 200 && text.includes("…") && !text.includes("bottom"), text);
  },
  "formatLogLine() leaves out the members that make a line too long, and names them": () => {
    const wide = Array(MAX_LOGGED_MEMBERS).fill("\u202e".repeat(MAX_LOGGED_CHARACTERS));
    const text = formatLogLine({ decision: "refused", id: "1", wide, code: "issuer_unknown", wider: wide, last: 1 });
    assert.ok(Buffer.byteLength(text) <= MAX_LOG_LINE_BYTES + 200);
    const leftOut = ["wide", "wider"];
    assert.deepEqual(JSON.parse(text), { decision: "refused", id: "1", code: "issuer_unknown", last: 1, leftOut });
  },
  "describeRefusal() limits the details, for programs that print lines by themselves": () => {
    const extendedKeyUsage = Array(4_500).fill("1.2.3.4");
    const line = describeRefusal(new Refusal("wrong_extended_key_usage", { extendedKeyUsage }), { id: "1" });
    assert.equal((line["extendedKeyUsage"] as string[]).length, MAX_LOGGED_MEMBERS);
    assert.deepEqual(JSON.parse(formatLogLine(line)), line);
  },
};
