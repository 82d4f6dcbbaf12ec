// Runs the program `openssl` to verify a certificate, as the OpenSSL library does in the handshake of a listener. The verdict is
// shown as a forecast, because the program and the library in Node may have different versions.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../core/failure-chain.ts";
import { formatPem } from "../../core/x509/certificate.ts";

/**
 * The verdict of OpenSSL. `code` is Node's name for the error, or empty if OpenSSL verified the certificate. `why` is the reason
 * why there is no verdict.
 */
export type OpensslVerdict = { readonly code: string; readonly text: string } | { readonly why: string };

export interface OpensslQuestion {
  /** The certificate of the sender, as DER in base64. */
  readonly leaf: string;
  readonly intermediates: readonly string[];
  readonly anchors: readonly string[];
  /** If true, a CA that is not self-signed may end the path. Countersign's listeners allow such a CA. */
  readonly isPartialChain: boolean;
  /** The time at which the certificate is verified, in Unix seconds. */
  readonly at: number;
}

export type AskOpenssl = (question: OpensslQuestion) => Promise<OpensslVerdict>;

/** The names that Node gives to the error numbers of OpenSSL (x509_vfy.h). */
const CODES: Readonly<Record<string, string>> = {
  "2": "UNABLE_TO_GET_ISSUER_CERT",
  "7": "CERT_SIGNATURE_FAILURE",
  "9": "CERT_NOT_YET_VALID",
  "10": "CERT_HAS_EXPIRED",
  "18": "DEPTH_ZERO_SELF_SIGNED_CERT",
  "19": "SELF_SIGNED_CERT_IN_CHAIN",
  "20": "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "21": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "22": "CERT_CHAIN_TOO_LONG",
  "24": "INVALID_CA",
  "25": "PATH_LENGTH_EXCEEDED",
  "26": "INVALID_PURPOSE",
  "79": "INVALID_CA",
};

const NO_ISSUER = "UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
const DEADLINE_MILLISECONDS = 10_000;

/** Runs `openssl verify -purpose sslclient`. If the program or a temporary directory is missing, the result has only `why`. */
export async function askOpenssl(question: OpensslQuestion): Promise<OpensslVerdict> {
  const { leaf, intermediates, anchors, isPartialChain, at } = question;
  if (anchors.length === 0) return { code: NO_ISSUER, text: "no CA to verify it with" };
  let directory: string;
  try {
    directory = mkdtempSync(join(tmpdir(), "countersign-verify-"));
  } catch (error) {
    return { why: `no temporary directory can be made: ${messageOf(error)}` };
  }
  const file = (name: string, certificates: readonly string[]) => {
    writeFileSync(join(directory, name), certificates.map(formatPem).join(""));
    return join(directory, name);
  };
  try {
    const args = ["verify", "-purpose", "sslclient", "-attime", String(at), "-no-CApath", "-no-CAstore"];
    args.push("-CAfile", file("anchors.pem", anchors));
    if (intermediates.length > 0) args.push("-untrusted", file("chain.pem", intermediates));
    if (isPartialChain) args.push("-partial_chain");
    return read(await run([...args, file("leaf.pem", [leaf])]), intermediates.length);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function read({ stdout, stderr, isOk, why }: Awaited<ReturnType<typeof run>>, intermediates: number): OpensslVerdict {
  const [, number = "", depth = "", text = ""] =
    /error (\d+) at (\d+) depth lookup: ?([^\n]*)/.exec(`${stdout}\n${stderr}`) ?? [];
  if (isOk && / OK\s*$/.test(stdout)) return { code: "", text: "OK" };
  if (number === "") return { why: why ?? "openssl verify gave no verdict" };
  const code = CODES[number] ?? `OpenSSL error ${number}`;
  // If the issuer is missing, `openssl verify` reports this error and stops. In a TLS handshake, OpenSSL continues the
  // verification, and reports a later error if the client sent no intermediates. The verdict is a forecast of a handshake, so it
  // has the code of the later error.
  const isLone = code === NO_ISSUER && depth === "0" && intermediates === 0;
  return { code: isLone ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : code, text: `${text} (at depth ${depth})` };
}

function run(args: readonly string[]) {
  return new Promise<{ stdout: string; stderr: string; isOk: boolean; why?: string }>((resolve) => {
    execFile("openssl", [...args], { timeout: DEADLINE_MILLISECONDS }, (error, stdout, stderr) => {
      const isMissing = error?.code === ("ENOENT" as unknown);
      resolve({ stdout, stderr, isOk: error === null, ...(isMissing && { why: "there is no program openssl here" }) });
    });
  });
}
