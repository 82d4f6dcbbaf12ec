// Tests certificate, signature and Basic credentials together. A sender is admitted only if it passes every factor that the policy
// requires of it.

import assert from "node:assert/strict";
import {
  admitByCredentials,
  admitBySignature,
  findCandidates,
  type ProofTrace,
  readCertificateFor,
  relyOnEdge,
} from "../../../core/admission/admit.ts";
import type { Evidence, Secrets } from "../../../core/admission/candidate.ts";
import { loadHeldSecrets } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Route, Sender } from "../../../core/policy/policy.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { SignatureKey } from "../../../core/signature/verify.ts";
import type { ClientCertificate } from "../../../core/x509/client-certificate.ts";
import { type Cases, type Fixtures, policyDocument, refused, refusedLater } from "../../support/scenes/certificates.ts";
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
  token,
} from "../../support/scenes/factors.ts";

const ALL = { sender: { ...certificate(), ...github("ONE"), ...basic } };

/**
 * Decides about a sender in the same way as an origin behind an edge. `amr` lists the factors that the edge's assertion confirms.
 */
function rely(fixtures: Fixtures, senders: Parameters<typeof compileSenders>[1], amr: string[], held = {}) {
  const policy = compileSenders(fixtures, senders);
  const secrets = loadHeldSecrets(policy, (name) => (held as Record<string, string>)[name]);
  const candidates = findCandidates(policy.routes[0]?.senders ?? [], evidenceOf(fixtures, policy, {}));
  return relyOnEdge(candidates, { sender: "sender", amr }, secrets);
}

