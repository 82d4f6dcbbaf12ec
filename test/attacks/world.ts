// Runs one policy at the deployed bundle of the edge and at the origin's own listener. For each kind of certificate entry, the
// policy has a sender and a route. Every certificate is sent to the edge and to the listener, and both must give the same verdict.

import { createHash } from "node:crypto";
import { expect } from "vitest";
import { type CertificateRequest, type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { CertificateMatcherDocument, PolicyDocument } from "../../core/policy/schema.ts";
import { sequence, type Tlv } from "../support/certificates/der-edit.ts";
import {
  type EncodedAttribute,
  encodeName,
  FIELD,
  SUBJECT_ALT_NAME,
  setExtension,
} from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { listen } from "../support/http.ts";
import type { LogLines } from "../support/log-lines.ts";
import { pemOf } from "../support/scenes/certificates.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { sendOnce } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin } from "../support/tls-origin.ts";
import { startWorkerd } from "../support/workerd.ts";

export const CLIENT = "client.example";
const DAY_MILLISECONDS = 86_400_000;
/** Common names that have a special meaning in a regular expression, a template, a configuration file or a shell. */
export const SPECIAL = [
  ".*",
  "client.*",
  "%{SSL_CLIENT_S_DN_CN}",
  '"; return 200; #',
  "{{ . }}",
  "$(id)",
  "%00",
  "^(a+)+$",
];

type Matcher = CertificateMatcherDocument;
export type Presented = Pick<Identity, "base64" | "keyPem" | "certificate">;
export type World = Awaited<ReturnType<typeof createWorld>>;

export async function createWorld(stack: AsyncDisposableStack) {
  const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  const issueLeaf = (request: Partial<CertificateRequest> = {}, issuer = root) =>
    issueCertificate(
      { subject: [{ CN: [CLIENT] }], notBefore: new Date(Date.now() - DAY_MILLISECONDS), ...request },
      issuer,
    );
  const plain = await issueLeaf();
  const expired = await issueLeaf({ notAfter: new Date(Date.now() - 1_000) });
  const denied = await issueLeaf();
  const deniedCa = await issueCertificate({ subject: [{ CN: ["Denied CA"] }], ca: {} }, root);
  const belowDeniedCa = await issueLeaf({}, deniedCa);
  const deny = [denied, deniedCa].map(({ certificate }) => ({ sha256: digestOf(certificate.rawData) }));
  const policy = { ...policyOf(root, plain, expired), deny };
  const ORIGIN_URL = await listen(stack, (_, outgoing) => outgoing.writeHead(202).end());
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  const { edge } = await startWorkerd(stack, policy, { edge: { SIGNING_KEYS, ORIGIN_URL } });
  const origin = await startTlsOrigin(stack, { policy });

  return {
    root,
    plain,
    expired,
    /** The policy denies `denied` and `deniedCa` by digest. `deniedCa` issued `belowDeniedCa`. */
    denied,
    deniedCa,
    belowDeniedCa,
    issueLeaf,

    /** Returns the verdict at a route. The edge and the listener must give the same verdict. */
    async verdict(route: string, leaf: Presented, ...intermediates: Presented[]): Promise<string> {
      const target = `/hooks/${route}`;
      const tls = tlsClientAuth(leaf as Identity, intermediates as Identity[]);
      const atEdge = await decided(await edge.send({ target, body: "{}", tls }), edge.lines);
      const pem = [leaf, ...intermediates].map(({ base64 }) => pemOf(base64)).join("");
      const direct = await sendOnce(origin.at(A), { pem, keyPem: leaf.keyPem }, { target });
      expect(await decided(direct, origin.lines)).toBe(atEdge);
      return atEdge;
    },

    withNames: (...names: Tlv[]): Presented => ({
      ...plain,
      base64: resign(plain, root, (parts) => setExtension(parts, SUBJECT_ALT_NAME, sequence(...names))),
    }),
    withSubject: (...rdns: (readonly EncodedAttribute[])[]): Presented => ({
      ...plain,
      base64: resign(plain, root, ({ tbs }) => {
        tbs[FIELD.subject] = encodeName(...rdns);
      }),
    }),
  };
}

async function decided({ status, body }: { status: number; body: Buffer }, lines: LogLines): Promise<string> {
  return status === 202 ? "accepted" : `${(await lines.of(JSON.parse(body.toString()).decision))["code"]}`;
}

const digestOf = (bytes: ArrayBuffer) => createHash("sha256").update(Buffer.from(bytes)).digest("hex");

function policyOf(root: Identity, plain: Identity, expired: Identity): PolicyDocument {
  const matchers: Readonly<Record<string, readonly Matcher[]>> = {
    cn: [{ subject: { CN: CLIENT } }],
    dns: [{ san: { dns: [CLIENT] } }],
    email: [{ san: { email: [`ops@${CLIENT}`] } }],
    uri: [{ san: { uri: [`https://${CLIENT}/`] } }],
    ip: [{ san: { ip: ["192.0.2.7"] } }],
    special: SPECIAL.map((CN) => ({ subject: { CN } })),
    pin: [
      { sha256: digestOf(expired.certificate.rawData) },
      { spkiSha256: digestOf(expired.certificate.publicKey.rawData) },
      { sha256: digestOf(plain.certificate.rawData) },
    ],
  };
  const entries = Object.entries(matchers);
  return {
    anchors: { root: root.pem },
    senders: Object.fromEntries(
      entries.map(([name, certificates]) => [name, { certificates: [...certificates], trust: { anchors: ["root"] } }]),
    ),
    routes: Object.fromEntries(entries.map(([name]) => [`/hooks/${name}`, { senders: [name], methods: ["POST"] }])),
  };
}
