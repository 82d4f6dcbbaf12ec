// Tests the factors that a policy can require of a sender, which factors contradict each other, and which secrets they name.

import assert from "node:assert/strict";
import { importSecrets, loadHeldSecrets, secretNames } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Cases, type Fixtures, problemsOf } from "../../support/scenes/certificates.ts";
import { documentOf, type Json, put } from "../../support/scenes/policy.ts";

const SIGNATURE = { scheme: "docusign", secrets: ["DOCUSIGN_HMAC_KEY"] };
const BASIC = { username: "docusign", secret: "DOCUSIGN_BASIC_PASSWORD" };
const KEY = "0123456789abcdef0123456789abcdef";

function documentWith(fixtures: Fixtures, members: Readonly<Record<string, Json | undefined>>) {
  const document = documentOf(fixtures);
  for (const [member, value] of Object.entries(members)) put(document, ["senders", "sender", member], value);
  return document;
}

const compileWith = (fixtures: Fixtures, members: Readonly<Record<string, Json | undefined>>) =>
  compilePolicy(documentWith(fixtures, members));

/** Changes one sender of a policy. Returns the places of all problems that this change causes. */
const placesOf = (fixtures: Fixtures, members: Readonly<Record<string, Json | undefined>>) =>
  problemsOf(() => compileWith(fixtures, members)).map((problem) => problem.split(": ")[0]);

