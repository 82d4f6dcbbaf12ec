// Reads a server's handshake messages from `openssl s_client`, because Node shows a client neither the certificate request nor the
// chain as it was sent.

import { execFile } from "node:child_process";

export type TlsVersion = "tls1" | "tls1_1" | "tls1_2" | "tls1_3";

interface Message {
  readonly isTls13: boolean;
  readonly content: Buffer;
}

/** The messages of the server by name. If a name occurs several times, the first message is kept. */
export type Handshake = ReadonlyMap<string, Message>;

const DEADLINE_MILLISECONDS = 15_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * Starts a handshake without a certificate, and ends the connection afterwards. If `only` is given, offers only this TLS version,
 * and sets OpenSSL's lowest security level, because OpenSSL requires this level for versions before 1.2.
 * @returns undefined if there is no program `openssl`
 */
export async function observeHandshake(
  { host, port, serverName }: { readonly host: string; readonly port: number; readonly serverName: string },
  only?: TlsVersion,
): Promise<Handshake | undefined> {
  const address = host.includes(":") ? `[${host}]` : host;
  const version = only === undefined ? [] : [`-${only}`, "-cipher", "ALL:@SECLEVEL=0"];
  const output = await run(["s_client", "-connect", `${address}:${port}`, ...nameOf(serverName), "-msg", ...version]);
  return output === undefined ? undefined : readMessages(output);
}

/** No server name is sent for an IP address (RFC 6066 §3). */
function nameOf(serverName: string): string[] {
  return serverName === "" ? ["-noservername"] : ["-servername", serverName];
}

function run(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: DEADLINE_MILLISECONDS, maxBuffer: MAX_OUTPUT_BYTES };
    const child = execFile("openssl", [...args], options, (error, stdout) =>
      resolve(error?.code === ("ENOENT" as unknown) ? undefined : stdout),
    );
    // Closing stdin ends `openssl`. If `openssl` has already ended, this causes an error, which is ignored.
    child.stdin?.on("error", () => {});
    child.stdin?.end();
  });
}

/** The size of the type and the length at the start of a handshake message. */
const HEADER_OCTETS = 4;

/** Parses the output of `-msg`, which has a line for each message, followed by the octets of the message in hex. */
function readMessages(output: string): Map<string, Message> {
  const messages = new Map<string, Message>();
  for (const [, minor, name = "", octets = ""] of output.matchAll(
    /^<<< TLS 1\.(\d), Handshake \[length [0-9a-f]+\], (\w+)\r?\n((?: {4}[0-9a-f ]+\r?\n)+)/gm,
  )) {
    const content = Buffer.from(octets.replaceAll(/\s/g, ""), "hex").subarray(HEADER_OCTETS);
    if (!messages.has(name)) messages.set(name, { isTls13: minor === "3", content });
  }
  return messages;
}

/** The request for a client certificate (RFC 5246 §7.4.4, RFC 8446 §4.3.2). */
export interface CertificateRequest {
  /** The CA names in DER, in the order of the message. */
  readonly authorities: readonly Buffer[];
  /** Numbers of signature schemes (RFC 8446 §4.2.3). */
  readonly signatureAlgorithms: readonly number[];
}

const SIGNATURE_ALGORITHMS = 13;
const CERTIFICATE_AUTHORITIES = 47;

/**
 * Parses the server's request for a client certificate. Returns undefined if the server sent none.
 * @throws RangeError if the message is cut off
 */
export function readCertificateRequest(handshake: Handshake): CertificateRequest | undefined {
  const message = handshake.get("CertificateRequest");
  if (message === undefined) return undefined;
  const reader = new Reader(message.content);
  if (message.isTls13) return readExtensions(reader);
  reader.vector(1);
  const signatureAlgorithms = numbersOf(reader.vector(2));
  return { authorities: namesOf(reader.vector(2)), signatureAlgorithms };
}

function readExtensions(reader: Reader): CertificateRequest {
  reader.vector(1);
  const extensions = new Map<number, Buffer>();
  for (const list = new Reader(reader.vector(2)); list.hasMore; ) {
    const type = list.number(2);
    extensions.set(type, list.vector(2));
  }
  const inner = (type: number) => {
    const content = extensions.get(type);
    return content === undefined ? Buffer.alloc(0) : new Reader(content).vector(2);
  };
  return {
    authorities: namesOf(inner(CERTIFICATE_AUTHORITIES)),
    signatureAlgorithms: numbersOf(inner(SIGNATURE_ALGORITHMS)),
  };
}

function numbersOf(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (const list = new Reader(bytes); list.hasMore; ) numbers.push(list.number(2));
  return numbers;
}

function namesOf(bytes: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (const list = new Reader(bytes); list.hasMore; ) names.push(list.vector(2));
  return names;
}

/**
 * Returns the certificates that the server sent, in DER, with the server's own certificate first (RFC 5246 §7.4.2, RFC 8446
 * §4.4.2).
 * @throws RangeError if the message is cut off
 */
export function readSentChain(handshake: Handshake): Buffer[] {
  const message = handshake.get("Certificate");
  if (message === undefined) return [];
  const reader = new Reader(message.content);
  // Only the message of TLS 1.3 begins with a context, which is empty here, and has extensions after each certificate.
  if (message.isTls13) reader.vector(1);
  const chain: Buffer[] = [];
  for (const list = new Reader(reader.vector(3)); list.hasMore; ) {
    chain.push(list.vector(3));
    if (message.isTls13) list.vector(2);
  }
  return chain;
}

/** Reads numbers and vectors of TLS. A vector is a length, followed by that number of octets. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  number(octets: number): number {
    this.#at += octets;
    return this.#bytes.readUIntBE(this.#at - octets, octets);
  }

  vector(lengthOctets: number): Buffer {
    const length = this.number(lengthOctets);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("a message of the handshake is cut short");
    this.#at = end;
    return this.#bytes.subarray(end - length, end);
  }
}
