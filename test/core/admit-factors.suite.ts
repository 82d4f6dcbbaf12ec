// Certificate, signature and Basic credentials together: all that a sender requires must pass, and nothing else admits it.

import assert from "node:assert/strict";
import { admitBySignature, findCandidates, relyOnEdge } from "../../core/admit.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import { loadHeldSecrets } from "../../core/secrets.ts";
import {
  BODY,
  basic,
  certificate,
  compileSenders,
  credentials,
  evidenceOf,
  github,
  judge,
  KEYS,
  signedBy,
} from "./factor-scene.ts";
import { type Cases, type Fixtures, policyDocument, refused, refusedLater } from "./scene.ts";

const ALL = { sender: { ...certificate(), ...github("ONE"), ...basic } };

/** What an origin behind the edge makes of an assertion with these factors. */
function rely(fixtures: Fixtures, senders: Parameters<typeof compileSenders>[1], amr: string[], held = {}) {
  const policy = compileSenders(fixtures, senders);
  const secrets = loadHeldSecrets(policy, (name) => (held as Record<string, string>)[name]);
  const candidates = findCandidates(policy.routes[0]?.senders ?? [], evidenceOf(fixtures, policy, {}));
  return relyOnEdge(candidates, { sender: "sender", amr }, secrets);
}

export const cases: Cases = {
  "a sender with all three factors is admitted by all three": async (fixtures) => {
    const { sender, factors, reliedOnEdge, certified } = await judge(fixtures, ALL, {
      headers: { ...signedBy("ONE"), ...credentials },
    });
    assert.deepEqual([sender.name, factors, reliedOnEdge], ["sender", ["mtls", "basic", "hmac"], []]);
    assert.equal(certified?.proof.anchor, "root");
  },
  "a sender with all three factors is refused without any one of them": async (fixtures) => {
    const good = { ...signedBy("ONE"), ...credentials };
    await refusedLater("no_certificate", judge(fixtures, ALL, { leaf: null, headers: good }));
    await refusedLater("issuer_unknown", judge(fixtures, ALL, { leaf: "strangersClient", headers: good }));
    await refusedLater("signature_missing", judge(fixtures, ALL, { headers: credentials }));
    await refusedLater("signature_mismatch", judge(fixtures, ALL, { headers: { ...good, ...signedBy("TWO") } }));
    await refusedLater("signature_mismatch", judge(fixtures, ALL, { headers: good, body: BODY.slice(1) }));
    await refusedLater("basic_missing", judge(fixtures, ALL, { headers: signedBy("ONE") }));
    const guess = { authorization: `Basic ${btoa("Aladdin:guess")}` };
    await refusedLater("basic_mismatch", judge(fixtures, ALL, { headers: { ...good, ...guess } }));
  },
  "a sender that signs needs no certificate, and one that it presents proves nothing": async (fixtures) => {
    const senders = { sender: github("ONE") };
    for (const leaf of [null, "direct", "strangersClient"] as const) {
      const { factors, certified } = await judge(fixtures, senders, { leaf, headers: signedBy("ONE") });
      assert.deepEqual([factors, certified], [["hmac"], undefined]);
    }
    await refusedLater("signature_missing", judge(fixtures, senders));
  },
  "of several senders the one is admitted whose every factor fits, in the order of the route": async (fixtures) => {
    const senders = {
      strict: { ...certificate(), ...github("ONE") },
      other: { ...certificate("other.example"), ...github("TWO") },
      signing: github("TWO"),
      plain: certificate(),
    };
    const nameOf = async (attempt: Parameters<typeof judge>[2]) =>
      (await judge(fixtures, senders, attempt)).sender.name;
    assert.equal(await nameOf({ headers: signedBy("ONE") }), "strict");
    assert.equal(await nameOf({ headers: signedBy("TWO") }), "signing");
    assert.equal(await nameOf({}), "plain");
    assert.equal(await nameOf({ leaf: null, headers: signedBy("TWO") }), "signing");
    await refusedLater("signature_mismatch", judge(fixtures, senders, { leaf: null, headers: signedBy("ONE") }));
  },
  "two senders of one certificate are told apart by their keys": async (fixtures) => {
    const senders = { a: { ...certificate(), ...github("ONE") }, b: { ...certificate(), ...github("TWO") } };
    assert.equal((await judge(fixtures, senders, { headers: signedBy("ONE") })).sender.name, "a");
    assert.equal((await judge(fixtures, senders, { headers: signedBy("TWO") })).sender.name, "b");
    await refusedLater("signature_missing", judge(fixtures, senders));
  },
  "a sender without an accepted certificate admits nobody": (fixtures) => {
    const policy = { sender: { certificates: [], trust: { anchors: ["root"] } } };
    const document = { senders: ["sender"], methods: ["POST"], mode: "observe" };
    const compiled = compilePolicy({ ...policyDocument(fixtures), senders: policy, routes: { "/hooks": document } });
    const evidence = evidenceOf(fixtures, compiled, {});
    refused("sender_not_allowed", () => findCandidates(compiled.senders, evidence));
  },
  "relyOnEdge() takes the edge's word for what needs a secret, and says so": (fixtures) => {
    const { factors, reliedOnEdge } = rely(fixtures, ALL, ["mtls", "basic", "hmac"]);
    assert.deepEqual(
      [factors, reliedOnEdge],
      [
        ["mtls", "basic", "hmac"],
        ["basic", "hmac"],
      ],
    );
    assert.deepEqual(rely(fixtures, ALL, ["mtls", "basic"], KEYS).reliedOnEdge, ["basic"]);
  },
  "relyOnEdge() refuses when the edge did not check a factor that is required here": (fixtures) => {
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls", "hmac"]));
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls", "basic"]));
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls"], KEYS));
    rely(fixtures, { sender: certificate() }, ["mtls"]);
  },
  "relyOnEdge() refuses a sender that this origin's policy does not see": (fixtures) => {
    const { details } = refused("sender_mismatch", () => rely(fixtures, { another: certificate() }, ["mtls"]));
    assert.deepEqual(details, { edge: "sender", origin: ["another"] });
    refused("sender_not_allowed", () => rely(fixtures, { sender: certificate("other.example") }, ["mtls"]));
  },
  "a factor whose secrets were not loaded refuses": async (fixtures) => {
    const policy = compileSenders(fixtures, { sender: github("ONE") });
    const evidence = { ...evidenceOf(fixtures, policy, { headers: signedBy("ONE") }), secrets: new Map() };
    const candidates = findCandidates(policy.senders, evidence);
    await refusedLater("misconfigured", admitBySignature(candidates, BODY, evidence));
  },
};
