// Predicts the decision of each program: the edge on Cloudflare, an origin behind the edge, an origin with its own listener, and an
// origin behind a proxy. All decisions come from the origin's middleware. The programs differ in how they read the certificate.

import { X509Certificate } from "node:crypto";
import { issueAssertion } from "../../core/assertion/assertion.ts";
import { generateSigningKey, importSigningKeys } from "../../core/assertion/keys.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { formatForwardedHeaders } from "../../core/delivery/forwarded-headers.ts";
import { OriginRefusal, type RefusalCode } from "../../core/refusal.ts";
import { CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER } from "../../core/wire.ts";
import { formatPem } from "../../core/x509/certificate.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import { type Chain, readChain } from "../../origin/explain/question.ts";
import type { SenderExplanation } from "../../origin/explain/senders.ts";
import {
  type ForwardedFormatName,
  forwardedFormat,
  readForwardedCertificate,
} from "../../origin/forwarded/certificate.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { compileEdgePolicy } from "../../worker/configuration.ts";
import { readTlsClientAuth } from "../../worker/tls-client-auth.ts";
import { emulateTlsClientAuth } from "../cloudflare/tls-client-auth.ts";
import { type Answer, ask } from "./ask.ts";
import type { PlatformExplanation } from "./platform.ts";
import type { CommandQuestion } from "./question.ts";
import { heldSecrets } from "./secrets.ts";
import { type Outcome, settle } from "./verdict.ts";

/** The predicted decision of one program. */
export interface ModeExplanation extends Omit<Outcome, "verdict"> {
  readonly way: "edge" | "origin behind the edge" | "origin with its own listener" | "origin behind a proxy";
  readonly verdict: Outcome["verdict"] | "not reached" | "cannot start";
  readonly notes: readonly string[];
}

/** The input of every prediction: the question, the explained senders of the route, and Cloudflare's verdict. */
interface Scene {
  readonly question: CommandQuestion;
  readonly senders: readonly SenderExplanation[];
  readonly platform: PlatformExplanation;
}

export async function explainWays(scene: Scene): Promise<ModeExplanation[]> {
  const edge = await askEdge(scene);
  return [edge.row, await askBehindEdge(scene, edge), await askListener(scene), await askBehindProxy(scene)];
}

type EdgeAnswer = { readonly row: ModeExplanation; readonly answer?: Answer };

const NOTHING = { code: null, sender: null, why: null };

async function askEdge({ question, senders, platform }: Scene): Promise<EdgeAnswer> {
  const way = "edge";
  const fault = faultOf(() => compileEdgePolicy(question.document));
  if (fault !== undefined) return { row: { way, ...NOTHING, verdict: "cannot start", why: fault, notes: [] } };
  const answer = await ask({ readCertificate: () => readAsEdge(question.chain, question, platform) }, question);
  const notes = question.chain === undefined ? [] : [platform.note];
  const row: ModeExplanation = { way, ...settle(answer, senders), notes };
  return { row, answer };
}

/** Reads the certificate as the edge does. @throws Refusal if readTlsClientAuth() refuses the certificate */
function readAsEdge(
  chain: Chain | undefined,
  question: CommandQuestion,
  platform: PlatformExplanation,
): ClientCertificate {
  if (chain === undefined) return readTlsClientAuth(emulateTlsClientAuth(undefined));
  const [leaf, ...intermediates] = [chain.leaf, ...chain.intermediates].map(toX509);
  // A certificate that a TLS library cannot read never reaches the worker. So core reads it here, and reports what is wrong with
  // it.
  if (leaf === undefined) return readChain(question, undefined);
  const present = intermediates.filter((certificate) => certificate !== undefined);
  if (present.length < intermediates.length) return readChain(question, undefined);
  const fields = emulateTlsClientAuth({ leaf, intermediates: present, authorizationError: "" });
  return readTlsClientAuth({ ...fields, certVerified: platform.verified });
}

function toX509(base64: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(base64, "base64"));
    return certificate.raw.toString("base64") === base64 ? certificate : undefined;
  } catch {
    return undefined;
  }
}

const ISSUER = "https://edge.invalid";
const AUDIENCE = "https://origin.invalid";

