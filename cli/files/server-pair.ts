// Reads the certificate and key of a listener. If every client would refuse the certificate, the start fails. In contrast, a fault
// that only some clients notice is only reported.

import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { faultsOfServer, oneLine } from "../../origin/node/tls/server-certificate.ts";
import { reportsFiles } from "../../origin/service/workers/worker.ts";
import { UsageError } from "../command.ts";
import { complainLogLine } from "../output.ts";
import { type Pair, readPair } from "./certificates.ts";

/** @throws UsageError that names the faulty file */
export function readServerPair(certificateFile: string, keyFile: string, passphraseFile?: string): Pair {
  const pair = readPair(certificateFile, keyFile, passphraseFile);
  const faults = faultsOfServer(pair.chain);
  if (faults.length > 0) throw new UsageError(`${certificateFile}: ${faults.join("; ")}`);
  reportGap(certificateFile, pair.chain);
  return pair;
}

/**
 * Reports a gap in the chain: each certificate of the file must be issued by the next one, and the last by itself or a public root.
 */
function reportGap(file: string, chain: readonly X509Certificate[]): void {
  const gap = chain.find((certificate, index) => {
    const next = chain[index + 1];
    return next === undefined ? !isIssuedByRoot(certificate) : !certificate.checkIssued(next);
  });
  if (gap === undefined || !reportsFiles()) return;
  const [subject, issuer] = [gap.subject, gap.issuer].map(oneLine);
  const remedy =
    "append the intermediate certificates to the file, each issuer after the certificate that it issued; if the issuer is a root that every sender trusts, nothing is missing";
  complainLogLine({ decision: "warning", code: "server_chain_incomplete", file, certificate: subject, issuer, remedy });
}

function isIssuedByRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) || publicRoots().has(certificate.issuer);
}

let roots: ReadonlySet<string> | undefined;

function publicRoots(): ReadonlySet<string> {
  roots ??= new Set(rootCertificates.map((pem) => new X509Certificate(pem).subject));
  return roots;
}
