// Tests which subjects the presets admit: the subjects in the certificate files that the senders publish, and no similar subject.

import "reflect-metadata";
import { KeyUsageFlags } from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import {
  type Authority,
  anchorOption,
  chainOption,
  judge,
  makeAuthority,
  policyBelow,
  presetDocument,
  replaceAnchor,
  replacePin,
  WINDOW,
} from "./world.ts";

/** The key usage of a CA that uses its own CA certificate as its client certificate. */
const OF_SENDING_CA = KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature;

type Subject = Record<string, string>;

const NOW = Date.UTC(2026, 10, 24) / 1000;
const digicert = await makeAuthority("DigiCert Global Root G2", "DigiCert Global G2 TLS RSA SHA256 2020 CA1");
const sslCom = await makeAuthority("SSL.com Root RSA", "SSL.com Client Certificate Intermediate CA RSA R2");
const gts = await makeAuthority("GTS Root R1", "An Issuing CA of GTS");
const stranger = await makeAuthority("DigiCert Global Root G2", "DigiCert Global G2 TLS RSA SHA256 2020 CA1");

const PAGERDUTY = { C: "US", ST: "California", L: "San Francisco", O: "PagerDuty, Inc.", CN: "webhooks.pagerduty.com" };
const WORKFRONT = {
  C: "US",
  ST: "California",
  L: "San Jose",
  O: "Adobe Inc.",
  CN: "*.prod.eventsubscriptions.workfront.com",
};
/** The subject of another customer of the sender's public CA. */
const CUSTOMER = { C: "US", O: "Another Customer, Inc.", CN: "webhooks.customer.example" };

function issue(authority: Authority, subject: Subject, dns: readonly string[] = []): Promise<Identity> {
  return authority.issue({
    subject: Object.entries(subject).map(([type, value]) => ({ [type]: [value] })),
    ...(dns.length > 0 && { subjectAltNames: dns.map((value) => ({ type: "dns" as const, value })) }),
  });
}

async function verdict(policy: Policy, authority: Authority, subject: Subject, dns: readonly string[] = []) {
  return judge(policy, await issue(authority, subject, dns), authority, NOW);
}

describe("pagerduty", () => {
  const policy = policyBelow(presetDocument("pagerduty"), { digicert });

  it.each(["webhooks.pagerduty.com", "webhooks.eu.pagerduty.com"])("admits %s", async (CN) => {
    expect(await verdict(policy, digicert, { ...PAGERDUTY, CN }, [CN, `www.${CN}`])).toBe("admitted");
  });

  it.each<[string, Subject]>([
    ["another customer of the CA", CUSTOMER],
    ["Workfront, of the same CA", WORKFRONT],
    ["another organization with its hostname", { ...PAGERDUTY, O: "PagerDuty Inc" }],
    ["a hostname that begins as its own", { ...PAGERDUTY, CN: "webhooks.pagerduty.com.evil.example" }],
    ["a hostname that ends as its own", { ...PAGERDUTY, CN: "evil-webhooks.pagerduty.com" }],
    ["its hostname in capitals", { ...PAGERDUTY, CN: "Webhooks.PagerDuty.com" }],
    ["its name inside another attribute", { ...CUSTOMER, OU: "CN=webhooks.pagerduty.com,O=PagerDuty\\, Inc." }],
    ["no organization", { CN: "webhooks.pagerduty.com" }],
  ])("refuses %s", async (_, subject) => {
    expect(await verdict(policy, digicert, subject)).toBe("sender_not_allowed");
  });

  it("refuses its subject below a CA that only has the names of the real one", async () => {
    expect(await verdict(policy, stranger, PAGERDUTY)).toBe("issuer_unknown");
  });
});

describe("workfront", () => {
  const policy = policyBelow(presetDocument("workfront"), { digicert });

  it.each(["prod", "preview", "sandbox"])("admits the literal wildcard of %s", async (environment) => {
    const CN = `*.${environment}.eventsubscriptions.workfront.com`;
    expect(await verdict(policy, digicert, { ...WORKFRONT, CN }, [CN])).toBe("admitted");
  });

  it.each<[string, Subject]>([
    ["the subject that Adobe's page has", { ...WORKFRONT, ST: "Utah", L: "Lehi", O: "Workfront, Inc." }],
    ["a host that the wildcard would cover", { ...WORKFRONT, CN: "a.prod.eventsubscriptions.workfront.com" }],
    ["another wildcard of the organization", { ...WORKFRONT, CN: "*.eventsubscriptions.workfront.com" }],
    ["PagerDuty, of the same CA", PAGERDUTY],
  ])("refuses %s", async (_, subject) => {
    expect(await verdict(policy, digicert, subject)).toBe("sender_not_allowed");
  });
});

describe("slack", () => {
  const policy = policyBelow(presetDocument("slack"), { digicert });
  const NAME = "platform-tls-client.slack.com";

  it("admits its alternative name, whatever the subject", async () => {
    expect(await verdict(policy, digicert, { O: "Slack" }, ["other.example", NAME])).toBe("admitted");
  });

  it.each<[string, Subject, string[]]>([
    ["the name in the subject alone", { CN: NAME }, []],
    ["another subdomain of slack.com", { CN: NAME }, ["hooks.slack.com"]],
    ["a wildcard that would cover it", { CN: NAME }, ["*.slack.com"]],
    ["a name that begins as its own", { CN: NAME }, [`${NAME}.evil.example`]],
    ["another customer of the CA", CUSTOMER, ["webhooks.customer.example"]],
  ])("refuses %s", async (_, subject, dns) => {
    expect(await verdict(policy, digicert, subject, dns)).toBe("sender_not_allowed");
  });

  it("refuses the name as an e-mail address", async () => {
    const subjectAltNames = [{ type: "email" as const, value: NAME }];
    const client = await digicert.issue({ subject: [{ O: ["Slack"] }], subjectAltNames });
    expect(judge(policy, client, digicert, NOW)).toBe("sender_not_allowed");
  });
});

