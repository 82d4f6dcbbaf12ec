// Refusals because of the presented certificate. Each case uses a certificate with one fault.

import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import { Extension, KeyUsageFlags } from "@peculiar/x509";
import { type CertificateRequest, type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import type { RefusalCode } from "../../../core/refusal.ts";
import { ACME, MARKER, subjectOf } from "../../support/senders.ts";
import { NO_CERTIFICATE, type TlsClientAuth, tlsClientAuth } from "../../support/tls-client-auth.ts";
import type { RefusalCase, World } from "./world.ts";

type Presented = TlsClientAuth | null | Promise<TlsClientAuth>;

function presented(
  code: RefusalCode,
  name: string,
  present: (world: World) => Presented,
  target = "/hooks/acme",
): RefusalCase {
  const problem =
    code === "no_client_auth" || code === "no_certificate"
      ? "no-client-certificate"
      : code === "certificate_denied" || code === "sender_not_allowed"
        ? "sender-not-allowed"
        : "certificate-not-proven";
  return {
    code,
    name,
    status: 403,
    problem,
    async provoke(world) {
      const response = await world.local.send({ target, tls: await present(world) });
      const body = Buffer.from(await response.arrayBuffer());
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
      return { answer, lines: world.local.lines };
    },
  };
}

const leaf = (world: World, request: Partial<CertificateRequest> = {}, issuer?: Identity): Promise<Identity> =>
  issueCertificate({ subject: subjectOf(ACME), ...request }, issuer ?? world.root);

const intermediate = ({ root }: World, request: Partial<CertificateRequest> = {}, issuer?: Identity) =>
  issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {}, ...request }, issuer ?? root);

/**
 * Makes an intermediate from this certificate request, which contains a fault, and a leaf below the intermediate. The client
 * presents both certificates.
 */
async function below(world: World, request: Partial<CertificateRequest>, issuer?: Identity): Promise<TlsClientAuth> {
  const ca = await intermediate(world, request, issuer);
  return tlsClientAuth(await leaf(world, {}, ca), [ca]);
}

const day = 86_400_000;
const RSA_1024 = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 1024,
};
const onlyOtherNames = new NameConstraints({
  permittedSubtrees: new GeneralSubtrees([
    new GeneralSubtree({ base: new GeneralName({ dNSName: "elsewhere.example" }) }),
  ]),
});

