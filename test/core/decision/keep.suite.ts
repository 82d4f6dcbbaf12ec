// Tests which refusals ask the sender to send the event again.

import assert from "node:assert/strict";
import { retryStatusOf } from "../../../core/decision/keep.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { OriginRefusal, type RefusalCode } from "../../../core/refusal.ts";
import type { CertificateName, Fixtures } from "../../support/fixtures/fixtures.ts";
import { type Cases, policyDocument } from "../../support/scenes/certificates.ts";
import { BODY, certificate, evidenceOf, github } from "../../support/scenes/factors.ts";

interface Asked {
  readonly leaf?: CertificateName | null;
  readonly sender?: Readonly<Record<string, unknown>>;
  readonly mode?: "observe" | "enforce";
}

function statusOf(fixtures: Fixtures, code: RefusalCode, { leaf = "direct", sender, mode = "enforce" }: Asked = {}) {
  const policy = compilePolicy({
    ...policyDocument(fixtures),
    senders: { sender: { ...certificate(), refusal: "retry", ...sender } },
    routes: { "/hooks": { senders: ["sender"], methods: ["POST"], mode } },
  });
  const [route] = policy.routes;
  assert.ok(route !== undefined);
  const evidence = evidenceOf(fixtures, policy, { leaf });
  return retryStatusOf(new OriginRefusal(code), { context: { id: "1" }, route, evidence, body: BODY });
}

export const cases: Cases = {
  "retryStatusOf() keeps the event where the operator has to mend the fault, with the status that the sender wants": (
    fixtures,
  ) => {
    for (const code of ["issuer_unknown", "issuer_not_in_date", "revocation_unknown", "certificate_is_ca"] as const) {
      assert.equal(statusOf(fixtures, code, { leaf: "strangersClient" }), 503, code);
      assert.equal(statusOf(fixtures, code, { sender: { refusal: "retry-429" } }), 429, code);
    }
  },
  "retryStatusOf() is final for a sender that does not ask for more": (fixtures) => {
    assert.equal(statusOf(fixtures, "issuer_unknown", { sender: { refusal: "final" } }), undefined);
    assert.equal(statusOf(fixtures, "issuer_unknown", { sender: { refusal: undefined } }), undefined);
  },
  "retryStatusOf() is final where nobody but the sender, or a stranger, is at fault": (fixtures) => {
    const codes: readonly RefusalCode[] = [
      "signature_mismatch",
      "signature_missing",
      "basic_mismatch",
      "certificate_revoked",
      "certificate_denied",
      "certificate_expired",
      "certificate_malformed",
      "signature_invalid",
      "wrong_extended_key_usage",
      "body_too_large",
      "unknown_route",
    ];
    for (const code of codes) assert.equal(statusOf(fixtures, code, { mode: "observe" }), undefined, code);
  },
  "retryStatusOf() asks back nobody whose certificate is signed with its own key, and nobody without one": (
    fixtures,
  ) => {
    for (const mode of ["observe", "enforce"] as const) {
      assert.equal(statusOf(fixtures, "issuer_unknown", { leaf: "root", mode }), undefined);
      assert.equal(statusOf(fixtures, "issuer_unknown", { leaf: null, mode }), undefined);
      assert.equal(statusOf(fixtures, "no_certificate", { leaf: null, mode }), undefined);
    }
  },
  "retryStatusOf() asks back who no entry matches, if the route observes or an entry has a value of the certificate": (
    fixtures,
  ) => {
    const renamed = { certificates: [{ subject: { CN: "another.example" } }] };
    assert.equal(statusOf(fixtures, "sender_not_allowed", { sender: renamed }), undefined);
    assert.equal(statusOf(fixtures, "sender_not_allowed", { sender: renamed, mode: "observe" }), 503);
    const ended = { certificates: [{ subject: { CN: "client.example" }, until: "2001-01-01" }] };
    assert.equal(statusOf(fixtures, "sender_not_allowed", { sender: ended }), 503);
    const changed = { certificates: [{ subject: { CN: "client.example" }, sha256: "00".repeat(32) }] };
    assert.equal(statusOf(fixtures, "sender_not_allowed", { sender: changed }), 503);
  },
  "retryStatusOf() is final for a sender that only signs": (fixtures) => {
    const sender = { ...github("ONE"), certificates: undefined, trust: undefined };
    assert.equal(statusOf(fixtures, "sender_not_allowed", { sender }), undefined);
  },
};
