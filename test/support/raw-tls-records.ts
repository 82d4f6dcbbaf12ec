// Reads and writes TLS 1.2 records with AES-128-GCM, and derives their keys (RFC 5246 §5 and §6, RFC 5288).

import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

export const CHANGE_CIPHER_SPEC = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const APPLICATION_DATA = 23;

const VERSION = 0x0303;
const HEADER_BYTES = 5;
const MAX_FRAGMENT_BYTES = 16 * 1024;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;

export const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);

/** Returns the content with its length in front. The length is encoded in `octets` octets. */
export function sized(octets: 1 | 2 | 3, content: Uint8Array): Buffer {
  const length = Buffer.alloc(octets);
  length.writeUIntBE(content.byteLength, 0, octets);
  return Buffer.concat([length, content]);
}

export function prf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Buffer {
  const hmac = (...parts: Uint8Array[]) =>
    parts.reduce((mac, part) => mac.update(part), createHmac("sha256", secret)).digest();
  const whole = Buffer.concat([Buffer.from(label), seed]);
  let [a, result] = [whole, Buffer.of()];
  while (result.length < length) {
    a = hmac(a);
    result = Buffer.concat([result, hmac(a, whole)]);
  }
  return result.subarray(0, length);
}

interface Direction {
  readonly key: Buffer;
  readonly salt: Buffer;
  sequence: bigint;
}

export interface TlsRecord {
  readonly type: number;
  readonly content: Buffer;
}

/** Both directions of a connection. The records of a direction are unencrypted until its ChangeCipherSpec. */
export class Records {
  #received = Buffer.of();
  #client: Direction | undefined;
  #server: Direction | undefined;
  #isServerProtected = false;

  /** Encrypts all data that is written after this call. Received data is decrypted after the server's ChangeCipherSpec. */
  protect(master: Uint8Array, clientRandom: Uint8Array, serverRandom: Uint8Array): void {
    const block = prf(master, "key expansion", Buffer.concat([serverRandom, clientRandom]), 40);
    this.#client = { key: block.subarray(0, 16), salt: block.subarray(32, 36), sequence: 0n };
    this.#server = { key: block.subarray(16, 32), salt: block.subarray(36, 40), sequence: 0n };
  }

  write(type: number, content: Buffer, fragmentBytes = MAX_FRAGMENT_BYTES): Buffer {
    const records: Buffer[] = [];
    for (let at = 0; at < content.length; at += fragmentBytes) {
      const fragment = content.subarray(at, at + fragmentBytes);
      const body = this.#client === undefined ? fragment : seal(this.#client, type, fragment);
      records.push(Buffer.of(type), u16(VERSION), sized(2, body));
    }
    return Buffer.concat(records);
  }

  *read(bytes: Uint8Array): Generator<TlsRecord> {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#received.readUInt16BE(3);
      if (this.#received.length < end) return;
      const [type, body] = [this.#received[0] ?? 0, this.#received.subarray(HEADER_BYTES, end)];
      this.#received = this.#received.subarray(end);
      const direction = this.#isServerProtected ? this.#server : undefined;
      yield { type, content: direction === undefined ? body : open(direction, type, body) };
      if (type === CHANGE_CIPHER_SPEC) this.#isServerProtected = true;
    }
  }
}

function additionalData(direction: Direction, type: number, length: number): Buffer {
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(direction.sequence++);
  return Buffer.concat([sequence, Buffer.of(type), u16(VERSION), u16(length)]);
}

function seal(direction: Direction, type: number, content: Buffer): Buffer {
  const aad = additionalData(direction, type, content.length);
  const nonce = aad.subarray(0, EXPLICIT_NONCE_BYTES);
  const cipher = createCipheriv("aes-128-gcm", direction.key, Buffer.concat([direction.salt, nonce])).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

function open(direction: Direction, type: number, body: Buffer): Buffer {
  const aad = additionalData(direction, type, body.length - EXPLICIT_NONCE_BYTES - TAG_BYTES);
  const nonce = Buffer.concat([direction.salt, body.subarray(0, EXPLICIT_NONCE_BYTES)]);
  const decipher = createDecipheriv("aes-128-gcm", direction.key, nonce)
    .setAAD(aad)
    .setAuthTag(body.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(body.subarray(EXPLICIT_NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
