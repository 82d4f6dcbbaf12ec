// Refusals of the origin for requests that are sent to it directly, without an edge.

import { Hono } from "hono";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Problem, RefusalCode } from "../../../core/refusal.ts";
import { authenticate } from "../../../origin/authenticate.ts";
import { pinnedKeys } from "../../../origin/verification-keys.ts";
import {
  base64url,
  claimsOf,
  type ForwardedEvent,
  forwardedRequest,
  signEs256,
  withHeader,
} from "../../support/forgery.ts";
import { exchange, type RawRequest } from "../../support/http.ts";
import { LogLines } from "../../support/log-lines.ts";
import { AUDIENCE, BETA, ISSUER } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import type { RefusalCase, World } from "./world.ts";

type Expected = readonly [RefusalCode, number, Problem];
type Forge = (event: ForwardedEvent, world: World) => Omit<RawRequest, "url"> | Promise<Omit<RawRequest, "url">>;

function forwarded(
  [code, status, problem]: Expected,
  name: string,
  forge: Forge,
  origin: keyof World["origins"] = "good",
): RefusalCase {
  return {
    code,
    name,
    status,
    problem,
    async provoke(world) {
      const event = { key: world.key, identity: world.acme, policyDigest: world.policyDigest };
      const { url, lines } = world.origins[origin];
      return { answer: await exchange({ url, ...(await forge(event, world)) }), lines };
    },
  };
}

const assertion = (code: RefusalCode): Expected => [code, 401, "assertion-refused"];
const now = () => Math.floor(Date.now() / 1000);

export const ORIGIN_CASES: readonly RefusalCase[] = [
  forwarded(
    assertion("assertion_missing"),
    "a request without an assertion (Docusign receivers in the wild)",
    (event) => {
      const request = forwardedRequest(event);
      return { ...request, headers: withHeader(request.headers, "countersign-assertion") };
    },
  ),
  forwarded(assertion("assertion_malformed"), "an assertion of the type JWT", (event) =>
    forwardedRequest({ ...event, header: { typ: "JWT" } }),
  ),
  forwarded(assertion("assertion_key_unknown"), "a key of somebody else", async (event) =>
    forwardedRequest({ ...event, key: await newSigningKey() }),
  ),
  forwarded(assertion("assertion_signature_invalid"), "another key under a known kid", async (event) =>
    forwardedRequest({ ...event, key: { ...(await newSigningKey()), kid: event.key.kid } }),
  ),
  forwarded(assertion("assertion_claims_invalid"), "claims without a sender", (event) =>
    forwardedRequest({ ...event, claims: { sender: undefined } }),
  ),
  forwarded(assertion("assertion_claims_invalid"), "a signature over what is no JSON", (event) => {
    const { headers, ...request } = forwardedRequest(event);
    const [header, payload] = [
      { alg: "ES256", kid: event.key.kid, typ: "countersign+jwt" },
      JSON.stringify(claimsOf(event)),
    ];
    const token = signEs256(header, payload.slice(1), event.key);
    if (!token.includes(base64url(payload.slice(1)))) throw new Error("the payload is not as meant");
    return { ...request, headers: withHeader(headers, "countersign-assertion", token) };
  }),
  forwarded(assertion("assertion_wrong_issuer"), "another edge", (event) =>
    forwardedRequest({ ...event, claims: { iss: "https://other.example.com" } }),
  ),
  forwarded(assertion("assertion_wrong_audience"), "another origin", (event) =>
    forwardedRequest({ ...event, claims: { aud: "https://other.example.com" } }),
  ),
  forwarded(assertion("assertion_expired"), "an assertion of two minutes ago", (event) =>
    forwardedRequest({ ...event, now: now() - 120 }),
  ),
  forwarded(assertion("assertion_not_yet_valid"), "an assertion of the next minute", (event) =>
    forwardedRequest({ ...event, now: now() + 60 }),
  ),
  forwarded(assertion("headers_mismatch"), "another value of a header than the signed one", (event) => {
    const request = forwardedRequest({ ...event, signedHeaders: [["x-quill-signature", "v1=abc"]] });
    return { ...request, headers: withHeader(request.headers, "x-quill-signature", "v1=abd") };
  }),
  forwarded(
    assertion("headers_mismatch"),
    "a header of the route beside a token of an edge that signs none",
    (event) => {
      const { headers, ...request } = forwardedRequest(event);
      return { ...request, headers: withHeader(headers, "x-quill-signature", "v1=abc") };
    },
  ),
  forwarded(assertion("request_mismatch"), "another target than the signed one", (event) => ({
    ...forwardedRequest(event),
    target: "/hooks/acme?more",
  })),
  forwarded(["malformed_host", 400, "malformed-request"], "a Host with a path", (event) => ({
    ...forwardedRequest(event),
    host: "1/hooks",
  })),
  {
    code: "route_mismatch",
    name: "a guard on another path than the route's",
    status: 404,
    problem: "not-found",
    async provoke({ key, acme, policy, policyDigest }) {
      const lines = new LogLines();
      const guard = authenticate({
        policy: compilePolicy(policy),
        findKey: await pinnedKeys({ keys: [publicJwk(key)] }),
        issuer: ISSUER,
        audience: AUDIENCE,
        accept: () => {},
        log: lines.push,
      });
      const app = new Hono().post("/hooks/*", guard, (c) => c.text("handled"));
      const { headers } = forwardedRequest({ key, identity: acme, policyDigest });
      const init = { method: "POST", headers: headers as [string, string][], body: "{}" };
      const response = await app.request("https://origin.example.com/hooks/acme", init);
      const body = Buffer.from(await response.arrayBuffer());
      return { answer: { status: response.status, headers: Object.fromEntries(response.headers), body }, lines };
    },
  },
  forwarded(assertion("body_mismatch"), "another body than the signed one", (event) => ({
    ...forwardedRequest(event),
    body: "[]",
  })),
  forwarded(assertion("certificate_mismatch"), "another certificate of the sender", (event, { acmeToo }) => {
    const request = forwardedRequest(event);
    return { ...request, headers: withHeader(request.headers, "client-cert", `:${acmeToo.base64}:`) };
  }),
  forwarded(["sender_mismatch", 403, "sender-not-allowed"], "an edge that admits another sender", (event) =>
    forwardedRequest({ ...event, target: "/hooks/both", sender: BETA }),
  ),
  forwarded(["replayed", 409, "replayed"], "the same request for the second time", async (event, { origins }) => {
    const request = forwardedRequest(event);
    const { status } = await exchange({ url: origins.good.url, ...request });
    if (status !== 202) throw new Error(`the first request was answered with ${status}`);
    return request;
  }),
  forwarded(
    ["keys_unavailable", 503, "unavailable"],
    "an origin that never got keys",
    (event) => forwardedRequest(event),
    "keysUnavailable",
  ),
  forwarded(
    ["store_unavailable", 503, "unavailable"],
    "an inbox that is closed",
    (event) => forwardedRequest(event),
    "closedInbox",
  ),
  forwarded(
    ["internal_error", 500, "internal-error"],
    "a look-up of keys that throws",
    (event) => forwardedRequest(event),
    "failing",
  ),
];
