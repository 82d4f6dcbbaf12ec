// Tests refusals after which the sender should send the event again. The refusals come from the deployed edge and from the origin's
// own listener. After a 4xx status, some senders would drop the event. PagerDuty would switch off a subscription after three
// refusals in a row. So if the operator can fix the cause, the response has a status that asks for a retry.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { publicJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import { startTestOrigin } from "../support/origin.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { sendOnce } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let edge: DeployedEdge;
let listener: TestTlsOrigin;
let stranger: Identity;

const NEXT = `${MARKER}-next`;

beforeAll(async () => {
  senders = await createSenders();
  const acme = { ...(senders.policy.senders[ACME] as PolicyDocument["senders"][string]), refusal: "retry" as const };
  const route = { senders: [ACME], methods: ["POST"] };
  const policy: PolicyDocument = {
    ...senders.policy,
    senders: { [ACME]: acme, [NEXT]: { ...acme, refusal: "retry-429" } },
    routes: {
      "/enforced": route,
      "/observed": { ...route, mode: "observe" },
      "/next": { senders: [NEXT], methods: ["POST"] },
    },
    deny: [{ sha256: parseCertificate(senders.acmeToo.base64).sha256 }],
  };
  const key = await newSigningKey();
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  ({ edge } = await startWorkerd(stack, policy, {
    edge: { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url },
  }));
  listener = await startTlsOrigin(stack, { policy });
  stranger = await issueCertificate({ subject: subjectOf("Stranger CA"), ca: {} });
});
afterAll(() => stack.disposeAsync());

interface Answer {
  readonly status: number;
  readonly retryAfter: unknown;
  readonly problem: unknown;
  readonly line: LogLine | undefined;
}

const ways: Record<string, (client: Identity, target: string) => Promise<Answer>> = {
  async edge(client, target) {
    const { status, headers, body } = await edge.send({
      tls: tlsClientAuth(client),
      target,
      method: "POST",
      body: "{}",
    });
    const answer = JSON.parse(body.toString());
    return {
      status,
      retryAfter: headers["retry-after"],
      problem: answer.code,
      line: await edge.lines.of(answer.decision),
    };
  },
  async listener(client, target) {
    const { status, headers, problem } = await sendOnce(listener.at(A), client, { target, method: "POST", body: "{}" });
    return {
      status,
      retryAfter: headers["retry-after"],
      problem: problem.code,
      line: await listener.lines.of(problem.decision),
    };
  },
};

describe.each(Object.entries(ways))("%s", (_, send) => {
  const of = (request: Parameters<typeof issueCertificate>[0], issuer?: Identity) => issueCertificate(request, issuer);

  test.each([
    ["an unknown issuer", "/enforced", "issuer_unknown", 503, () => of({ subject: subjectOf(ACME) }, stranger)],
    [
      "an unknown issuer, with the other status",
      "/next",
      "issuer_unknown",
      429,
      () => of({ subject: subjectOf(ACME) }, stranger),
    ],
    ["who no entry matches, observed", "/observed", "sender_not_allowed", 503, () => senders.beta],
  ])("asks %s to send again, and says so in the log", async (_name, target, code, status, client) => {
    const answer = await send(await client(), target);
    expect(answer).toMatchObject({ status, retryAfter: expect.stringMatching(/^\d+$/), problem: "unavailable" });
    expect(answer.line).toMatchObject({ decision: "refused", code, status, keeps: true });
  });

  test.each([
    ["who no entry matches", "/enforced", "sender_not_allowed", () => senders.beta],
    ["a denied certificate", "/observed", "certificate_denied", () => senders.acmeToo],
    ["a certificate signed with its own key", "/observed", "issuer_unknown", () => of({ subject: subjectOf(ACME) })],
  ])("does not ask back %s", async (_name, target, code, client) => {
    const answer = await send(await client(), target);
    expect(answer).toMatchObject({ status: 403, retryAfter: undefined });
    expect(answer.line).toMatchObject({ decision: "refused", code, status: 403 });
    expect(answer.line).not.toHaveProperty("keeps");
  });
});