export const CERTIFICATE_CASES: readonly RefusalCase[] = [
  presented("no_client_auth", "the platform says nothing of client certificates", () => null),
  presented("no_certificate", "no client certificate", () => NO_CERTIFICATE),
  presented("certificate_too_large", "a leaf over the platform's field limit", ({ acme }) =>
    tlsClientAuth(acme, [], { certRFC9440: "", certRFC9440TooLarge: true }),
  ),
  presented("certificate_too_large", "a chain over the platform's field limit", ({ acme }) =>
    tlsClientAuth(acme, [], { certChainRFC9440TooLarge: true }),
  ),
  presented("certificate_malformed", "a leaf that is no DER", ({ acme }) =>
    tlsClientAuth(acme, [], { certRFC9440: `:${Buffer.from(MARKER).toString("base64")}:` }),
  ),
  presented("certificate_malformed", "an intermediate that is no DER", ({ acme }) =>
    tlsClientAuth(acme, [], { certChainRFC9440: ":AAAA:" }),
  ),
  presented("certificate_inconsistent", "a fingerprint of another certificate", ({ acme }) =>
    tlsClientAuth(acme, [], { certFingerprintSHA256: "ab".repeat(32) }),
  ),
  presented("certificate_not_yet_valid", "a certificate of tomorrow", async (world) =>
    tlsClientAuth(await leaf(world, { notBefore: new Date(Date.now() + day) })),
  ),
  presented("certificate_expired", "a certificate of yesterday, whatever the platform says", async (world) => {
    const expired = await leaf(world, {
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day),
    });
    return tlsClientAuth(expired, [], { certVerified: "SUCCESS" });
  }),
  presented("certificate_is_ca", "a CA certificate as client certificate", async (world) =>
    tlsClientAuth(await leaf(world, { ca: {} })),
  ),
  presented("wrong_key_usage", "a key for encipherment only", async (world) =>
    tlsClientAuth(await leaf(world, { keyUsage: KeyUsageFlags.keyEncipherment })),
  ),
  presented("wrong_extended_key_usage", "a server's certificate", async (world) =>
    tlsClientAuth(await leaf(world, { extendedKeyUsage: [SERVER_AUTH] })),
  ),
  presented("unknown_critical_extension", "a critical extension that nobody knows", async (world) =>
    tlsClientAuth(await leaf(world, { extensions: [new Extension("1.2.3.4.5", true, new Uint8Array([5, 0]))] })),
  ),
  presented("algorithm_not_accepted", "an RSA key of 1024 bits", async (world) =>
    tlsClientAuth(await leaf(world, { keyAlgorithm: RSA_1024 })),
  ),
  presented("algorithm_not_accepted", "a signature over SHA-1", async (world) =>
    tlsClientAuth(await leaf(world, { signingAlgorithm: { name: "ECDSA", hash: "SHA-1" } })),
  ),
  presented(
    "platform_not_verified",
    "a platform's verdict that is not SUCCESS where it is asked for",
    ({ acme }) => tlsClientAuth(acme),
    "/hooks/platform",
  ),
  presented("platform_disagrees", "a platform that finds another fault", ({ acme }) =>
    tlsClientAuth(acme, [], { certVerified: "FAILED:certificate signature failure" }),
  ),
  presented(
    "platform_revoked",
    "a certificate that the platform verified and calls revoked (Cloudflare, December 2022)",
    ({ acme }) => tlsClientAuth(acme, [], { certVerified: "SUCCESS", certRevoked: "1" }),
  ),
  presented(
    "issuer_unknown",
    "a certificate of another CA with the right subject, which the platform verified (CVE-2025-23419)",
    async (world) => {
      const stranger = await issueCertificate({ subject: subjectOf(`${MARKER} Stranger`), ca: {} });
      return tlsClientAuth(await leaf(world, {}, stranger), [stranger], { certVerified: "SUCCESS" });
    },
  ),
  presented("too_many_intermediates", "eleven intermediates", ({ acme, root }) =>
    tlsClientAuth(acme, Array<Identity>(11).fill(root)),
  ),
  presented("chain_too_deep", "an intermediate where none is allowed", (world) => below(world, {}), "/hooks/shallow"),
  presented("signature_invalid", "a forged signature under the name of the CA", async (world) => {
    const forger = await issueCertificate({ subject: subjectOf(`${MARKER} Root`), ca: {} });
    const { root } = world;
    const keys = { publicKey: root.keys.publicKey, privateKey: forger.keys.privateKey };
    return tlsClientAuth(await leaf(world, {}, { ...root, keys }));
  }),
  presented("issuer_not_ca", "a certificate signed by another sender's", async (world) =>
    tlsClientAuth(await leaf(world, {}, world.beta), [world.beta]),
  ),
  presented("path_length_exceeded", "an intermediate below a CA that may have none", (world) =>
    below(world, {}, world.tightRoot),
  ),
  presented("issuer_not_in_date", "an expired intermediate", (world) =>
    below(world, { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) }),
  ),
  presented("name_not_permitted", "a name outside the name constraints of its issuer", async (world) => {
    const constraints = new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(onlyOtherNames));
    const ca = await intermediate(world, { extensions: [constraints] });
    const named = await leaf(world, { subjectAltNames: [{ type: "dns", value: "here.example" }] }, ca);
    return tlsClientAuth(named, [ca]);
  }),
  presented("certificate_denied", "a certificate on the deny list", ({ denied }) => tlsClientAuth(denied)),
  presented("sender_not_allowed", "a proven certificate of another sender", ({ beta }) => tlsClientAuth(beta)),
  presented("sender_not_allowed", "a name that only resembles the sender's", async (world) =>
    tlsClientAuth(await leaf(world, { subject: subjectOf(ACME.toUpperCase()) })),
  ),
  presented(
    "sender_not_allowed",
    "a proven certificate at another sender's route",
    ({ acme }) => tlsClientAuth(acme),
    "/hooks/beta",
  ),
];