export const cases: Cases = {
  "a sender that requires three factors is admitted with all three": async (fixtures) => {
    const { sender, factors, reliedOnEdge, certified } = await judge(fixtures, ALL, {
      headers: { ...signedBy("ONE"), ...credentials },
    });
    assert.deepEqual([sender.name, factors, reliedOnEdge], ["sender", ["mtls", "basic", "hmac"], []]);
    assert.equal(certified?.proof.anchor, "root");
  },
  "a sender that requires three factors is refused if any of them is missing": async (fixtures) => {
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
  "a token is required beside the other factors, and admits alone if no other is required": async (fixtures) => {
    const held = { "x-token": KEYS.TOKEN };
    const both = { sender: { ...certificate(), ...token(), ...basic } };
    const { factors } = await judge(fixtures, both, { headers: { ...held, ...credentials } });
    assert.deepEqual(factors, ["mtls", "basic", "token"]);
    await refusedLater("token_missing", judge(fixtures, both, { headers: credentials }));
    await refusedLater(
      "token_mismatch",
      judge(fixtures, both, { headers: { ...credentials, "x-token": KEYS.ONE.replaceAll(" ", "") } }),
    );
    await refusedLater("basic_missing", judge(fixtures, both, { headers: held }));
    await refusedLater("no_certificate", judge(fixtures, both, { leaf: null, headers: { ...held, ...credentials } }));
    const alone = await judge(fixtures, { sender: token() }, { leaf: null, headers: held });
    assert.deepEqual([alone.factors, alone.certified, alone.reliedOnEdge], [["token"], undefined, []]);
    const signed = { sender: { ...token("Authorization"), ...github("ONE") } };
    const bearer = { authorization: `Bearer ${KEYS.TOKEN}` };
    assert.deepEqual((await judge(fixtures, signed, { headers: { ...bearer, ...signedBy("ONE") } })).factors, [
      "token",
      "hmac",
    ]);
    await refusedLater("signature_missing", judge(fixtures, signed, { headers: bearer }));
  },
  "senders of a route are distinguished by their tokens": async (fixtures) => {
    const senders = { a: token("X-A"), b: token("X-B"), c: { ...certificate(), ...token("X-C") } };
    for (const name of ["a", "b", "c"]) {
      const { sender } = await judge(fixtures, senders, { headers: { [`x-${name}`]: KEYS.TOKEN } });
      assert.equal(sender.name, name);
    }
    const { details } = await refusedLater("token_missing", judge(fixtures, senders));
    assert.deepEqual(details, { header: "x-a" });
  },
  "relyOnEdge() relies on the edge for a token, which is never forwarded": (fixtures) => {
    const senders = { sender: { ...certificate(), ...token(), ...basic } };
    const { factors, reliedOnEdge } = rely(fixtures, senders, ["mtls", "basic", "token"], KEYS);
    assert.deepEqual(
      [factors, reliedOnEdge],
      [
        ["mtls", "basic", "token"],
        ["basic", "token"],
      ],
    );
    const { details } = refused("factor_missing", () => rely(fixtures, senders, ["mtls", "basic"], KEYS));
    assert.deepEqual(details, { sender: "sender", factor: "token", amr: ["mtls", "basic"] });
    assert.deepEqual(rely(fixtures, { sender: token() }, ["token"]).factors, ["token"]);
    refused("factor_missing", () => rely(fixtures, { sender: token() }, ["mtls"]));
  },
  "credentials that the edge checked are not checked again": (fixtures) => {
    const senders = { sender: { ...certificate(), ...token() } };
    const candidate = rely(fixtures, senders, ["mtls", "token"]);
    const left = admitByCredentials([candidate], evidenceOf(fixtures, compileSenders(fixtures, senders), {}));
    assert.equal(left[0], candidate);
  },
  "a sender that only signs needs no certificate, and a certificate that it presents proves nothing": async (
    fixtures,
  ) => {
    const senders = { sender: github("ONE") };
    for (const leaf of [null, "direct", "strangersClient"] as const) {
      const { factors, certified } = await judge(fixtures, senders, { leaf, headers: signedBy("ONE") });
      assert.deepEqual([factors, certified], [["hmac"], undefined]);
    }
    await refusedLater("signature_missing", judge(fixtures, senders));
  },
  "the first sender of the route whose factors all match is admitted": async (fixtures) => {
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
  "two senders with the same certificate are distinguished by their keys": async (fixtures) => {
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
  "relyOnEdge() relies on the edge for factors whose secret is missing here, and records this": (fixtures) => {
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
  "relyOnEdge() refuses if the edge did not check a factor that is required here": (fixtures) => {
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls", "hmac"]));
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls", "basic"]));
    refused("factor_missing", () => rely(fixtures, ALL, ["mtls"], KEYS));
    rely(fixtures, { sender: certificate() }, ["mtls"]);
  },
  "relyOnEdge() names the factor that the edge did not check": (fixtures) => {
    const tell = (amr: string[]) => refused("factor_missing", () => rely(fixtures, ALL, amr)).details;
    assert.deepEqual(tell(["mtls", "hmac"]), { sender: "sender", factor: "basic", amr: ["mtls", "hmac"] });
    const amr = ["mtls", "basic"];
    assert.deepEqual(tell(amr), { sender: "sender", factor: "hmac or ed25519", amr });
    assert.deepEqual(rely(fixtures, ALL, ["mtls", "basic", "ed25519"]).reliedOnEdge, ["basic", "ed25519"]);
  },
  "factors that the edge checked are not checked again": async (fixtures) => {
    const policy = compileSenders(fixtures, ALL);
    const evidence = evidenceOf(fixtures, policy, {});
    for (const method of ["hmac", "ed25519"]) {
      const candidate = rely(fixtures, ALL, ["mtls", "basic", method]);
      const [left, ...more] = admitByCredentials([candidate], evidence);
      assert.deepEqual([left, more], [candidate, []]);
      assert.equal(await admitBySignature([candidate], BODY, evidence), candidate);
    }
    const inBody = { sender: { ...certificate(), token: { pointer: "/state", secrets: ["TOKEN"] } } };
    const held = rely(fixtures, inBody, ["mtls", "token"]);
    assert.deepEqual(held.reliedOnEdge, ["token"]);
    assert.equal(
      await admitBySignature([held], BODY, evidenceOf(fixtures, compileSenders(fixtures, inBody), {})),
      held,
    );
    refused("factor_missing", () => rely(fixtures, inBody, ["mtls"]));
  },
  "without a candidate there is no sender": async (fixtures) => {
    const evidence = evidenceOf(fixtures, compileSenders(fixtures, ALL), {});
    assert.deepEqual(admitByCredentials([], evidence), []);
    await refusedLater("sender_not_allowed", admitBySignature([], BODY, evidence));
  },
  "the candidates whose credentials match remain, and those that need no credentials": (fixtures) => {
    const senders = { aladdin: { ...certificate(), ...basic }, plain: certificate() };
    const policy = compileSenders(fixtures, senders);
    const left = (headers: Record<string, string>) => {
      const evidence = evidenceOf(fixtures, policy, { headers });
      const candidates = admitByCredentials(findCandidates(policy.senders, evidence), evidence);
      return candidates.map(({ sender: { name }, factors }) => [name, factors]);
    };
    assert.deepEqual(left(credentials), [
      ["aladdin", ["mtls", "basic"]],
      ["plain", ["mtls"]],
    ]);
    assert.deepEqual(left({}), [["plain", ["mtls"]]]);
  },
  "a fault of the program is not a refusal, and admits nobody": async (fixtures) => {
    const policy = compileSenders(fixtures, {
      sender: { ...certificate(), ...github("ONE"), ...basic },
      open: github("TWO"),
    });
    const evidence = evidenceOf(fixtures, policy, {});
    const fault = new Error("a fault of the program");
    const fail = () => {
      throw fault;
    };
    const facts = { ...evidence.facts, deny: { holds: fail } };
    assert.throws(() => findCandidates(policy.senders, { ...evidence, facts }), fault);
    assert.throws(() => readCertificateFor(policy.routes[0] as Route, fail), fault);
    const headers = { get: fail } as unknown as Headers;
    const candidates = findCandidates(policy.senders, evidence);
    assert.throws(() => admitByCredentials(candidates, { ...evidence, headers }), fault);
    await assert.rejects(admitBySignature(candidates, BODY, { ...evidence, headers }), fault);
  },
  "readCertificateFor() reads a certificate only if a sender or a shadow sender needs it": (fixtures) => {
    const needs = { ...certificate(), ...github("ONE") };
    const route = (senders: Parameters<typeof compileSenders>[1], shadow?: string[]) =>
      compileSenders(fixtures, senders, shadow).routes[0] as Route;
    const { certificate: client } = evidenceOf(fixtures, compileSenders(fixtures, ALL), {});
    const read = () => client as ClientCertificate;
    assert.equal(readCertificateFor(route({ a: github("ONE"), b: needs }), read), client);
    assert.equal(readCertificateFor(route({ a: github("ONE"), b: github("TWO"), c: needs }, ["b", "c"]), read), client);
    assert.equal(
      readCertificateFor(route({ a: github("ONE") }), () => assert.fail("it is read")),
      undefined,
    );
    const refusal = new Refusal("no_certificate");
    const refuse = () => {
      throw refusal;
    };
    assert.equal(readCertificateFor(route({ a: needs }), refuse), refusal);
  },
  "if a certificate belongs to no sender, the senders that need no certificate remain": async (fixtures) => {
    const senders = { proves: certificate(), signs: github("ONE") };
    const policy = compileSenders(fixtures, senders);
    const left = (among: typeof policy.senders, presented: Evidence["certificate"]) =>
      findCandidates(among, { ...evidenceOf(fixtures, policy, {}), certificate: presented });
    const { certificate: stranger } = evidenceOf(fixtures, policy, { leaf: "strangersClient" });
    for (const presented of [stranger, new Refusal("no_certificate"), undefined]) {
      const [signs] = policy.senders.filter(({ name }) => name === "signs");
      assert.deepEqual(left(policy.senders, presented), [
        { sender: signs, certified: undefined, factors: [], reliedOnEdge: [] },
      ]);
    }
    assert.deepEqual(left(policy.senders.slice(0, 1), undefined), []);
    const admitted = await judge(fixtures, senders, { leaf: "strangersClient", headers: signedBy("ONE") });
    assert.equal(admitted.sender.name, "signs");
  },
  "findCandidates() records a proof only if a sender needs one": (fixtures) => {
    const traced = (senders: Parameters<typeof compileSenders>[1]) => {
      const policy = compileSenders(fixtures, senders);
      const trace: ProofTrace = {};
      findCandidates(policy.senders, evidenceOf(fixtures, policy, {}), trace);
      return trace.proven?.proofs.size;
    };
    assert.equal(traced({ signs: github("ONE") }), undefined);
    assert.equal(traced({ signs: github("ONE"), proves: certificate() }), 1);
  },
  "a fault in the secrets of one candidate does not admit another candidate": async (fixtures) => {
    const policy = compileSenders(fixtures, { broken: github("TWO"), signs: github("ONE") });
    const { secrets, ...evidence } = evidenceOf(fixtures, policy, { headers: signedBy("ONE") });
    const fault = new Error("a fault of the program");
    const get = (sender: Sender) => {
      if (sender.name === "broken") throw fault;
      return secrets.get(sender);
    };
    const broken = { ...evidence, secrets: { get } as unknown as Secrets };
    await assert.rejects(admitBySignature(findCandidates(policy.senders, broken), BODY, broken), fault);
  },
  "the reason for a mismatch of a signature is searched once, for any number of senders": async (fixtures) => {
    const looks = async (senders: Parameters<typeof compileSenders>[1]) => {
      const policy = compileSenders(fixtures, senders);
      const evidence = evidenceOf(fixtures, policy, { headers: signedBy("PASSWORD") });
      let count = 0;
      const counted = (key: SignatureKey): SignatureKey => ({
        ...key,
        secret() {
          count += 1;
          return key.secret();
        },
      });
      const secrets = new Map(
        Array.from(evidence.secrets, ([sender, { signature, ...credentialsOf }]) => [
          sender,
          { signature: signature && { ...signature, keys: signature.keys.map(counted) }, ...credentialsOf },
        ]),
      );
      const candidates = findCandidates(policy.senders, evidence);
      await refusedLater("signature_mismatch", admitBySignature(candidates, BODY, { ...evidence, secrets }));
      return count;
    };
    const once = await looks({ one: github("ONE") });
    assert.ok(once > 0);
    assert.equal(await looks({ one: github("ONE"), two: github("TWO"), three: github("TWO") }), once);
  },
  "relyOnEdge() relies on the edge if the origin holds no secrets": (fixtures) => {
    const policy = compileSenders(fixtures, { sender: github("ONE") });
    const candidates = findCandidates(policy.senders, evidenceOf(fixtures, policy, {}));
    const { reliedOnEdge } = relyOnEdge(candidates, { sender: "sender", amr: ["hmac"] }, new Map());
    assert.deepEqual(reliedOnEdge, ["hmac"]);
  },
  "a signature that matches no sender is reported for the first candidate, with a hint of what would match": async (
    fixtures,
  ) => {
    const signed = signedBy("TWO", Buffer.concat([BODY, Buffer.from("\n")]));
    const senders = { one: github("ONE"), two: github("TWO") };
    const reversed = { two: senders.two, one: senders.one };
    const tell = async (among: typeof senders | typeof reversed) =>
      (await refusedLater("signature_mismatch", judge(fixtures, among, { headers: signed }))).details["wouldMatch"];
    assert.equal(await tell(senders), undefined);
    assert.notEqual(await tell(reversed), undefined);
    assert.notEqual(await tell({ two: senders.two } as typeof senders), undefined);
  },
  "relyOnEdge() refuses a sender that is not a candidate by this origin's policy": (fixtures) => {
    const { details } = refused("sender_mismatch", () => rely(fixtures, { another: certificate() }, ["mtls"]));
    assert.deepEqual(details, { edge: "sender", origin: ["another"] });
    refused("sender_not_allowed", () => rely(fixtures, { sender: certificate("other.example") }, ["mtls"]));
  },
  "a factor is refused if its secrets were not loaded": async (fixtures) => {
    const policy = compileSenders(fixtures, { sender: github("ONE") });
    const evidence = { ...evidenceOf(fixtures, policy, { headers: signedBy("ONE") }), secrets: new Map() };
    const candidates = findCandidates(policy.senders, evidence);
    const refusal = await refusedLater("misconfigured", admitBySignature(candidates, BODY, evidence));
    assert.deepEqual(refusal.details, { problems: ["the signature secrets of sender are not loaded"] });
    const held = compileSenders(fixtures, { sender: token() });
    const unloaded = { ...evidenceOf(fixtures, held, { headers: { "x-token": KEYS.TOKEN } }), secrets: new Map() };
    const { details } = refused("misconfigured", () =>
      admitByCredentials(findCandidates(held.senders, unloaded), unloaded),
    );
    assert.deepEqual(details, { problems: ["the token secrets of sender are not loaded"] });
  },
};
