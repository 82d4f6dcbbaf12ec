// Sends randomly damaged certificates to the deployed bundle, in the form in which the platform passes certificates. Each must be
// refused within the deadline with a known code, but never with an internal error.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { REFUSALS, type RefusalCode } from "../../core/refusal.ts";
import { commonNamesOf, damageSigned, damages, damageUnsigned, isMarkedCa } from "../support/certificates/mutations.ts";
import { listen, type RawAnswer } from "../support/http.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { type TlsClientAuth, tlsClientAuth } from "../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const SEED = 9440;
const RUNS = 250;
const DEADLINE_MILLISECONDS = 60_000;

const stack = new AsyncDisposableStack();
let senders: Senders;
let issuing: Identity;
let leaf: Identity;
let edge: DeployedEdge;

beforeAll(async () => {
  senders = await createSenders();
  issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, senders.root);
  leaf = await issueCertificate(
    { subject: subjectOf(ACME), subjectAltNames: [{ type: "dns", value: "a.example" }] },
    issuing,
  );
  const ORIGIN_URL = await listen(stack, (_, outgoing) => outgoing.writeHead(202).end());
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  ({ edge } = await startWorkerd(stack, senders.policy, { edge: { SIGNING_KEYS, ORIGIN_URL } }));
});
afterAll(() => stack.disposeAsync());

const field = (der: Uint8Array | string) => `:${typeof der === "string" ? der : Buffer.from(der).toString("base64")}:`;

/** Returns what Cloudflare reports for an intact chain, with these fields replaced. */
const described = (overrides: TlsClientAuth): TlsClientAuth => tlsClientAuth(leaf, [issuing], overrides);

const asLeaf = (der: Uint8Array): TlsClientAuth =>
  described({ certRFC9440: field(der), certFingerprintSHA256: createHash("sha256").update(der).digest("hex") });
const asChain = (...ders: readonly (Uint8Array | string)[]): TlsClientAuth =>
  described({ certChainRFC9440: ders.map(field).join(", ") });

async function send(tls: TlsClientAuth): Promise<RawAnswer> {
  const started = Date.now();
  const answer = await edge.send({ tls, body: "{}" });
  expect(Date.now() - started).toBeLessThan(DEADLINE_MILLISECONDS);
  return answer;
}

async function codeOf({ status, body }: RawAnswer): Promise<RefusalCode> {
  expect(status).toBe(403);
  const { code } = await edge.lines.of(JSON.parse(body.toString()).decision);
  expect(Object.keys(REFUSALS)).toContain(code);
  return code as RefusalCode;
}

const holds = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => Promise<void>) =>
  fc.assert(fc.asyncProperty(arbitrary, property), { seed: SEED, numRuns: RUNS });

test("the chain that the cases damage is accepted undamaged", async () => {
  expect((await send(described({}))).status).toBe(202);
});

describe("is refused, whatever is damaged of", () => {
  test.each(["leaf", "intermediate"] as const)("the %s", async (which) => {
    const { base64 } = which === "leaf" ? leaf : issuing;
    await holds(damages, async (damage) => {
      const der = damageUnsigned(base64, damage);
      fc.pre(Buffer.from(der).toString("base64") !== base64);
      await codeOf(await send(which === "leaf" ? asLeaf(der) : asChain(der)));
    });
  });

  test("the text of either field", async () => {
    const characters = fc.constantFrom(":", ",", " ", "=", "A", "/", "-", "\u0000", "\n", "\ud800", '"', ";");
    const changes = fc.tuple(fc.boolean(), fc.nat(0xffff), fc.array(characters, { maxLength: 3 }));
    await holds(changes, async ([isLeaf, at, inserted]) => {
      const [name, text] = isLeaf
        ? (["certRFC9440", leaf.base64] as const)
        : (["certChainRFC9440", issuing.base64] as const);
      const whole = field(text);
      const place = at % whole.length;
      const changed = whole.slice(0, place) + inserted.join("") + whole.slice(place + 1);
      fc.pre(changed.trim() !== whole);
      await codeOf(await send(described({ [name]: changed })));
    });
  });
});

describe("with damage that an issuer signed, is refused or still names the sender or a CA:", () => {
  test.each(["leaf", "intermediate"] as const)("the %s", async (which) => {
    const [base64, signer] = which === "leaf" ? [leaf.base64, issuing] : [issuing.base64, senders.root];
    await holds(damages, async (damage) => {
      const der = damageSigned(base64, signer, damage);
      const answer = await send(which === "leaf" ? asLeaf(der) : asChain(der));
      if (answer.status !== 202) return void (await codeOf(answer));
      if (which === "leaf") expect(commonNamesOf(der)).toEqual([ACME]);
      else expect(isMarkedCa(der)).toBe(true);
    });
  });
});

test("a chain that is not a list of certificates", async () => {
  expect(await codeOf(await send(asChain(Uint8Array.of())))).toBe("certificate_malformed");
  expect(await codeOf(await send(asChain(Uint8Array.of(0x30, 0))))).toBe("certificate_malformed");
  expect(await codeOf(await send(asChain(...Array<string>(11).fill(issuing.base64))))).toBe("too_many_intermediates");
  expect(await codeOf(await send(asChain(Buffer.alloc(12_000, 0x30))))).toBe("certificate_too_large");
});
