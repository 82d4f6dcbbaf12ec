// Certificates of the corpus with different usages, keys and signature algorithms.

import { generateKeyPairSync } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import { CertificatePolicyExtension, Extension, KeyUsageFlags } from "@peculiar/x509";
import { type CertificateRequest, CLIENT_AUTH, type Identity, SERVER_AUTH } from "../../cli/dev/authority.ts";
import { decode, oid, sequence, tlv } from "../support/certificates/der-edit.ts";
import { FIELD } from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { type Corpus, type CorpusEntry, entry, issueCa, issueLeaf, subject } from "./corpus.ts";

const ANY_PURPOSE = "2.5.29.37.0";
const unknown = (critical: boolean) => [new Extension("1.3.6.1.4.1.99999.1", critical, Uint8Array.of(5, 0))];
const rsa = (modulusLength: number) => ({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength,
  publicExponent: Uint8Array.of(1, 0, 1),
  hash: "SHA-256",
});

export async function makeProfiled(root: Identity): Promise<Corpus> {
  const leaf = async (expected: CorpusEntry["expected"], request: Partial<CertificateRequest>) =>
    entry(expected, await issueLeaf(root, request));
  const below = async (expected: CorpusEntry["expected"], request: Partial<CertificateRequest>, own = {}) => {
    const ca = await issueCa("Special CA", root, request);
    return entry(expected, await issueLeaf(ca, own), ca);
  };
  const policies = { extensions: [new CertificatePolicyExtension(["2.5.29.32.0"], true)] };
  const san = (value: string) => ({ subjectAltNames: [{ type: "dns", value } as const] });
  const plain = await issueLeaf(root);
  const sha1 = resign(plain, root, undefined, { hash: "sha1", identifier: sequence(oid("1.2.840.10045.4.1")) });
  const rsaCa = await issueCa("RSA CA", root, { keyAlgorithm: rsa(2048) });
  const belowRsa = await issueLeaf(rsaCa);
  const signedByRsa = (hash: string, arc: number) => {
    const identifier = sequence(oid(`1.2.840.113549.1.1.${arc}`), tlv(5, []));
    const base64 = resign(belowRsa, rsaCa, undefined, { hash, identifier });
    return entry("algorithm_not_accepted", { ...belowRsa, base64 }, rsaCa);
  };
  const oddCa = await issueCa("Odd CA", root);
  return {
    "for servers": await leaf("wrong_extended_key_usage", { extendedKeyUsage: [SERVER_AUTH] }),
    "for servers and clients": await leaf("accepted", { extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH] }),
    "for any purpose": await leaf("wrong_extended_key_usage", { extendedKeyUsage: [ANY_PURPOSE] }),
    "without usages": await leaf("accepted", { keyUsage: 0, extendedKeyUsage: [] }),
    "for encipherment": await leaf("wrong_key_usage", { keyUsage: KeyUsageFlags.keyEncipherment }),
    "with an unknown critical extension": await leaf("unknown_critical_extension", { extensions: unknown(true) }),
    "with an unknown extension": await leaf("accepted", { extensions: unknown(false) }),
    "with critical policies": await below("accepted", policies, policies),
    "below a CA for servers": await below("wrong_extended_key_usage", { extendedKeyUsage: [SERVER_AUTH] }),
    "below a CA for clients": await below("accepted", { extendedKeyUsage: [CLIENT_AUTH] }),
    "below a CA that may not sign": await below("wrong_key_usage", { keyUsage: KeyUsageFlags.digitalSignature }),
    "below a CA without key usage": await below("accepted", { keyUsage: 0 }),
    "below a CA with an unknown critical extension": await below("unknown_critical_extension", {
      extensions: unknown(true),
    }),
    "below a constrained CA": await below(
      "accepted",
      { extensions: onlyDns("client.example") },
      san("a.client.example"),
    ),
    "below a constrained CA, with another name": await below(
      "name_not_permitted",
      { extensions: onlyDns("client.example") },
      san("evil.example"),
    ),
    "below a constrained CA, with another common name": await below(
      "name_not_permitted",
      { extensions: onlyDns("client.example") },
      { subject: subject("evil.example") },
    ),
    "RSA of 2048 bits": await leaf("accepted", { keyAlgorithm: rsa(2048) }),
    "RSA of 1024 bits": await leaf("algorithm_not_accepted", { keyAlgorithm: rsa(1024) }),
    "P-384": await leaf("accepted", { keyAlgorithm: { name: "ECDSA", namedCurve: "P-384" } as Algorithm }),
    "P-521": await leaf("accepted", { keyAlgorithm: { name: "ECDSA", namedCurve: "P-521" } as Algorithm }),
    Ed25519: await leaf("accepted", { keyAlgorithm: { name: "Ed25519" } }),
    "below RSA of 1024 bits": await below("algorithm_not_accepted", { keyAlgorithm: rsa(1024) }),
    "with a key on secp256k1": entry("certificate_malformed", onSecp256k1(plain, root)),
    "beside a CA on secp256k1": entry("certificate_malformed", await issueLeaf(oddCa), onSecp256k1(oddCa, root)),
    "below RSA of 2048 bits": entry("accepted", belowRsa, rsaCa),
    "signed with RSA over MD5": signedByRsa("md5", 4),
    "signed with RSA over SHA-1": signedByRsa("sha1", 5),
    "signed over SHA-1": entry("algorithm_not_accepted", { ...plain, base64: sha1 }),
  };
}

function onlyDns(name: string): Extension[] {
  const permittedSubtrees = new GeneralSubtrees([new GeneralSubtree({ base: new GeneralName({ dNSName: name }) })]);
  return [new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(new NameConstraints({ permittedSubtrees })))];
}

/** Returns the same certificate with a key on secp256k1, a curve that not every library supports. */
function onSecp256k1(identity: Identity, issuer: Identity): Pick<Identity, "base64" | "keyPem"> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  const base64 = resign(identity, issuer, ({ tbs }) => {
    tbs[FIELD.key] = decode(publicKey.export({ type: "spki", format: "der" }));
  });
  return { base64, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
