// Measures a policy with ten thousand senders and a million accepted certificates: the time to load it, and the time to judge a
// certificate. Runs in this process.

import { type Identity, issueCertificate } from "../cli/dev/authority.ts";
import { findCandidates } from "../core/admission/admit.ts";
import type { Evidence } from "../core/admission/candidate.ts";
import { compilePolicy } from "../core/policy/compile.ts";
import { type Policy, selectRoute } from "../core/policy/policy.ts";
import { NO_LISTS } from "../core/revocation/revocation.ts";
import { parseClientCertificate } from "../core/x509/client-certificate.ts";
import { measureInProcess } from "./in-process.ts";
import type { Report, Volume } from "./report.ts";

const MANY = 10_000;
const FEW = 10;

interface Size {
  readonly senders: number;
  /** The number of accepted certificates of each sender. */
  readonly entries: number;
  readonly shape: "a route each" | "one route";
}

const nameOf = ({ senders, entries, shape }: Size) => `${senders} senders, ${entries * senders} entries, ${shape}`;

export async function benchScale(volume: Volume): Promise<Report> {
  const root = await issueCertificate({ subject: subjectOf("Example Global Root"), ca: {} });
  const subjects: Record<string, () => unknown> = {};
  for (const size of [
    { senders: MANY, entries: 100, shape: "a route each" },
    { senders: FEW, entries: 100, shape: "a route each" },
    { senders: MANY, entries: 1, shape: "one route" },
  ] as const) {
    subjects[nameOf(size)] = await judgeOne(root, size);
  }
  return await measureInProcess("scale: a known certificate is judged", volume, subjects, [
    { against: nameOf({ senders: FEW, entries: 100, shape: "a route each" }), ratio: 2 },
  ]);
}

function subjectOf(commonName: string) {
  return [{ C: ["US"] }, { O: ["Example, Inc."] }, { CN: [commonName] }];
}

const commonNameOf = (sender: number, entry: number) => `client-${sender}-${entry}.example`;

/** Returns a function that judges a certificate. The last entry of the last sender matches this certificate. */
async function judgeOne(root: Identity, size: Size): Promise<() => unknown> {
  const { senders, entries, shape } = size;
  const policy = loadPolicy(root, size);
  const leaf = await issueCertificate({ subject: subjectOf(commonNameOf(senders - 1, entries - 1)) }, root);
  const evidence: Evidence = {
    certificate: parseClientCertificate({ leaf: leaf.base64, intermediates: [], platform: undefined }),
    headers: new Headers(),
    facts: { deny: policy.deny, lists: NO_LISTS, now: Math.floor(Date.now() / 1000) },
    secrets: new Map(),
    receivedAt: Math.floor(Date.now() / 1000),
  };
  const path = pathOf(shape, senders - 1);
  return () => findCandidates(selectRoute(policy, path, "POST").senders, evidence);
}

function pathOf(shape: Size["shape"], sender: number): string {
  return shape === "one route" ? "/hooks/all" : `/hooks/sender-${sender}`;
}

/** Loads the policy from its text, as a program does when it starts. Prints the time and the memory that loading takes. */
function loadPolicy(root: Identity, size: Size): Policy {
  const text = writePolicy(root, size);
  const before = process.memoryUsage().rss;
  const start = readCpuMilliseconds();
  const document: unknown = JSON.parse(text);
  const parsed = readCpuMilliseconds();
  const policy = compilePolicy(document);
  const compiled = readCpuMilliseconds();
  const facts = [
    `${(text.length / 1e6).toFixed(1)} MB of JSON`,
    `parsed in ${Math.round(parsed - start)} ms of CPU`,
    `compiled in ${Math.round(compiled - parsed)} ms`,
    `the process grew by ${Math.round((process.memoryUsage().rss - before) / 1e6)} MB`,
  ];
  process.stderr.write(`${nameOf(size)}: ${facts.join(", ")}\n`);
  return policy;
}

function readCpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function writePolicy(root: Identity, { senders, entries, shape }: Size): string {
  const names = Array.from({ length: senders }, (_, sender) => `sender-${sender}`);
  const entriesOf = (sender: number) =>
    Array.from({ length: entries }, (_, entry) => ({
      subject: { CN: commonNameOf(sender, entry), O: "Example, Inc." },
    }));
  const routeOf = (admitted: readonly string[]) => ({ senders: admitted, methods: ["POST"] });
  return JSON.stringify({
    anchors: { root: root.pem },
    senders: Object.fromEntries(
      names.map((name, sender) => [name, { certificates: entriesOf(sender), trust: { anchors: ["root"] } }]),
    ),
    routes:
      shape === "one route"
        ? { [pathOf(shape, 0)]: routeOf(names) }
        : Object.fromEntries(names.map((name, sender) => [pathOf(shape, sender), routeOf([name])])),
  });
}
