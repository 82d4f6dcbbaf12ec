// Keys and signatures, accepted and not.

import { generateKeyPairSync } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";
import { type CertificateParts, edit, FIELD, withOtherSignature } from "./certificate-edit.ts";
import { concat, decode, encode, members, oid, sequence, TAG, type Tlv, tlv } from "./der-edit.ts";
import type { Hierarchy } from "./fixtures-hierarchy.ts";
import { base64Of, issueCa, issueClient, resign } from "./fixtures-issue.ts";

const rsa = (modulusLength: number, name = "RSASSA-PKCS1-v1_5") => ({
  keyAlgorithm: { name, modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" },
});
const ec = (namedCurve: string) => ({ keyAlgorithm: { name: "ECDSA", namedCurve } });
const ed25519 = { keyAlgorithm: { name: "Ed25519" } };

const NULL = tlv(5, []);
const SHA1_WITH_RSA = { hash: "sha1", identifier: sequence(oid("1.2.840.113549.1.1.5"), NULL) };
const SHA1_WITH_ECDSA = { hash: "sha1", identifier: sequence(oid("1.2.840.10045.4.1")) };

export async function makeAlgorithms({ root }: Pick<Hierarchy, "root">) {
  const rsaRoot = await issueCa("RSA Root", undefined, rsa(2048));
  const p384Root = await issueCa("P-384 Root", undefined, ec("P-384"));
  const ed25519Root = await issueCa("Ed25519 Root", undefined, ed25519);
  const pssRoot = await issueCa("PSS Root", undefined, {
    ...rsa(2048, "RSA-PSS"),
    signingAlgorithm: { name: "RSA-PSS", saltLength: 32 } as Algorithm,
  });
  const p521Root = await issueCa("P-521 Root", undefined, ec("P-521"));
  const p384Client = await issueClient(p384Root, ec("P-384"));
  const p521RootClient = await issueClient(p521Root);
  const weakCa = await issueCa("Weak CA", root, rsa(1024));
  const weakRoot = await issueCa("Weak Root", undefined, rsa(1024));
  const sha1Ca = await issueCa("SHA-1 CA", root);
  const rsaClient = await issueClient(rsaRoot, rsa(2048));
  const ecClient = await issueClient(root);
  const ecCa = await issueCa("Spelled CA", root);
  const ecCaClient = await issueClient(ecCa);
  return {
    ...base64Of({
      rsaRoot,
      rsaClient,
      p384Root,
      p384Client,
      p521Root,
      p521RootClient,
      p521Client: await issueClient(root, ec("P-521")),
      ed25519Root,
      ed25519Client: await issueClient(ed25519Root, ed25519),
      pssRoot,
      pssClient: await issueClient(pssRoot, { signingAlgorithm: { name: "RSA-PSS", saltLength: 32 } as Algorithm }),
      weakCa,
      weakCaClient: await issueClient(weakCa),
      weakRoot,
      weakClient: await issueClient(root, rsa(1024)),
      sha1CaClient: await issueClient(sha1Ca),
    }),
    ...spellings(ecClient, root, rsaClient, rsaRoot),
    explicitCa: resign(ecCa, root, ({ tbs }) => spellCurve(tbs)),
    explicitCaClient: ecCaClient.base64,
    pointlessRoot: edit(ed25519Root.base64, ({ tbs }) => {
      members(tbs[FIELD.key])[1] = tlv(TAG.bitString, [0, 2, ...Array<number>(31).fill(0)]);
    }),
    lowOrderClient: resign(ecClient, root, ({ tbs }) => {
      tbs[FIELD.key] = sequence(sequence(oid("1.3.101.112")), tlv(TAG.bitString, [0, 1, ...Array<number>(31).fill(0)]));
    }),
    p384ClientTwin: withOtherSignature(p384Client.base64, "P-384"),
    p521RootClientTwin: withOtherSignature(p521RootClient.base64, "P-521"),
    sha1Ca: resign(sha1Ca, root, undefined, SHA1_WITH_ECDSA),
    sha1Client: resign(rsaClient, rsaRoot, undefined, SHA1_WITH_RSA),
    sha1EcClient: resign(ecClient, root, undefined, SHA1_WITH_ECDSA),
    secp256k1Client: resign(ecClient, root, ({ tbs }) => {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
      tbs[FIELD.key] = decode(publicKey.export({ type: "spki", format: "der" }));
    }),
    exponentOneClient: resign(rsaClient, rsaRoot, ({ tbs }) => setExponentToOne(tbs), {
      hash: "sha256",
      identifier: sequence(oid("1.2.840.113549.1.1.11"), NULL),
    }),
  };
}

const RSA_SHA256 = { hash: "sha256", identifier: sequence(oid("1.2.840.113549.1.1.11"), NULL) };

/** One key in another spelling than its kind has: each has another digest than the key that it is. */
function spellings(ecClient: Identity, root: Identity, rsaClient: Identity, rsaRoot: Identity) {
  return {
    explicitClient: resign(ecClient, root, ({ tbs }) => spellCurve(tbs)),
    compressedClient: resign(ecClient, root, ({ tbs }) => compressPoint(tbs)),
    hybridClient: resign(ecClient, root, ({ tbs }) => compressPoint(tbs, { isHybrid: true })),
    rsaWithoutNullClient: resign(
      rsaClient,
      rsaRoot,
      ({ tbs }) => void members(members(tbs[FIELD.key])[0]).splice(1),
      RSA_SHA256,
    ),
    rsaOldNameClient: resign(
      rsaClient,
      rsaRoot,
      ({ tbs }) => void members(members(tbs[FIELD.key])[0]).splice(0, 1, oid("2.5.8.1.1")),
      RSA_SHA256,
    ),
  };
}

/** P-256 by its numbers instead of its name (RFC 3279 §2.3.5). */
function spellCurve(tbs: CertificateParts["tbs"]): void {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" });
  const [algorithm] = members(decode(publicKey.export({ type: "spki", format: "der" })));
  members(tbs[FIELD.key])[0] = algorithm as Tlv;
}

/** The point by its x and a bit of y, or by both and that bit. */
function compressPoint(tbs: CertificateParts["tbs"], { isHybrid = false } = {}): void {
  const key = members(tbs[FIELD.key]);
  const point = (key[1] as Tlv).content as Uint8Array;
  const parity = (point.at(-1) as number) & 1;
  const rest = isHybrid ? point.subarray(2) : point.subarray(2, 34);
  key[1] = tlv(TAG.bitString, concat(Uint8Array.of(0, (isHybrid ? 6 : 2) + parity), rest));
}

/** RSA with e = 1: whatever is "signed" under it verifies. */
function setExponentToOne(tbs: CertificateParts["tbs"]): void {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const modulus = Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url");
  const key = sequence(tlv(TAG.integer, [0, ...modulus]), tlv(TAG.integer, [1]));
  tbs[FIELD.key] = sequence(sequence(oid("1.2.840.113549.1.1.1"), NULL), {
    tag: TAG.bitString,
    content: Uint8Array.of(0, ...encode(key)),
  });
}
