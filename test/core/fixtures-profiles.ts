// What extensions permit: key usage, extended key usage, critical extensions, name constraints.

import { CertificatePolicyExtension, Extension, KeyUsageFlags } from "@peculiar/x509";
import { CLIENT_AUTH, SERVER_AUTH } from "../../cli/dev/authority.ts";
import { encodeName } from "./certificate-edit.ts";
import { encode, oid, sequence, TAG, type Tlv, tlv } from "./der-edit.ts";
import type { Hierarchy } from "./fixtures-hierarchy.ts";
import { base64Of, issueCa, issueClient, nameOf, ORGANIZATION } from "./fixtures-issue.ts";

const ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";

export async function makeProfiles({ root }: Pick<Hierarchy, "root">) {
  return {
    ...(await makeKeyUsages(root)),
    ...(await makeCriticals(root)),
    ...(await makeConstrained(root)),
  };
}

async function makeKeyUsages(root: Hierarchy["root"]) {
  const clientOnlyCa = await issueCa("Client CA", root, { extendedKeyUsage: [CLIENT_AUTH] });
  const noCertSignCa = await issueCa("No Cert Sign", root, { keyUsage: KeyUsageFlags.digitalSignature });
  const noKeyUsageCa = await issueCa("No Key Usage", root, { keyUsage: 0 });
  return base64Of({
    clientOnlyCa,
    clientOnlyCaClient: await issueClient(clientOnlyCa),
    noCertSignCa,
    noCertSignCaClient: await issueClient(noCertSignCa),
    noKeyUsageCa,
    noKeyUsageCaClient: await issueClient(noKeyUsageCa),
    noUsages: await issueClient(root, { keyUsage: 0, extendedKeyUsage: [] }),
    encipherOnly: await issueClient(root, { keyUsage: KeyUsageFlags.keyEncipherment }),
    serverOnly: await issueClient(root, { extendedKeyUsage: [SERVER_AUTH] }),
    serverAndClient: await issueClient(root, { extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH] }),
    anyPurpose: await issueClient(root, { extendedKeyUsage: [ANY_EXTENDED_KEY_USAGE] }),
  });
}

async function makeCriticals(root: Hierarchy["root"]) {
  const unknown = (critical: boolean) => [new Extension("1.3.6.1.4.1.99999.1", critical, Uint8Array.of(5, 0))];
  const policies = [new CertificatePolicyExtension(["2.5.29.32.0"], true)];
  const criticalCa = await issueCa("Critical CA", root, { extensions: unknown(true) });
  const criticalRoot = await issueCa("Critical Root", undefined, { extensions: unknown(true) });
  const constrains = (id: string, value: Tlv) => [new Extension(id, false, Uint8Array.from(encode(value)))];
  const requirePolicy = constrains("2.5.29.36", sequence(tlv(0x80, [0])));
  const policyConstraintsCa = await issueCa("Policy Constraints CA", root, { extensions: requirePolicy });
  const inhibitAnyPolicyCa = await issueCa("Inhibit CA", root, {
    extensions: constrains("2.5.29.54", tlv(TAG.integer, [0])),
  });
  const policyConstraintsRoot = await issueCa("Policy Constraints Root", undefined, { extensions: requirePolicy });
  const qualifier = sequence(oid("1.2.3.5"), tlv(TAG.utf8, "a"));
  const qualified = sequence(sequence(oid("1.2.3.4"), sequence(qualifier)));
  const policiesCa = await issueCa("Policies CA", root, { extensions: policies });
  return base64Of({
    criticalCa,
    criticalCaClient: await issueClient(criticalCa),
    criticalRoot,
    criticalRootClient: await issueClient(criticalRoot),
    criticalClient: await issueClient(root, { extensions: unknown(true) }),
    uncriticalClient: await issueClient(root, { extensions: unknown(false) }),
    policyConstraintsCa,
    policyConstraintsCaClient: await issueClient(policyConstraintsCa),
    policyConstraintsRoot,
    policyConstraintsRootClient: await issueClient(policyConstraintsRoot),
    policyConstraintsClient: await issueClient(root, { extensions: requirePolicy }),
    inhibitAnyPolicyCa,
    inhibitAnyPolicyCaClient: await issueClient(inhibitAnyPolicyCa),
    qualifierClient: await issueClient(root, {
      extensions: [new Extension("2.5.29.32", true, Uint8Array.from(encode(qualified)))],
    }),
    policiesCa,
    policiesClient: await issueClient(policiesCa, { extensions: policies }),
  });
}

