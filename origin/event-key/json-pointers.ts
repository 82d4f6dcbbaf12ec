// Reads values at JSON pointers from the bytes of a body. Builds no objects, because the objects of a body of 25 MB would need a
// gigabyte. Accepts what `JSON.parse` accepts, and finds the same values. If a name is repeated in an object, the last member
// counts, as with `JSON.parse`.

import { isUtf8 } from "node:buffer";
import { MAX_KEYED_DEPTH, MAX_KEYED_VALUE_BYTES, MAX_KEYED_VALUES } from "../../core/wire.ts";
import { JsonOctets, QUOTE, UnreadableBody } from "./json-octets.ts";

/** The member names of a pointer. */
type Path = readonly string[];

/**
 * Returns the texts at the pointers, in the order of the pointers. Numbers and booleans become texts as with `String()`. A text is
 * undefined if the member does not exist, or is null, an object or an array.
 * @throws UnreadableBody if the body is not JSON, has too many values, is nested too deep, or has too long a value at a pointer
 */
export function readPointers(body: Uint8Array, paths: readonly Path[]): (string | undefined)[] {
  if (!isUtf8(body)) throw new UnreadableBody("the body is not UTF-8");
  return new Scanner(body, paths).run();
}

const COMMA = 0x2c;
const COLON = 0x3a;
const BRACE = { open: 0x7b, close: 0x7d } as const;
const BRACKET = { open: 0x5b, close: 0x5d } as const;
/** A name with escapes counts as this number of values, because decoding the name takes as long as reading twenty values. */
const ESCAPED_NAME_VALUES = 20;
const WORDS = { true: Buffer.from("true"), false: Buffer.from("false"), null: Buffer.from("null") } as const;
const NONE: readonly number[] = [];

class Scanner {
  readonly #json: JsonOctets;
  readonly #paths: readonly Path[];
  /** The UTF-8 octets of the member names of each path. A body has these octets between the quotes if it uses no escapes. */
  readonly #names: readonly (readonly Uint8Array[])[];
  /** For each path, the start and the end of its value in the body. Undefined if no value is found. */
  readonly #found: (readonly [start: number, end: number] | undefined)[];
  /**
   * The length of the longest encoding that a name of a path can have: six octets for each character, and two quotes. A longer name
   * cannot match.
   */
  readonly #longestName: number;
  #values = 0;

  constructor(bytes: Uint8Array, paths: readonly Path[]) {
    this.#json = new JsonOctets(bytes);
    this.#paths = paths;
    this.#names = paths.map((path) => path.map((member) => Buffer.from(member)));
    this.#found = paths.map(() => undefined);
    this.#longestName = 2 + 6 * Math.max(0, ...paths.flat().map(({ length }) => length));
  }

  run(): (string | undefined)[] {
    this.#value(
      this.#paths.map((_, index) => index),
      0,
    );
    if (this.#json.next() !== undefined) this.#json.fail();
    return this.#found.map((place) => place && this.#read(...place));
  }

  #read(start: number, end: number): string {
    if (end - start > MAX_KEYED_VALUE_BYTES)
      throw new UnreadableBody(`the value is longer than ${MAX_KEYED_VALUE_BYTES} octets`);
    return String(this.#json.parse(start, end));
  }

  /** Reads a value. `wanted` has the indexes of the paths that lead to this value, or to a value inside it. */
  #value(wanted: readonly number[], depth: number): void {
    this.#count(1);
    // Discards the result of an earlier member with the same name.
    for (const index of wanted) this.#found[index] = undefined;
    const first = this.#json.next();
    if (first === BRACE.open || first === BRACKET.open) {
      if (depth === MAX_KEYED_DEPTH) throw new UnreadableBody(`the body is nested deeper than ${MAX_KEYED_DEPTH}`);
      this.#json.at += 1;
      if (first === BRACE.open) this.#members(wanted, depth);
      else this.#elements(wanted, depth);
      return;
    }
    const start = this.#json.at;
    const isNull = this.#scalar(first);
    if (isNull) return;
    for (const index of wanted) if (this.#paths[index]?.length === depth) this.#found[index] = [start, this.#json.at];
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_KEYED_VALUES) throw new UnreadableBody(`the body has more than ${MAX_KEYED_VALUES} values`);
  }

  #members(wanted: readonly number[], depth: number): void {
    if (this.#json.skip(BRACE.close)) return;
    do {
      if (this.#json.next() !== QUOTE) this.#json.fail();
      const start = this.#json.at;
      this.#json.string();
      const inside = wanted.length === 0 ? NONE : this.#called(wanted, depth, start);
      if (!this.#json.skip(COLON)) this.#json.fail();
      this.#value(inside, depth + 1);
    } while (this.#json.skip(COMMA));
    if (!this.#json.skip(BRACE.close)) this.#json.fail();
  }

  #elements(wanted: readonly number[], depth: number): void {
    if (this.#json.skip(BRACKET.close)) return;
    let index = 0;
    do {
      this.#value(wanted.length === 0 ? NONE : this.#leading(wanted, depth, String(index)), depth + 1);
      index += 1;
    } while (this.#json.skip(COMMA));
    if (!this.#json.skip(BRACKET.close)) this.#json.fail();
  }

  #leading(wanted: readonly number[], depth: number, name: string): readonly number[] {
    return wanted.filter((index) => this.#paths[index]?.[depth] === name);
  }

  /** Returns the indexes of the wanted paths whose member name at this depth is the name that was read last. */
  #called(wanted: readonly number[], depth: number, start: number): readonly number[] {
    if (this.#json.at - start > this.#longestName) return NONE;
    if (!this.#json.isEscaped) return wanted.filter((index) => this.#isWritten(this.#names[index]?.[depth], start + 1));
    this.#count(ESCAPED_NAME_VALUES);
    return this.#leading(wanted, depth, String(this.#json.parse(start, this.#json.at)));
  }

  #isWritten(name: Uint8Array | undefined, start: number): boolean {
    if (name === undefined || name.length !== this.#json.at - 1 - start) return false;
    for (let index = 0; index < name.length; index += 1)
      if (name[index] !== this.#json.bytes[start + index]) return false;
    return true;
  }

  /** Reads a scalar. Returns true if it was null. */
  #scalar(first: number | undefined): boolean {
    if (first === QUOTE) this.#json.string();
    else if (first === WORDS.true[0]) this.#json.word(WORDS.true);
    else if (first === WORDS.false[0]) this.#json.word(WORDS.false);
    else if (first === WORDS.null[0]) this.#json.word(WORDS.null);
    else this.#json.number();
    return first === WORDS.null[0];
  }
}
