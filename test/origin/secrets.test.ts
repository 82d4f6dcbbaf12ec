// Tests which secrets of a policy may have the same value. The secret of a handshake is compared with all other secrets.

import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { findShared, loadSecrets } from "../../origin/secrets.ts";

type Parts = Readonly<Record<string, unknown>>;

const SAME = "0123456789abcdef0123456789abcdef";

function problemsOf(policy: Policy, read: (name: string) => unknown): readonly string[] {
  try {
    loadSecrets(policy, read);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

/**
 * Loads a policy with two senders: `asking`, which has a handshake, and `other`. The secrets A and B have the same value, and every
 * other secret has its own value.
 */
function load(handshake: Parts, other: Parts, own: Parts = {}, values: Parts = { A: SAME, B: SAME }) {
  const asking = { signature: { scheme: "github", secrets: ["OWN"] }, ...own, handshake };
  const senders = { asking, other: { signature: { scheme: "github", secrets: ["OTHER"] }, ...other } };
  const routes = { "/hooks": { senders: ["asking", "other"], methods: ["POST"] } };
  const policy = compilePolicy({ anchors: {}, senders, routes });
  return problemsOf(policy, (name) => (Object.hasOwn(values, name) ? values[name] : `${name}_${SAME}`));
}

const META = { scheme: "meta", secret: "A" };
const ACROBAT = { scheme: "acrobat-sign", secret: "A" };
const EBAY = { scheme: "ebay", secret: "A" };
const ZOOM = { scheme: "zoom", secret: "A" };
const X = { scheme: "x", secret: "A" };
const signature = (scheme: string, secret = "B") => ({ signature: { scheme, secrets: [secret] } });
const basic = { basic: { username: "one", secret: "B" } };
const token = { token: { header: "X-Token", secrets: ["C", "B"] } };

describe("a secret of a handshake", () => {
  test.each([META, ACROBAT, EBAY, ZOOM, X])("of $scheme has the value of no other factor", (handshake) => {
    for (const [other, factor] of [
      [signature("github"), "signature"],
      [{ signature: { scheme: "github", secrets: ["C"], retired: ["B"] } }, "signature"],
      [{ signature: { scheme: "docusign", accounts: { one: ["B"] } } }, "signature"],
      [basic, "basic"],
      [token, "token"],
    ] as const)
      expect(load(handshake, other)).toEqual([
        `/senders/asking/handshake: the secret A has the value of B of /senders/other/${factor}, and a handshake needs a secret of its own`,
      ]);
    expect(load(handshake, {}, token)).toEqual([expect.stringContaining("of /senders/asking/token")]);
    expect(load(handshake, { ...token, ...basic }, {}, { A: SAME })).toEqual([]);
  });

  test("is compared by its name as well", () => {
    for (const handshake of [META, ACROBAT, EBAY])
      expect(load(handshake, signature("github", "A"))).toEqual([
        expect.stringMatching(
          /^\/senders\/asking\/handshake: the secret A is also the secret of \/senders\/other\/sig/,
        ),
      ]);
    expect(load(X, { basic: { username: "one", secret: "A" } })).toHaveLength(1);
  });

  test.each([ZOOM, X])("of $scheme may sign events whose signed text differs from what is asked for", (handshake) => {
    for (const scheme of ["slack", "zoom", "twitch", "x"]) {
      expect(load(handshake, signature(scheme))).toEqual([]);
      expect(load(handshake, {}, signature(scheme, "A"))).toEqual([]);
    }
    for (const scheme of ["meta", "stripe"]) expect(load(handshake, signature(scheme))).toHaveLength(1);
  });

  test("that is sent in clear signs no events of any scheme", () => {
    for (const handshake of [META, ACROBAT])
      for (const scheme of ["slack", "zoom", "twitch", "x"]) expect(load(handshake, signature(scheme))).toHaveLength(1);
  });

  test("may be that of another sender with a handshake of the same scheme, and of no other scheme", () => {
    for (const handshake of [META, ACROBAT, EBAY, ZOOM, X]) {
      expect(load(handshake, { handshake: { ...handshake, secret: "B" } })).toEqual([]);
      const other = handshake === META ? ZOOM : META;
      const problems = load(handshake, { handshake: { ...other, secret: "B" } });
      expect(problems.map((problem) => problem.split(":")[0])).toEqual([
        "/senders/asking/handshake",
        "/senders/other/handshake",
      ]);
    }
  });

  test("is not compared while it is missing, and one error lists all problems", () => {
    expect(load(META, token, {}, { A: undefined, B: undefined })).toHaveLength(2);
    expect(load(META, token, {}, { A: "", B: "" })).toHaveLength(2);
    const problems = load(META, { ...basic, ...signature("github", "D") }, {}, { A: SAME, B: SAME, D: undefined });
    expect(problems.map((problem) => problem.split(": ").slice(0, 2).join(": "))).toEqual([
      "/senders/other/signature: the secret D is not set",
      expect.stringMatching(/^\/senders\/asking\/handshake: the secret A has/),
    ]);
    expect(JSON.stringify(problems)).not.toContain(SAME);
  });
});

test("secrets without a handshake may have one value", () => {
  const policy = compilePolicy({
    anchors: {},
    senders: { one: { ...signature("github"), ...basic }, two: { ...signature("meta", "C"), ...token } },
    routes: { "/hooks": { senders: ["one", "two"], methods: ["POST"] } },
  });
  expect(problemsOf(policy, () => SAME)).toEqual([]);
  expect(findShared(policy.senders)).toEqual([]);
});

test("a secret that cannot be read is a problem with its name", () => {
  const policy = compilePolicy({
    anchors: {},
    senders: { one: signature("github") },
    routes: { "/hooks": { senders: ["one"], methods: ["POST"] } },
  });
  const read = () => {
    throw new Error("no such file");
  };
  expect(problemsOf(policy, read)).toEqual(["/senders/one/signature: the secret B: no such file"]);
});
