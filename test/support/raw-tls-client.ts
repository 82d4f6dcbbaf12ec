// A TLS 1.2 client that can present any bytes as its certificate. TLS libraries cannot be used for this, because they send only
// certificates that they can parse. The client has one cipher suite and one curve, and does not verify the server.

import { createECDH, createHash, createPrivateKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { connect, type Socket } from "node:net";
import { ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, prf, Records, sized, u16 } from "./raw-tls-records.ts";

export interface RawPresentation {
  readonly port: number;
  readonly name: string;
  /** DER certificates or any other bytes. The leaf comes first. */
  readonly chain: readonly Uint8Array[];
  /** The key that signs CertificateVerify. It may differ from the key of the leaf. */
  readonly keyPem: string;
  /** The text that is sent after the handshake. */
  readonly request: string;
  readonly deadlineMilliseconds?: number;
  /** If given, the ClientHello is split into records of this size in octets. */
  readonly helloFragmentBytes?: number;
}

export interface RawOutcome {
  /** The text that the server wrote after the handshake, in Latin-1. */
  readonly text: string;
  /** The status of the HTTP response, if there was one. */
  readonly status: number | undefined;
  /** The number of the alert in the server's fatal alert message, if there was one. */
  readonly alert: number | undefined;
}

const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
const CERTIFICATE_VERIFY = 15;
const CLIENT_KEY_EXCHANGE = 16;
const FINISHED = 20;
const ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b;
/**
 * The numbers of the curves in TLS. secp256r1 is used for the key exchange. secp384r1, secp521r1 and secp256k1 are for keys of
 * certificates.
 */
const GROUPS = [23, 24, 25, 22];
const FATAL = 2;
const DEADLINE_MILLISECONDS = 60_000;

/** Makes one connection and sends one request. @throws Error if the server neither responds nor ends the connection in time */
export function presentRaw(presentation: RawPresentation): Promise<RawOutcome> {
  const { port, deadlineMilliseconds = DEADLINE_MILLISECONDS } = presentation;
  return new Promise((resolve, reject) => {
    // Without `noDelay`, each small message would wait until the message before it is acknowledged.
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const handshake = new Handshake(socket, presentation);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`neither an answer nor an end within ${deadlineMilliseconds} ms`));
    }, deadlineMilliseconds);
    let failure: unknown;
    socket.on("connect", () => handshake.start());
    socket.on("data", (bytes: Buffer) => {
      try {
        handshake.read(bytes);
      } catch (error) {
        failure = error;
        socket.destroy();
      }
    });
    // A reset counts as a normal end of the connection.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") failure = error;
    });
    socket.on("close", () => {
      clearTimeout(timer);
      if (failure === undefined) resolve(handshake.outcome());
      else reject(failure);
    });
  });
}

class Handshake {
  readonly #socket: Socket;
  readonly #presentation: RawPresentation;
  readonly #records = new Records();
  readonly #random = randomBytes(32);
  #serverRandom: Buffer = Buffer.of();
  #serverPoint: Buffer = Buffer.of();
  #isAsked = false;
  #transcript: Buffer = Buffer.of();
  #messages: Buffer = Buffer.of();
  #text = "";
  #alert: number | undefined;

  constructor(socket: Socket, presentation: RawPresentation) {
    this.#socket = socket;
    this.#presentation = presentation;
  }