/** The NameConstraints extension of these GeneralNames. */
function constraints(permitted: readonly Tlv[], excluded: readonly Tlv[] = []): Extension[] {
  const subtrees = (tag: number, bases: readonly Tlv[]) =>
    bases.length === 0
      ? []
      : [
          tlv(
            tag,
            bases.map((base) => sequence(base)),
          ),
        ];
  const value = sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded));
  return [new Extension("2.5.29.30", true, Uint8Array.from(encode(value)))];
}

async function makeConstrained(root: Hierarchy["root"]) {
  const [email, dns] = [0x81, 0x82];
  const ofTests = tlv(0xa4, [
    encodeName([["2.5.4.6", TAG.printable, "US"]], [["2.5.4.10", TAG.printable, ORGANIZATION]]),
  ]);
  const dnsCa = await issueCa("DNS CA", root, { extensions: constraints([tlv(dns, "client.example")]) });
  const evilCa = await issueCa("Exclude CA", root, { extensions: constraints([], [tlv(dns, "evil.example")]) });
  const emailCa = await issueCa("Email CA", root, { extensions: constraints([tlv(email, "client.example")]) });
  const nameCa = await issueCa("Name CA", root, { extensions: constraints([ofTests]) });
  const oddCa = await issueCa("Odd CA", root, { extensions: constraints([tlv(0x88, [0x2a])]) });
  const networks = [
    [192, 0, 2, 0, 255, 255, 255, 0],
    [0x20, 1, 0xd, 0xb8, ...Array(12).fill(0), ...Array(4).fill(255), ...Array(12).fill(0)],
  ];
  const notThese = constraints(
    [],
    networks.map((octets) => tlv(0x87, octets)),
  );
  const ipCa = await issueCa("IP CA", root, { extensions: notThese });
  const dnsSub = await issueCa("evil.example", dnsCa);
  // Its own name is outside of what it permits, which only a CA that it issued to itself may be.
  const selfCa = await issueCa("ca.example", root, { extensions: constraints([tlv(dns, "client.example")]) });
  const selfCaNew = await issueCa("ca.example", selfCa);
  const mail = (address: string) => [...nameOf("Client"), { E: [address] }];
  const san = (value: string) => [{ type: "dns", value } as const];
  return base64Of({
    dnsCa,
    dnsCaGood: await issueClient(dnsCa, { subjectAltNames: san("hooks.client.example") }),
    dnsCaBadSan: await issueClient(dnsCa, { subjectAltNames: san("evil.example") }),
    dnsCaBadCommonName: await issueClient(dnsCa, { subject: nameOf("evil.example") }),
    dnsCaBadCommonNameGoodSan: await issueClient(dnsCa, {
      subject: nameOf("evil.example"),
      subjectAltNames: san("client.example"),
    }),
    dnsCaPlainCommonName: await issueClient(dnsCa, { subject: nameOf("Evil Example") }),
    dnsCaAddress: await issueClient(dnsCa, { subject: nameOf("192.0.2.7") }),
    ipCa,
    ipCaGood: await issueClient(ipCa, { subject: nameOf("192.0.3.7") }),
    ipCaBad: await issueClient(ipCa, { subject: nameOf("192.0.2.7") }),
    ipCaBadIpv6: await issueClient(ipCa, { subject: nameOf("2001:DB8:0::7") }),
    dnsSub,
    dnsSubClient: await issueClient(dnsSub),
    selfCa,
    selfCaNew,
    selfCaNewClient: await issueClient(selfCaNew),
    evilCa,
    evilCaGood: await issueClient(evilCa, { subjectAltNames: san("client.example") }),
    evilCaBad: await issueClient(evilCa, { subjectAltNames: san("hooks.EVIL.example") }),
    emailCa,
    emailCaGood: await issueClient(emailCa, { subject: mail("ops@client.example") }),
    emailCaBad: await issueClient(emailCa, { subject: mail("ops@evil.example") }),
    nameCa,
    nameCaGood: await issueClient(nameCa),
    nameCaBad: await issueClient(nameCa, { subject: [{ C: ["US"] }, { O: ["Evil"] }, { CN: ["client.example"] }] }),
    nameCaBadSan: await issueClient(nameCa, { subjectAltNames: [{ type: "dn", value: "O=Evil" }] }),
    oddCa,
    oddCaClient: await issueClient(oddCa),
  });
}
