// Reads the octets of a JSON text (RFC 8259) token by token. Accepts the same tokens as `JSON.parse`.

/** The error for a body that cannot be read. The message quotes nothing of the body. */
export class UnreadableBody extends Error {
  override readonly name = "UnreadableBody";
}

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BOM = [0xef, 0xbb, 0xbf];
/** The length of an escape in octets, indexed by the octet after the backslash. 0 if there is no such escape. */
const ESCAPES = new Uint8Array(256);
for (const octet of Buffer.from('"\\/bfnrt')) ESCAPES[octet] = 2;
ESCAPES[0x75] = 6;
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class JsonOctets {
  readonly bytes: Uint8Array;
  /** The position of the next octet. */
  at: number;
  /** True if the string that was read last has an escape. */
  isEscaped = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.at = BOM.every((octet, index) => bytes[index] === octet) ? BOM.length : 0;
  }

  word(word: Uint8Array): void {
    for (const octet of word) {
      if (this.bytes[this.at] !== octet) this.fail();
      this.at += 1;
    }
  }

  string(): void {
    const bytes = this.bytes;
    let at = this.at + 1;
    this.isEscaped = false;
    for (let octet = bytes[at]; octet !== QUOTE; octet = bytes[at]) {
      if (octet === undefined || octet < 0x20) this.fail(at);
      at += octet === BACKSLASH ? this.#escape(at + 1) : 1;
    }
    this.at = at + 1;
  }

  /** Returns the length of the escape in octets, including its backslash. */
  #escape(at: number): number {
    const octets = ESCAPES[this.bytes[at] ?? 0] ?? 0;
    if (octets === 0) this.fail(at);
    for (let digit = at + 1; digit < at + octets - 1; digit += 1) if (!isHex(this.bytes[digit])) this.fail(digit);
    this.isEscaped = true;
    return octets;
  }

  number(): void {
    if (this.bytes[this.at] === 0x2d) this.at += 1;
    if (this.bytes[this.at] === 0x30) this.at += 1;
    else this.#digits();
    if (this.bytes[this.at] === 0x2e) {
      this.at += 1;
      this.#digits();
    }
    if (((this.bytes[this.at] ?? 0) | 0x20) !== 0x65) return;
    this.at += 1;
    const sign = this.bytes[this.at];
    if (sign === 0x2b || sign === 0x2d) this.at += 1;
    this.#digits();
  }

  #digits(): void {
    let at = this.at;
    while (isDigit(this.bytes[at])) at += 1;
    if (at === this.at) this.fail();
    this.at = at;
  }

  /** Skips white space and returns the octet after it, or undefined at the end. */
  next(): number | undefined {
    const bytes = this.bytes;
    let at = this.at;
    let octet = bytes[at];
    while (octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09) {
      at += 1;
      octet = bytes[at];
    }
    this.at = at;
    return octet;
  }

  skip(octet: number): boolean {
    if (this.next() !== octet) return false;
    this.at += 1;
    return true;
  }

  /** Parses the scalar between two positions. */
  parse(start: number, end: number): unknown {
    return JSON.parse(text.decode(this.bytes.subarray(start, end)));
  }

  fail(at = this.at): never {
    throw new UnreadableBody(`the body is not JSON: see its octet ${at}`);
  }
}

function isDigit(octet: number | undefined): boolean {
  return octet !== undefined && octet >= 0x30 && octet <= 0x39;
}

function isHex(octet: number | undefined): boolean {
  if (octet === undefined) return false;
  const lower = octet | 0x20;
  return isDigit(octet) || (lower >= 0x61 && lower <= 0x66);
}