  outcome(): RawOutcome {
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(this.#text)?.[1];
    return { text: this.#text, status: status === undefined ? undefined : Number(status), alert: this.#alert };
  }

  start(): void {
    const host = sized(2, Buffer.concat([Buffer.of(0), sized(2, Buffer.from(this.#presentation.name, "latin1"))]));
    const extensions = [
      [0, host],
      [10, sized(2, Buffer.concat(GROUPS.map(u16)))],
      [11, Buffer.of(1, 0)],
      // The signature algorithms: ECDSA, RSA-PSS and RSA over SHA-256, ECDSA over SHA-384 and SHA-512, Ed25519.
      [13, sized(2, Buffer.from("040308040401050306030807", "hex"))],
      [0xff01, Buffer.of(0)],
    ] as const;
    const body = [
      u16(0x0303),
      this.#random,
      Buffer.of(0),
      sized(2, u16(ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)),
      Buffer.of(1, 0),
      sized(2, Buffer.concat(extensions.flatMap(([type, value]) => [u16(type), sized(2, value)]))),
    ];
    this.#send(CLIENT_HELLO, Buffer.concat(body), this.#presentation.helloFragmentBytes);
  }

  read(bytes: Uint8Array): void {
    for (const { type, content } of this.#records.read(bytes)) {
      if (type === ALERT && content[0] === FATAL) this.#alert = content[1];
      else if (type === APPLICATION_DATA) this.#text += content.toString("latin1");
      else if (type === HANDSHAKE) this.#readMessages(content);
    }
  }

  #readMessages(content: Buffer): void {
    this.#messages = Buffer.concat([this.#messages, content]);
    while (this.#messages.length >= 4) {
      const end = 4 + this.#messages.readUIntBE(1, 3);
      if (this.#messages.length < end) return;
      const message = this.#messages.subarray(0, end);
      this.#messages = this.#messages.subarray(end);
      this.#transcript = Buffer.concat([this.#transcript, message]);
      this.#readMessage(message[0] ?? 0, message.subarray(4));
    }
  }

  #readMessage(type: number, body: Buffer): void {
    if (type === SERVER_HELLO) this.#serverRandom = body.subarray(2, 34);
    // This message contains curve_type, named_curve, the length of the server's point, and the point.
    if (type === SERVER_KEY_EXCHANGE) this.#serverPoint = body.subarray(4, 4 + (body[3] ?? 0));
    if (type === CERTIFICATE_REQUEST) this.#isAsked = true;
    if (type === SERVER_HELLO_DONE) this.#answer();
    if (type === FINISHED) this.#write(APPLICATION_DATA, Buffer.from(this.#presentation.request, "latin1"));
  }

  #answer(): void {
    const { chain, keyPem } = this.#presentation;
    if (!this.#isAsked) throw new Error("the server asks for no certificate");
    this.#send(CERTIFICATE, sized(3, Buffer.concat(chain.map((der) => sized(3, der)))));
    const ecdh = createECDH("prime256v1");
    this.#send(CLIENT_KEY_EXCHANGE, sized(1, ecdh.generateKeys()));
    if (chain.length > 0) this.#send(CERTIFICATE_VERIFY, certificateVerify(createPrivateKey(keyPem), this.#transcript));
    const randoms = Buffer.concat([this.#random, this.#serverRandom]);
    const master = prf(ecdh.computeSecret(this.#serverPoint), "master secret", randoms, 48);
    this.#write(CHANGE_CIPHER_SPEC, Buffer.of(1));
    this.#records.protect(master, this.#random, this.#serverRandom);
    const digest = createHash("sha256").update(this.#transcript).digest();
    this.#send(FINISHED, prf(master, "client finished", digest, 12));
  }

  #send(type: number, body: Uint8Array, fragmentBytes?: number): void {
    const message = Buffer.concat([Buffer.of(type), sized(3, body)]);
    this.#transcript = Buffer.concat([this.#transcript, message]);
    this.#write(HANDSHAKE, message, fragmentBytes);
  }

  #write(type: number, content: Buffer, fragmentBytes?: number): void {
    this.#socket.write(this.#records.write(type, content, fragmentBytes));
  }
}

const SCHEMES: Readonly<Record<string, readonly [scheme: number, hash: string | null]>> = {
  ec: [0x0403, "sha256"],
  rsa: [0x0401, "sha256"],
  ed25519: [0x0807, null],
};

function certificateVerify(key: KeyObject, transcript: Uint8Array): Buffer {
  const [scheme, hash] = SCHEMES[key.asymmetricKeyType ?? ""] ?? [0, null];
  return Buffer.concat([u16(scheme), sized(2, sign(hash, transcript, key))]);
}
