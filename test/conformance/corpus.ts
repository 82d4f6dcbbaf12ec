// The corpus consists of good certificates and of certificates with exactly one fault, each with its key and its intermediates.

import { type CertificateRequest, CLIENT_AUTH, type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { RefusalCode } from "../../core/refusal.ts";
import { oid, sequence, TAG, tlv } from "../support/certificates/der-edit.ts";
import { edit, FIELD, setExtension } from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";

import { makeNamed } from "./corpus-names.ts";
import { makeProfiled } from "./corpus-profiles.ts";

export interface CorpusEntry {
  /** The leaf as base64 DER. The intermediates have the same form. */
  readonly leaf: string;
  readonly keyPem: string;
  readonly intermediates: readonly string[];
  /** The verdict that is expected on the route `/hooks/root`. */
  readonly expected: RefusalCode | "accepted";
}

export type Corpus = Readonly<Record<string, CorpusEntry>>;

export const CLIENT = "client.example";
const DAY_MILLISECONDS = 86_400_000;
const days = (count: number) => new Date(Date.now() + count * DAY_MILLISECONDS);
const past = { notBefore: days(-30), notAfter: days(-1) };

export const subject = (commonName: string) => [{ C: ["US"] }, { O: ["Corpus"] }, { CN: [commonName] }];

export const issueCa = (name: string, issuer?: Identity, request: Partial<CertificateRequest> = {}) =>
  issueCertificate({ subject: subject(name), ca: {}, ...request }, issuer);
export const issueLeaf = (issuer?: Identity, request: Partial<CertificateRequest> = {}) =>
  issueCertificate({ subject: subject(CLIENT), ...request }, issuer);

export function entry(
  expected: CorpusEntry["expected"],
  { base64, keyPem }: Pick<Identity, "base64" | "keyPem">,
  ...intermediates: readonly Pick<Identity, "base64">[]
): CorpusEntry {
  return { leaf: base64, keyPem, intermediates: intermediates.map((ca) => ca.base64), expected };
}

export async function makeCorpus(): Promise<{ policy: PolicyDocument; corpus: Corpus }> {
  const root = await issueCa("Root");
  const issuing = await issueCa("Issuing", root);
  const stranger = await issueCa("Stranger");
  const other = await issueCa("Other Root");
  const tight = await issueCa("Tight Root", undefined, { ca: { pathLength: 0 } });
  const revoked = await issueCa("Denied Issuing", root);
  const denied = await issueLeaf(root);
  const deniedKey = await issueLeaf(root);
  const policy = policyOf({ root, issuing, other, tight }, [
    { serial: denied.certificate.serialNumber, issuer: "CN=Root,O=Corpus,C=US" },
    { sha256: await sha256(revoked) },
    { spkiSha256: await spkiSha256(deniedKey) },
  ]);
  const corpus: Corpus = {
    ...(await makeChains(root, issuing, stranger)),
    ...(await makeForeign(root, stranger)),
    ...(await makeTimes(root)),
    ...(await makeProfiled(root)),
    ...(await makeNamed(root)),
    ...(await makeMalformed(root)),
    "under the other root": entry("issuer_unknown", await issueLeaf(other)),
    "under a root without intermediates": entry("issuer_unknown", await issueLeaf(tight)),
    "denied by serial": entry("certificate_denied", denied),
    "denied by key": entry("certificate_denied", deniedKey),
    "a denied key, certified again": entry(
      "certificate_denied",
      await issueLeaf(issuing, { keys: deniedKey.keys }),
      issuing,
    ),
    "below a denied issuer": entry("certificate_denied", await issueLeaf(revoked), revoked),
  };
  return { policy, corpus };
}

/**
 * Returns a policy whose routes have different anchors. A listener has only one list of CAs for all routes, so its handshake cannot
 * enforce these differences.
 */
function policyOf(
  anchors: Readonly<Record<string, Identity>>,
  deny: NonNullable<PolicyDocument["deny"]>,
): PolicyDocument {
  const certificates = [{ subject: { CN: CLIENT } }];
  const route = (...senders: string[]) => ({ senders, methods: ["POST"] });
  return {
    anchors: Object.fromEntries(Object.entries(anchors).map(([name, { pem }]) => [name, pem])),
    senders: {
      root: { certificates, trust: { anchors: ["root"] } },
      shallow: { certificates, trust: { anchors: ["root"], maxChainDepth: 1 } },
      deep: { certificates, trust: { anchors: ["root"], maxChainDepth: 6 } },
      issuing: { certificates, trust: { anchors: ["issuing"] } },
      other: { certificates, trust: { anchors: ["other", "tight"] } },
      strict: { certificates: [{ subject: `CN=${CLIENT},O=Corpus,C=US` }], trust: { anchors: ["root", "other"] } },
    },
    routes: {
      "/hooks/root": route("root"),
      "/hooks/shallow": route("shallow"),
      "/hooks/deep": route("deep"),
      "/hooks/issuing": route("issuing"),
      "/hooks/other": route("other"),
      "/hooks/all": route("strict", "issuing", "other", "root"),
    },
    deny,
  };
}

async function makeChains(root: Identity, issuing: Identity, stranger: Identity): Promise<Corpus> {
  const cas = [issuing];
  for (const depth of [2, 3, 4]) cas.push(await issueCa(`Depth ${depth}`, cas.at(-1)));
  const [, second, third, fourth] = cas as [Identity, Identity, Identity, Identity];
  const below = await issueLeaf(issuing);
  const limited = await issueCa("Limited", root, { ca: { pathLength: 0 } });
  const limitedSub = await issueCa("Limited Sub", limited);
  const rootNew = await issueCa("Root");
  const rootNewByOld = await issueCa("Root", root, { keys: rootNew.keys });
  const expiredCa = await issueCa("Expired", root, past);
  const direct = await issueLeaf(root);
  const [loopA, loopB] = [await issueCa("Loop A"), await issueCa("Loop B")];
  const loop = [
    await issueCa("Loop A", loopB, { keys: loopA.keys }),
    await issueCa("Loop B", loopA, { keys: loopB.keys }),
  ];
  const many = await Promise.all(Array.from({ length: 10 }, (_, index) => issueCa(`Unasked ${index}`, root)));
  return {
    direct: entry("accepted", direct),
    "below an intermediate": entry("accepted", below, issuing),
    "below an intermediate that is not sent": entry("issuer_unknown", below),
    "below an intermediate, with the root": entry("accepted", below, issuing, root),
    "below an intermediate, with a stranger": entry("accepted", below, stranger, issuing),
    "three deep": entry("accepted", await issueLeaf(third), third, second, issuing),
    "three deep, sent backwards": entry("accepted", await issueLeaf(third), issuing, second, third),
    "three deep, one missing": entry("issuer_unknown", await issueLeaf(third), third, issuing),
    "four deep": entry("chain_too_deep", await issueLeaf(fourth), fourth, third, second, issuing),
    "within a path length": entry("accepted", await issueLeaf(limited), limited),
    "over a path length": entry("path_length_exceeded", await issueLeaf(limitedSub), limitedSub, limited),
    "under the root's next key": entry("accepted", await issueLeaf(rootNew), rootNewByOld),
    "under an expired intermediate": entry("issuer_not_in_date", await issueLeaf(expiredCa), expiredCa),
    "under CAs that certify each other": entry("issuer_unknown", await issueLeaf(loopA), ...loop),
    "with more intermediates than a path may need": entry("too_many_intermediates", below, issuing, ...many),
    "under another client": entry("issuer_not_ca", await issueLeaf(direct), direct),
  };
}

async function makeForeign(root: Identity, stranger: Identity): Promise<Corpus> {
  const twin = await issueCa("Root");
  const forger = await issueCa("Root");
  const strangers = await issueLeaf(stranger);
  const forged = await issueLeaf({
    ...root,
    keys: { publicKey: root.keys.publicKey, privateKey: forger.keys.privateKey },
  });
  return {
    "signed by itself": entry("issuer_unknown", await issueLeaf()),
    "of a stranger": entry("issuer_unknown", strangers),
    "of a stranger, who is sent": entry("issuer_unknown", strangers, stranger),
    "of a stranger, with our root": entry("issuer_unknown", strangers, root),
    "of the root's namesake": entry("issuer_unknown", await issueLeaf(twin)),
    "of the root's namesake, who is sent": entry("signature_invalid", await issueLeaf(twin), twin),
    "with a forged signature": entry("signature_invalid", forged),
    "a CA": entry("certificate_is_ca", await issueLeaf(root, { ca: {} })),
  };
}

async function makeTimes(root: Identity): Promise<Corpus> {
  return {
    expired: entry("certificate_expired", await issueLeaf(root, past)),
    "not yet valid": entry("certificate_not_yet_valid", await issueLeaf(root, { notBefore: days(1) })),
    "without an end": entry("accepted", await issueLeaf(root, { notAfter: new Date("9999-12-31T23:59:59Z") })),
  };
}

/** Makes certificates that break a rule of RFC 5280. */
async function makeMalformed(root: Identity): Promise<Corpus> {
  const plain = await issueLeaf(root);
  const changed = (change: Parameters<typeof resign>[2]) =>
    entry("certificate_malformed", { ...plain, base64: resign(plain, root, change) });
  const utc = (text: string) => tlv(TAG.utcTime, text);
  return {
    "with a negative serial": changed(({ tbs }) => {
      tbs[FIELD.serial] = tlv(TAG.integer, [0x80]);
    }),
    "with a serial of 21 octets": changed(({ tbs }) => {
      tbs[FIELD.serial] = tlv(TAG.integer, Array<number>(21).fill(1));
    }),
    "of version 1": changed(({ tbs }) => void tbs.splice(0, tbs.length, ...tbs.slice(1, -1))),
    "with an extension twice": changed(
      ({ extensions }) => void extensions.push(extensions[0] as (typeof extensions)[0]),
    ),
    "with an empty basicConstraints": changed(({ extensions }) => {
      extensions.push(sequence(oid("2.5.29.19"), tlv(TAG.octetString, [])));
    }),
    "with key usages of another type": changed((parts) => {
      setExtension(parts, "2.5.29.37", { ...sequence(oid(CLIENT_AUTH)), tag: 0xa0 });
    }),
    "with a time without seconds": changed(({ tbs }) => {
      tbs[FIELD.validity] = sequence(utc("2601010000Z"), utc("300101000000Z"));
    }),
    "with a member too many": changed(({ tbs }) => void tbs.push(tlv(5, []))),
    "with trailing bytes": entry("certificate_malformed", {
      ...plain,
      base64: Buffer.concat([Buffer.from(plain.base64, "base64"), Buffer.of(0)]).toString("base64"),
    }),
    "with two signature algorithms": entry("certificate_malformed", {
      ...plain,
      base64: edit(plain.base64, ({ certificate }) => {
        certificate[1] = sequence(oid("1.2.840.10045.4.3.3"));
      }),
    }),
  };
}

const digestHex = async (bytes: ArrayBuffer) =>
  Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
const sha256 = ({ certificate }: Identity) => digestHex(certificate.rawData);
const spkiSha256 = ({ certificate }: Identity) => digestHex(certificate.publicKey.rawData);