export const cases: Cases = {
  "compilePolicy() requires every factor that a sender names": (fixtures) => {
    const [sender] = compileWith(fixtures, { signature: SIGNATURE, basic: BASIC }).senders;
    assert.ok(sender?.certificate !== undefined);
    assert.deepEqual(sender.signature, { ...SIGNATURE, accounts: new Map(), retired: [] });
    assert.deepEqual(sender.basic, [BASIC]);
    const [signed] = compileWith(fixtures, { signature: SIGNATURE, certificates: undefined, trust: undefined }).senders;
    assert.deepEqual([signed?.certificate, signed?.basic], [undefined, []]);
  },
  "compilePolicy() refuses a sender without certificate and signature, with Basic and without": (fixtures) => {
    for (const basic of [undefined, BASIC]) {
      assert.deepEqual(placesOf(fixtures, { certificates: undefined, trust: undefined, basic }), ["/senders/sender"]);
    }
  },
  "compilePolicy() refuses certificates without trust, and trust without certificates": (fixtures) => {
    assert.deepEqual(placesOf(fixtures, { trust: undefined, signature: SIGNATURE }), ["/senders/sender/trust"]);
    assert.deepEqual(placesOf(fixtures, { certificates: undefined, signature: SIGNATURE }), [
      "/senders/sender/certificates",
    ]);
  },
  "compilePolicy() accepts a sender without a matcher only if every route observes": (fixtures) => {
    const document = documentWith(fixtures, { certificates: [] });
    const [problem] = problemsOf(() => compilePolicy(document));
    assert.match(problem ?? "", /^\/senders\/sender\/certificates: .*observe/);
    put(document, ["routes", "/hooks", "mode"], "observe");
    assert.equal(compilePolicy(document).routes[0]?.isObserved, true);
    put(document, ["routes", "/other"], { senders: ["sender"], methods: ["POST"] });
    assert.equal(problemsOf(() => compilePolicy(document)).length, 1);
  },
  "compilePolicy() refuses a signature that contradicts itself": (fixtures) => {
    const at = "/senders/sender/signature";
    const faults: readonly (readonly [Json, string])[] = [
      [{ scheme: "docusign" }, at],
      [{ ...SIGNATURE, scheme: "md5" }, `${at}/scheme`],
      [{ ...SIGNATURE, secrets: [] }, `${at}/secrets`],
      [{ ...SIGNATURE, secrets: ["A", "A"] }, `${at}/secrets`],
      [{ ...SIGNATURE, secrets: ["lower"] }, `${at}/secrets/0`],
      [{ ...SIGNATURE, secrets: ["SIGNING_KEYS"] }, `${at}/secrets/0`],
      [{ ...SIGNATURE, secrets: Array.from({ length: 21 }, (_, index) => `K${index}`) }, `${at}/secrets`],
      [{ ...SIGNATURE, retired: SIGNATURE.secrets }, at],
      [{ scheme: "meta", secrets: ["A"], accounts: { a: ["B"] } }, at],
      [{ ...SIGNATURE, unknown: true }, `${at}/unknown`],
    ];
    for (const [signature, place] of faults) {
      assert.deepEqual(placesOf(fixtures, { signature }), [place], JSON.stringify(signature));
    }
  },
  "compilePolicy() refuses Basic credentials that no client can send": (fixtures) => {
    const at = "/senders/sender/basic";
    assert.deepEqual(placesOf(fixtures, { basic: { ...BASIC, username: "a:b" } }), [`${at}/username`]);
    assert.deepEqual(placesOf(fixtures, { basic: { ...BASIC, username: "a\nb" } }), [`${at}/username`]);
    assert.deepEqual(placesOf(fixtures, { basic: [] }), [at]);
    assert.deepEqual(
      compileWith(fixtures, { basic: [BASIC, { ...BASIC, secret: "NEXT" }] }).senders[0]?.basic.length,
      2,
    );
  },
  "compilePolicy() accepts a token beside other factors and alone, in a header that holds nothing else": (fixtures) => {
    const token = { header: "X-Gitlab-Token", secrets: ["A_TOKEN", "AN_OLD_TOKEN"] };
    const alone = { certificates: undefined, trust: undefined };
    for (const members of [{ token }, { ...alone, token }, { token, basic: BASIC }, { token, signature: SIGNATURE }])
      assert.deepEqual(compileWith(fixtures, members).senders[0]?.token, { ...token, header: "x-gitlab-token" });
    const bearer = { ...token, header: "Authorization" };
    assert.equal(compileWith(fixtures, { ...alone, token: bearer }).senders[0]?.token?.header, "authorization");
    const at = "/senders/sender/token";
    assert.deepEqual(placesOf(fixtures, { token: bearer, basic: BASIC }), [`${at}/header`]);
    const taken = [
      "Content-Type",
      "accept",
      "user-agent",
      "Content-Digest",
      "Client-Cert",
      "Cookie",
      "cf-connecting-ip",
      "Host",
    ];
    for (const header of taken)
      assert.deepEqual(placesOf(fixtures, { token: { ...token, header } }), [`${at}/header`], header);
    assert.deepEqual(placesOf(fixtures, { token: { header: "X-A" } }), [`${at}/secrets`]);
    assert.deepEqual(placesOf(fixtures, { token: { secrets: ["A"] } }), [at]);
    assert.deepEqual(placesOf(fixtures, { token: { ...token, pointer: "/a" } }), [at]);
    assert.deepEqual(placesOf(fixtures, { token: { pointer: "a", secrets: ["A"] } }), [`${at}/pointer`]);
    const inBody = { pointer: "/value/*/clientState", secrets: ["A"] };
    assert.deepEqual(compileWith(fixtures, { ...alone, token: inBody, basic: BASIC }).senders[0]?.token, inBody);
    assert.deepEqual(placesOf(fixtures, { token: { ...token, header: "X A" } }), [`${at}/header`]);
    assert.deepEqual(placesOf(fixtures, { token: { ...token, secrets: [] } }), [`${at}/secrets`]);
    assert.deepEqual(placesOf(fixtures, { token: { ...token, secrets: ["A", "A"] } }), [`${at}/secrets`]);
  },
  "compilePolicy() reads the values that a body must have": (fixtures) => {
    const body = [{ pointer: "/pix/*/a~1b", in: ["x", "y", "x"] }];
    const [sender] = compileWith(fixtures, { body }).senders;
    assert.deepEqual(sender?.body, [
      { pointer: "/pix/*/a~1b", path: ["pix", "*", "a/b"], values: new Set(["x", "y"]) },
    ]);
    assert.deepEqual(compileWith(fixtures, {}).senders[0]?.body, []);
    const at = "/senders/sender/body";
    const faults: readonly (readonly [Json, string])[] = [
      [[], at],
      [[{ pointer: "pix", in: ["x"] }], `${at}/0/pointer`],
      [[{ pointer: "", in: ["x"] }], `${at}/0/pointer`],
      [[{ pointer: "/a~2", in: ["x"] }], `${at}/0/pointer`],
      [[{ pointer: "/a", in: [] }], `${at}/0/in`],
      [[{ pointer: "/a", in: [""] }], `${at}/0/in/0`],
      [[{ pointer: "/a", in: [1] }], `${at}/0/in/0`],
      [[{ pointer: "/a" }], `${at}/0/in`],
    ];
    for (const [value, place] of faults)
      assert.deepEqual(placesOf(fixtures, { body: value }), [place], JSON.stringify(value));
    const alone = { certificates: undefined, trust: undefined, body };
    assert.deepEqual(placesOf(fixtures, alone), ["/senders/sender"]);
  },
  "compilePolicy() refuses a route that lists the header of a token, also of a shadow sender": (fixtures) => {
    const token = { header: "X-Token", secrets: ["A_TOKEN"] };
    const listing = (member: "senders" | "shadow") => {
      const document = documentOf(fixtures);
      put(document, ["senders", "held"], { token });
      put(document, ["routes", "/hooks", member], ["held"]);
      put(document, ["routes", "/hooks", "headers"], ["X-Event", "x-TOKEN"]);
      return problemsOf(() => compilePolicy(document)).map((problem) => problem.split(": ")[0]);
    };
    assert.deepEqual(listing("senders"), ["/routes/~1hooks/headers/1"]);
    assert.deepEqual(listing("shadow"), ["/routes/~1hooks/headers/1"]);
  },
  "importSecrets() imports every token, and lists those that are missing or malformed": (fixtures) => {
    const token = { header: "X-Token", secrets: ["A", "B", "C"] };
    const policy = compileWith(fixtures, { token });
    assert.deepEqual(secretNames(policy), ["A", "B", "C"]);
    const texts: Record<string, string> = { A: KEY, B: "short" };
    const problems = problemsOf(() => importSecrets(policy, (name) => texts[name]));
    assert.deepEqual(
      problems.map((problem) => problem.slice(0, 39)),
      ["/senders/sender/token: the secret B: th", "/senders/sender/token: the secret C is "],
    );
    const [secrets] = importSecrets(policy, () => KEY).values();
    assert.equal(secrets?.token?.length, 3);
    const [held] = loadHeldSecrets(policy, () => KEY).values();
    assert.equal(held?.token, undefined);
  },
  "compilePolicy() reads the end of a handshake, which only Asana's has": (fixtures) => {
    const signature = { scheme: "asana", secrets: ["A"] };
    const until = "2027-01-02T03:04:05Z";
    const end = Date.parse(until) / 1000;
    const handshake = { scheme: "asana", until };
    assert.deepEqual(compileWith(fixtures, { signature, handshake }).senders[0]?.handshake, {
      ...handshake,
      until: end,
    });
    const at = "/senders/sender/handshake";
    assert.deepEqual(placesOf(fixtures, { signature, handshake: { scheme: "asana" } }), [at]);
    assert.deepEqual(placesOf(fixtures, { handshake: { scheme: "okta", until } }), [at]);
    for (const wrong of ["tomorrow", "2027-02-30"])
      assert.deepEqual(placesOf(fixtures, { signature, handshake: { ...handshake, until: wrong } }), [`${at}/until`]);
  },
  "compilePolicy() reads account ids in any letter case": (fixtures) => {
    const accounts = { "ABC-1": ["A"] };
    const [sender] = compileWith(fixtures, { signature: { scheme: "docusign", accounts } }).senders;
    assert.deepEqual(sender?.signature?.accounts, new Map([["abc-1", ["A"]]]));
  },
  "compilePolicy() keeps the notes of an operator, and the event key": (fixtures) => {
    const about = { preset: "x", sources: ["https://example.com"], checked: "2026-11-23", note: "n" };
    const eventKey = { header: "Webhook-Id" };
    assert.deepEqual(compileWith(fixtures, { about, eventKey }).senders[0]?.eventKey, { header: "webhook-id" });
    assert.deepEqual(placesOf(fixtures, { eventKey: { header: "Authorization" } }), ["/senders/sender/eventKey"]);
    assert.deepEqual(placesOf(fixtures, { eventKey: { pointers: ["a"] } }), ["/senders/sender/eventKey/pointers/0"]);
    const orderKey = { pointers: ["/data/envelopeId"] };
    const [sender] = compileWith(fixtures, { eventKey, orderKey }).senders;
    assert.deepEqual([sender?.eventKey, sender?.orderKey], [{ header: "webhook-id" }, orderKey]);
    assert.deepEqual(placesOf(fixtures, { orderKey: { header: "Cookie" } }), ["/senders/sender/orderKey"]);
  },
  "compilePolicy() refuses a shadow sender that is not defined": (fixtures) => {
    const document = documentOf(fixtures);
    put(document, ["routes", "/hooks", "shadow"], ["nobody"]);
    assert.match(problemsOf(() => compilePolicy(document))[0] ?? "", /^\/routes\/~1hooks\/shadow\/0: /);
  },
  "importSecrets() lists every secret that is missing, empty or malformed, and quotes none of them": (fixtures) => {
    const signature = { scheme: "docusign", secrets: ["A", "B"], accounts: { one: ["C"] }, retired: ["D"] };
    const policy = compileWith(fixtures, { signature, basic: BASIC });
    assert.deepEqual(secretNames(policy), ["A", "B", "C", "D", BASIC.secret]);
    const texts: Record<string, string> = { A: KEY, B: "", C: `"${KEY}"` };
    const problems = problemsOf(() => importSecrets(policy, (name) => texts[name]));
    assert.deepEqual(
      problems.map((problem) => /the secret (\w+)/.exec(problem)?.[1]),
      ["B", "C", "D", BASIC.secret],
    );
    assert.ok(problems.every((problem) => problem.startsWith("/senders/sender/") && !problem.includes(KEY)));
    const [secrets] = importSecrets(policy, () => KEY).values();
    assert.deepEqual([secrets?.signature?.keys.length, secrets?.basic?.length], [2, 1]);
    assert.ok(!JSON.stringify(secrets).includes(KEY));
  },
  "importSecrets() says of each secret where it is named and what is wrong": (fixtures) => {
    const signature = { scheme: "docusign", secrets: ["A", "B"], retired: ["C"] };
    const policy = compileWith(fixtures, { signature, basic: BASIC });
    const texts: Readonly<Record<string, unknown>> = { A: "", B: 7, C: "short" };
    const read = (name: string) => texts[name];
    assert.throws(() => importSecrets(policy, read), { message: /^secrets: 4 problems\n/ });
    const problems = problemsOf(() => importSecrets(policy, read));
    assert.deepEqual(problems.toSpliced(2, 1), [
      "/senders/sender/signature: the secret A is empty",
      "/senders/sender/signature: the secret B is not set",
      `/senders/sender/basic: the secret ${BASIC.secret} is not set`,
    ]);
    assert.match(problems[2] ?? "", /^\/senders\/sender\/signature: the secret C: .{10}/);
  },
  "importSecrets() separates current, retired and account keys, and gives each sender only the keys that it names": (
    fixtures,
  ) => {
    const accounts = { one: ["A"], two: ["B", "C"] };
    const policy = compileWith(fixtures, {
      signature: { scheme: "docusign", secrets: ["A"], accounts, retired: ["D"] },
    });
    const [loaded] = importSecrets(policy, () => KEY).values();
    const { scheme, keys, retired } = loaded?.signature ?? {};
    assert.deepEqual([scheme, keys?.length, retired?.length, loaded?.basic], ["docusign", 1, 1, undefined]);
    const counts = Array.from(loaded?.signature?.accounts ?? [], ([id, list]) => [id, list.length]);
    assert.deepEqual(counts, [
      ["one", 1],
      ["two", 2],
    ]);
    const [bare] = importSecrets(compileWith(fixtures, {}), () => assert.fail("no secret is named")).values();
    assert.deepEqual(bare, { signature: undefined, basic: undefined, token: undefined, handshake: undefined });
    assert.deepEqual(secretNames(compileWith(fixtures, {})), []);
  },
  "compilePolicy() refuses a handshake that signs what is asked for with a key of events": (fixtures) => {
    const policyWith = (scheme: string, signature: Json) => {
      const document = documentWith(fixtures, { signature: { scheme: "slack", secrets: ["A"] } });
      put(document, ["senders", "sender", "handshake"], { scheme, secret: "A" });
      put(document, ["senders", "other"], { signature });
      return document;
    };
    const accept = (scheme: string, signature: Json) => void compilePolicy(policyWith(scheme, signature));
    const refuse = (scheme: string, signature: Json) => {
      const problems = problemsOf(() => compilePolicy(policyWith(scheme, signature)));
      const places = problems.map((problem) => problem.split(": ")[0]);
      assert.deepEqual(places, ["/senders/sender/handshake/secret"], JSON.stringify(signature));
    };
    for (const scheme of ["zoom", "x"]) {
      for (const signing of ["docusign", "meta", "github", "pagerduty", "stripe", "standard-webhooks", "svix"]) {
        refuse(scheme, { scheme: signing, secrets: ["B", "A"] });
        refuse(scheme, { scheme: signing, secrets: ["B"], retired: ["A"] });
        accept(scheme, { scheme: signing, secrets: ["B"] });
      }
      refuse(scheme, { scheme: "docusign", accounts: { a: ["B", "A"] } });
      for (const signing of ["slack", "zoom", "twitch", "x"]) accept(scheme, { scheme: signing, secrets: ["A"] });
    }
    accept("ebay", { scheme: "github", secrets: ["A"] });
  },
  "importSecrets() imports only a verification token that eBay accepts": (fixtures) => {
    const load = (scheme: string, text: string) => {
      const policy = compileWith(fixtures, { handshake: { scheme, secret: "A" }, signature: SIGNATURE });
      const read = (name: string) => (name === "A" ? text : "");
      return problemsOf(() => importSecrets(policy, read)).filter((problem) => problem.includes("secret A"));
    };
    for (const text of ["a".repeat(32), "b".repeat(80), `${"A_-9".repeat(8)}z`])
      assert.deepEqual(load("ebay", text), []);
    for (const text of ["a".repeat(31), "b".repeat(81), `${"a".repeat(32)}+`, `${"a".repeat(32)} b`, "ä".repeat(40)])
      assert.deepEqual(
        load("ebay", text),
        ["/senders/sender/handshake: the secret A: it is not 32 to 80 letters, digits, _ or -"],
        text,
      );
    assert.deepEqual(load("meta", "a token + more"), []);
    assert.equal(load("meta", "short").length, 1);
  },
  "compilePolicy() refuses a signed handshake of a sender that has no such signature": (fixtures) => {
    for (const scheme of ["slack", "twitch", "discord"] as const) {
      const handshake = { scheme };
      for (const signature of [undefined, SIGNATURE, { scheme: "zoom", secrets: ["A"] }]) {
        assert.deepEqual(placesOf(fixtures, { signature, handshake }), ["/senders/sender"]);
      }
      compileWith(fixtures, { signature: { scheme, secrets: ["A"] }, handshake });
    }
  },
  "loadHeldSecrets() leaves a sender to the edge if it holds none of its secrets, and refuses if it holds only some": (
    fixtures,
  ) => {
    const policy = compileWith(fixtures, { signature: { scheme: "docusign", secrets: ["A", "B"] }, basic: BASIC });
    const held = (texts: Record<string, string>) => [...loadHeldSecrets(policy, (name) => texts[name]).values()][0];
    assert.deepEqual(held({}), { signature: undefined, basic: undefined, token: undefined, handshake: undefined });
    assert.equal(held({ A: KEY, B: KEY })?.signature?.keys.length, 2);
    assert.equal(problemsOf(() => held({ A: KEY })).length, 1);
    assert.equal(problemsOf(() => held({ A: "" })).length, 2);
  },
};