/** Asks the origin about the request that the edge would send. A temporary key signs the assertion in this request. */
async function askBehindEdge(scene: Scene, { row, answer }: EdgeAnswer): Promise<ModeExplanation> {
  const way = "origin behind the edge";
  if (answer?.verdict !== "accepted" || row.verdict === "undecided") {
    const isUndecided = row.verdict === "undecided";
    const before = answer === undefined ? "no edge can run with this policy" : "the edge refuses before it";
    const why = isUndecided ? "it depends on the edge" : before;
    return { way, ...NOTHING, verdict: isUndecided ? "undecided" : "not reached", why, notes: [] };
  }
  const { question, senders } = scene;
  const { delivery } = answer;
  const keys = await importSigningKeys({ keys: [await generateSigningKey(question.at)] });
  const jti = Buffer.alloc(16).toString("base64url");
  const context = { issuer: ISSUER, audience: AUDIENCE };
  const assertion = await issueAssertion(delivery, keys, { ...context, jti, now: question.at });
  const headers = new Headers(formatForwardedHeaders(delivery, assertion));
  const own = await ask({ findKey: await pinnedKeys(keys.jwks), ...context }, question, {
    request: { ...question.request, headers },
    secrets: heldSecrets(question.available),
  });
  const relied = own.verdict === "accepted" ? own.delivery.reliedOnEdge : [];
  const notes = relied.length === 0 ? [] : [`takes the edge's word for ${relied.join(", ")}: it holds no secret of it`];
  return { way, ...settle(own, senders), notes };
}

async function askListener({ question, senders }: Scene): Promise<ModeExplanation> {
  const way = "origin with its own listener";
  const { chain, policy } = question;
  const fault = faultOf(() => anchorsInUse(policy));
  if (fault !== undefined) return { way, ...NOTHING, verdict: "cannot start", why: fault, notes: [] };
  const anchors = anchorsInUse(policy).flatMap(({ certificate, intermediates }) =>
    [certificate, ...intermediates].map(({ base64 }) => base64),
  );
  const openssl = chain && (await question.askOpenssl({ ...chain, anchors, isPartialChain: true, at: question.at }));
  const isAsked = openssl !== undefined && "code" in openssl;
  const answer = await ask(
    {
      readCertificate: () => readChain(question, undefined),
      crossCheck() {
        if (isAsked && openssl.code !== "") throw new OriginRefusal("listener_disagrees", { openssl: openssl.code });
      },
    },
    question,
  );
  const notes: string[] = [];
  if (isAsked)
    notes.push(`OpenSSL, by openssl verify: ${openssl.code === "" ? "OK" : `${openssl.code}, ${openssl.text}`}`);
  else if (openssl !== undefined) notes.push(`OpenSSL's cross-check was not asked: ${openssl.why}`);
  if (!isAsked || openssl.code !== "") {
    const what = chain === undefined || isAsked ? "ends the handshake without an answer" : "may end the handshake";
    notes.push(`--client-certificates require ${what}`);
  }
  return { way, ...settle(answer, senders), notes };
}

async function askBehindProxy({ question, senders }: Scene): Promise<ModeExplanation> {
  const { chain } = question;
  const through = (name: ForwardedFormatName, fields: Record<string, string>) =>
    ask({ readCertificate: () => readForwardedCertificate(new Headers(fields), forwardedFormat(name)) }, question);
  const rfc9440 = await through("rfc9440", chain === undefined ? {} : fieldsOf(chain));
  const outcome = settle(rfc9440, senders);
  const notes: string[] = [];
  if (chain !== undefined && chain.intermediates.length > 0) {
    const alone = settle(
      await through("nginx", { "ssl-client-cert": encodeURIComponent(formatPem(chain.leaf)) }),
      senders,
    );
    const isSame = alone.verdict === outcome.verdict && alone.code === outcome.code;
    if (!isSame) notes.push(`behind nginx, which forwards no intermediates: ${alone.verdict}${codeText(alone.code)}`);
  }
  return { way: "origin behind a proxy", ...outcome, notes };
}

function codeText(code: RefusalCode | null): string {
  return code === null ? "" : ` (${code})`;
}

function fieldsOf({ leaf, intermediates }: Chain): Record<string, string> {
  const chain = intermediates.map((base64) => `:${base64}:`).join(", ");
  return { [CLIENT_CERT_HEADER]: `:${leaf}:`, ...(chain !== "" && { [CLIENT_CERT_CHAIN_HEADER]: chain }) };
}

function faultOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.join("; ");
    throw error;
  }
}
