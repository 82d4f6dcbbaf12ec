// Measures only the checks of certificates, in this process: path validation, revocation lists of a thousand and of a million
// serial numbers, and allowlists of ten and of a hundred thousand certificates.

import { randomBytes } from "node:crypto";
import { type Identity, issueCertificate } from "../cli/dev/authority.ts";
import { admitByCertificate } from "../core/admission/admit.ts";
import { compilePolicy } from "../core/policy/compile.ts";
import { type Policy, selectRoute } from "../core/policy/policy.ts";
import { indexLists, NO_LISTS, type RevocationLists } from "../core/revocation/revocation.ts";
import { type ProvenCertificate, verifyTrust } from "../core/trust/verify.ts";
import { CERTIFICATE_CACHE_ENTRIES } from "../core/wire.ts";
import { parseClientCertificate } from "../core/x509/client-certificate.ts";
import { parseCrl } from "../core/x509/crl.ts";
import { measureInProcess as measure, type Subjects, times } from "./in-process.ts";
import { issueLargeCrl } from "./large-crl.ts";
import type { Report, Volume } from "./report.ts";

const PATH = "/hooks/orders";
const COMMON_NAME = "webhooks.example.net";
const MAX_RATIO = 2;

const CHEAP_FACTOR = 20;
const EXPENSIVE_FACTOR = 0.1;

export async function benchTrust(volume: Volume): Promise<Report[]> {
  const now = Math.floor(Date.now() / 1000);
  const root = await issueCertificate({ subject: nameOf("Example Global Root"), ca: {} });
  const chain = await issueChain(root);
  return [
    ...(await pathReports(volume, root, chain, now)),
    ...(await listReports(times(volume, CHEAP_FACTOR), root, chain, now)),
    await measure("trust: allowlist", times(volume, CHEAP_FACTOR), allowlistSubjects(root, chain, now), [
      { against: "10 entries", ratio: MAX_RATIO },
    ]),
  ];
}

interface Chain {
  readonly leaf: string;
  readonly intermediates: readonly string[];
}

async function issueChain(root: Identity): Promise<Chain> {
  const ca = await issueCertificate({ subject: nameOf("Example CA"), ca: { pathLength: 0 } }, root);
  const leaf = await issueCertificate({ subject: nameOf(COMMON_NAME) }, ca);
  return { leaf: leaf.base64, intermediates: [ca.base64] };
}

function nameOf(commonName: string) {
  return [{ C: ["US"] }, { O: ["Example, Inc."] }, { CN: [commonName] }];
}

function makePolicy(root: Identity, certificates: readonly object[], crls?: object): Policy {
  return compilePolicy({
    anchors: { root: crls === undefined ? root.pem : { certificate: root.pem, crls } },
    senders: { example: { certificates, trust: { anchors: ["root"] } } },
    routes: { [PATH]: { senders: ["example"], methods: ["POST"] } },
  });
}

function prove(policy: Policy, { leaf, intermediates }: Chain, lists: RevocationLists, now: number): ProvenCertificate {
  const certificate = parseClientCertificate({ leaf, intermediates, platform: undefined });
  return verifyTrust(certificate, policy.senders, { deny: policy.deny, lists, now });
}

/**
 * Measures path validation with cached and with new certificates. The function `cold` presents more certificates in turn than the
 * cache can hold. So each certificate must be parsed and verified again.
 */
async function pathReports(volume: Volume, root: Identity, chain: Chain, now: number): Promise<Report[]> {
  const policy = makePolicy(root, [{ subject: { CN: COMMON_NAME } }]);
  const chains = await Promise.all(Array.from({ length: CERTIFICATE_CACHE_ENTRIES }, () => issueChain(root)));
  const cached = () => prove(policy, chain, NO_LISTS, now);
  let next = 0;
  const cold = () => {
    prove(policy, chains[next % chains.length] as Chain, NO_LISTS, now);
    next += 1;
  };
  return [
    await measure("trust: path", times(volume, CHEAP_FACTOR), { "parsed before": cached }, []),
    await measure("trust: path", times(volume, EXPENSIVE_FACTOR), { cold }, []),
  ];
}

const SMALL = 1_000;
const LARGE = 1_000_000;

async function listReports(volume: Volume, root: Identity, chain: Chain, now: number): Promise<Report[]> {
  const parse = (size: number) => {
    const der = issueLargeCrl(root, size, now);
    const start = performance.now();
    const list = parseCrl(der);
    const milliseconds = Math.round(performance.now() - start);
    process.stderr.write(`list of ${size} serials, ${der.byteLength} bytes: parsed in ${milliseconds} ms\n`);
    return list;
  };
  const [small, large] = [parse(SMALL), parse(LARGE)];
  const serials = Array.from({ length: volume.eventsPerRound }, () => randomBytes(16).toString("hex"));
  const policy = makePolicy(root, [{ subject: { CN: COMMON_NAME } }], {
    sources: ["http://crl.example/"],
    freshness: "prefer",
  });
  const [smallLists, largeLists] = [indexLists([small]), indexLists([large])];
  return [
    await measure(
      "trust: path with a list",
      volume,
      {
        "1,000,000 serials": () => prove(policy, chain, largeLists, now),
        "1,000 serials": () => prove(policy, chain, smallLists, now),
      },
      [{ against: "1,000 serials", ratio: MAX_RATIO }],
    ),
    await measure(
      "trust: look-up of a random serial",
      volume,
      {
        "1,000,000 serials": (index) => large.lists(serials[index] as string),
        "1,000 serials": (index) => small.lists(serials[index] as string),
      },
      [{ against: "1,000 serials", ratio: MAX_RATIO }],
    ),
  ];
}

function allowlistSubjects(root: Identity, chain: Chain, now: number): Subjects {
  const entry = (index: number) => ({ subject: { CN: `client-${index}.example`, O: "Example, Inc." } });
  const make = (size: number) => {
    const others = Array.from({ length: size - 1 }, (_, index) => entry(index));
    // Only the last entry matches the certificate.
    const policy = makePolicy(root, [...others, { subject: { CN: COMMON_NAME, O: "Example, Inc." } }]);
    const proven = prove(policy, chain, NO_LISTS, now);
    const route = selectRoute(policy, PATH, "POST");
    return () => admitByCertificate(proven, route.senders, now);
  };
  return { "100,000 entries": make(100_000), "10 entries": make(10) };
}