describe("dialogflow", () => {
  const policy = policyBelow(presetDocument("dialogflow"), { "ssl-com": sslCom, gts });
  const OLD_ENDS = Date.parse("2026-12-01T00:00:00Z") / 1000;

  it("admits Google LLC below the one issuer", async () => {
    expect(await verdict(policy, sslCom, { CN: "Google LLC" })).toBe("admitted");
  });

  it("refuses Google LLC below another issuer of an accepted root", async () => {
    expect(await verdict(policy, gts, { CN: "Google LLC" })).toBe("sender_not_allowed");
  });

  it.each<[string, Subject]>([
    ["a person", { CN: "Jane Doe" }],
    ["a longer name", { CN: "Google LLC Support" }],
    ["the name as an organization", { O: "Google LLC", CN: "jane@customer.example" }],
  ])("refuses %s of the same issuer", async (_, subject) => {
    expect(await verdict(policy, sslCom, subject)).toBe("sender_not_allowed");
  });

  it("accepts the old certificate up to the last second of November 2026 and not in the first of December", async () => {
    const old = await issue(gts, { CN: "*.dialogflow.com" }, ["*.dialogflow.com"]);
    expect(judge(policy, old, gts, OLD_ENDS - 1)).toBe("admitted");
    expect(judge(policy, old, gts, OLD_ENDS)).toBe("sender_not_allowed");
  });

  it("accepts the new certificate before and after that date", async () => {
    const client = await issue(sslCom, { CN: "Google LLC" });
    for (const now of [OLD_ENDS - 1, OLD_ENDS, OLD_ENDS + 86_400]) {
      expect(judge(policy, client, sslCom, now)).toBe("admitted");
    }
  });
});

describe("presets of private CAs", async () => {
  const authority = await makeAuthority("Private Root", "Private Issuing CA");
  const META = { CN: "client.webhooks.fbclientcerts.com" };

  it("meta admits its subject below the given CA, and no longer below DigiCert", async () => {
    await using stack = new AsyncDisposableStack();
    const option = anchorOption(temporaryDirectory(stack), "meta-outbound-api-ca-2025-12", authority);
    const policy = policyBelow(presetDocument("meta", { anchors: [option] }), {});
    expect(await verdict(policy, authority, META)).toBe("admitted");
    expect(await verdict(policy, digicert, META)).toBe("issuer_unknown");
    expect(await verdict(policy, authority, { CN: `${META.CN}.evil.example` })).toBe("sender_not_allowed");
  });

  it("pix-efi admits the certificate that Efí publishes, and neither what it issued nor that of the sandbox", async () => {
    await using stack = new AsyncDisposableStack();
    const issueCa = (CN: string) =>
      issueCertificate({ ...WINDOW, subject: [{ CN: [CN] }], ca: {}, keyUsage: OF_SENDING_CA }, authority.root);
    const [production, sandbox] = [await issueCa("webhook.efipay.com.br"), await issueCa("webhook-h.efipay.com.br")];
    stack.use(replaceAnchor("pix-efi", "efi-pay-root", authority.root));
    stack.use(replacePin("pix-efi", production));
    const anchors = [chainOption(temporaryDirectory(stack), "efi-pay-root", { ...authority, issuing: production })];
    const document = presetDocument("pix-efi", { anchors });
    expect(Object.keys(document.anchors)).toEqual(["efi-pay-root"]);
    const policy = policyBelow(document, {});
    expect(judge(policy, production, authority, NOW)).toBe("admitted");
    expect(judge(policy, sandbox, authority, NOW)).toBe("certificate_is_ca");
    const issued = await issueCertificate({ ...WINDOW, subject: [{ CN: ["webhook.efipay.com.br"] }] }, production);
    expect(judge(policy, issued, { ...authority, issuing: production }, NOW)).toBe("sender_not_allowed");
  });

  it("pix-efi refuses a file without the root that Efí publishes", async () => {
    await using stack = new AsyncDisposableStack();
    const option = chainOption(temporaryDirectory(stack), "efi-pay-root", authority);
    expect(() => presetDocument("pix-efi", { anchors: [option] })).toThrow(/efi-pay-root must be .*e43aadaa/);
  });

  it("docusign refuses a proven certificate until an entry accepts it", async () => {
    const policy = policyBelow(presetDocument("docusign"), { digicert });
    expect(await verdict(policy, digicert, { O: "DocuSign, Inc.", CN: "anything" })).toBe("sender_not_allowed");
  });

  it("private-ca accepts the certificate that is given, and no other of the CA", async () => {
    await using stack = new AsyncDisposableStack();
    const directory = temporaryDirectory(stack);
    const client = await issue(authority, { O: "Partner", CN: "webhooks.partner.example" });
    const file = anchorOption(directory, "client", { ...authority, root: client }).replace("client=", "");
    const anchors = [anchorOption(directory, "partner-ca", authority)];
    const policy = policyBelow(presetDocument("private-ca", { anchors, certificates: [file] }), {});
    expect(policy.routes[0]?.isObserved).toBe(false);
    expect(judge(policy, client, authority, NOW)).toBe("admitted");
    expect(await verdict(policy, authority, { O: "Partner", CN: "other.partner.example" })).toBe("sender_not_allowed");
  });
});
