// Edits a value of ASN.1 as a tree. Changes one or two places, also inside extensions. Corrects all lengths around a change, unless
// the change is to a length.

import fc from "fast-check";
import { concat, encode, TAG } from "../support/certificates/der-edit.ts";

/** Changes octets. The same input always gives the same result. */
export type Edit = (der: Uint8Array) => Uint8Array;

/** A value with its members. If the content of an OCTET STRING or BIT STRING is exactly one value, that value is a member. */
interface Node {
  tag: number;
  /** The first octet of a BIT STRING, which is the number of unused bits. Empty for all other types. */
  readonly prefix: Uint8Array;
  content: Uint8Array | Node[];
  /** The octets that are written instead of the correct length. Undefined if the correct length is written. */
  length?: readonly number[];
}

type Change = (siblings: Node[], at: number) => void;

const leaf = (tag: number, content: Uint8Array): Node => ({ tag, prefix: new Uint8Array(), content });
const TAGS = [
  ...Object.values(TAG),
  0x00,
  0x05,
  0x0a,
  0x10,
  0x1a,
  0x1f,
  0x24,
  0x2c,
  0x80,
  0x81,
  0x82,
  0x86,
  0xa0,
  0xa1,
  0xa4,
];
const LENGTHS = [[0], [1], [0x7f], [0x80], [0x81, 0], [0x81, 0x7f], [0x82, 0, 1], [0x84, 0, 0, 0, 1], [0x88], [0xff]];
const tags = fc.oneof(fc.constantFrom(...TAGS), fc.integer({ min: 0, max: 255 }));
const small = fc.uint8Array({ maxLength: 6 });
const where = fc.nat(0xffff);

const setTag = tags.map(
  (tag): Change =>
    (siblings, at) => {
      (siblings[at] as Node).tag = tag;
    },
);
const setLength = fc.constantFrom(...LENGTHS).map(
  (length): Change =>
    (siblings, at) => {
      (siblings[at] as Node).length = length;
    },
);
/** Writes the correct length with more octets than necessary. */
const padLength = fc.constant<Change>((siblings, at) => {
  const node = siblings[at] as Node;
  const size = contentOf(node).length;
  node.length = size < 0x80 ? [0x81, size] : [0x83, 0, size >> 8, size & 0xff];
});
/** Writes a length that is too small by one, or too large by one or two. */
const missLength = fc.constantFrom(-1, 1, 2).map(
  (by): Change =>
    (siblings, at) => {
      const node = siblings[at] as Node;
      const size = contentOf(node).length + by;
      node.length = size < 0x80 ? [Math.max(0, size)] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
    },
);
const setContent = small.map(
  (content): Change =>
    (siblings, at) => {
      (siblings[at] as Node).content = content;
    },
);
const changeContent =
  (change: (content: Uint8Array) => Uint8Array): Change =>
  (siblings, at) => {
    const node = siblings[at] as Node;
    node.content = change(
      node.content instanceof Uint8Array ? node.content.slice() : contentOf(node).slice(node.prefix.length),
    );
  };
const flipBit = fc.tuple(where, fc.integer({ min: 0, max: 7 })).map(([nth, bit]) =>
  changeContent((content) => {
    if (content.length > 0) content[nth % content.length] = (content[nth % content.length] as number) ^ (1 << bit);
    return content;
  }),
);
const resize = fc
  .tuple(fc.constantFrom("first", "last"), fc.option(fc.constantFrom(0, 1, 0x20, 0x2e, 0x7f, 0x80, 0xff)))
  .map(([end, octet]) =>
    changeContent((content) => {
      const [rest, added] = [
        content.subarray(end === "first" ? 1 : 0, end === "last" ? -1 : undefined),
        octet ?? undefined,
      ];
      if (added === undefined) return rest;
      return end === "first" ? concat(Uint8Array.of(added), content) : concat(content, Uint8Array.of(added));
    }),
  );
const remove = fc.constant<Change>((siblings, at) => void siblings.splice(at, 1));
const repeat = fc.constant<Change>(
  (siblings, at) => void siblings.splice(at, 0, structuredClone(siblings[at] as Node)),
);
const swap = fc.constant<Change>((siblings, at) => {
  siblings.splice(at, 2, ...siblings.slice(at, at + 2).reverse());
});
const insert = fc.tuple(tags, small).map(
  ([tag, content]): Change =>
    (siblings, at) =>
      void siblings.splice(at, 0, leaf(tag, content)),
);
const wrap = tags.map(
  (tag): Change =>
    (siblings, at) => {
      siblings[at] = { tag, prefix: new Uint8Array(), content: [siblings[at] as Node] };
    },
);
const unwrap = fc.constant<Change>((siblings, at) => {
  const { content } = siblings[at] as Node;
  if (!(content instanceof Uint8Array)) siblings.splice(at, 1, ...content);
});

const changes = fc.oneof(
  { weight: 4, arbitrary: flipBit },
  { weight: 2, arbitrary: setTag },
  { weight: 2, arbitrary: resize },
  { weight: 2, arbitrary: setContent },
  ...[setLength, padLength, missLength, remove, repeat, swap, insert, wrap, unwrap].map((arbitrary) => ({
    weight: 1,
    arbitrary,
  })),
);

/**
 * Makes one or two changes. With more changes, almost no input would be accepted by any reader. Some changes are made to every
 * value with the same octets. Without this, an input whose two signature algorithms are both changed would be very rare, and every
 * reader refuses an input of which only one is changed.
 */
export const edits: fc.Arbitrary<Edit> = fc
  .array(fc.tuple(where, changes, fc.boolean()), { minLength: 1, maxLength: 2, size: "xsmall" })
  .map((list) => (der) => {
    const root = [read(der, 0, der.length)[0] as Node];
    for (const [nth, change, isEverywhere] of list) {
      const places = placesIn(root);
      const place = places[nth % places.length];
      if (place === undefined) continue;
      // The last place is changed first, so that the indexes of the other places remain correct.
      for (const [siblings, at] of isEverywhere ? placesLike(place, places).reverse() : [place]) change(siblings, at);
    }
    return concat(...root.map(write));
  });

type Place = [siblings: Node[], at: number];

/** Returns the places whose values have the same octets as the value at `place`. */
function placesLike(place: Place, places: readonly Place[]): Place[] {
  const { tag } = nodeAt(place);
  const octets = write(nodeAt(place));
  // The tags are compared first, because writing every value would double the time of an edit.
  return places.filter((other) => nodeAt(other).tag === tag && Buffer.compare(write(nodeAt(other)), octets) === 0);
}

function nodeAt([siblings, at]: Place): Node {
  return siblings[at] as Node;
}

function placesIn(siblings: Node[]): Place[] {
  return siblings.flatMap((node, at): Place[] => [
    [siblings, at],
    ...(node.content instanceof Uint8Array ? [] : placesIn(node.content)),
  ]);
}

function contentOf({ prefix, content }: Node): Uint8Array {
  return concat(prefix, ...(content instanceof Uint8Array ? [content] : content.map(write)));
}

function write(node: Node): Uint8Array {
  const content = contentOf(node);
  if (node.length === undefined) return encode({ tag: node.tag, content });
  return concat(Uint8Array.of(node.tag, ...node.length), content);
}

/** Reads the values from `start` to `end`. The input must be well-formed. */
function read(der: Uint8Array, start: number, end: number): Node[] {
  const nodes: Node[] = [];
  for (let at = start; at < end; ) {
    const tag = der[at] as number;
    const [content, next] = extentOf(der, at);
    const prefix = tag === TAG.bitString ? 1 : 0;
    const isTree =
      (tag & 0x20) !== 0 ||
      (([TAG.octetString, TAG.bitString] as number[]).includes(tag) && isOneValue(der, content + prefix, next));
    const members = isTree ? read(der, content + prefix, next) : der.slice(content + prefix, next);
    nodes.push({ tag, prefix: der.slice(content, content + prefix), content: members });
    at = next;
  }
  return nodes;
}

function extentOf(der: Uint8Array, at: number): readonly [content: number, end: number] {
  const size = der[at + 1] ?? 0;
  const content = at + 2 + (size < 0x80 ? 0 : size & 0x7f);
  const length = size < 0x80 ? size : der.subarray(at + 2, content).reduce((sum, octet) => sum * 256 + octet, 0);
  return [content, content + length];
}

/**
 * True if the octets are exactly one value of a type that extensions and keys contain. If other octets look like such a value by
 * chance, they are edited as a value.
 */
function isOneValue(der: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || ![0x01, 0x02, 0x03, 0x04, 0x30].includes(der[start] as number)) return false;
  const [content, next] = extentOf(der, start);
  return next === end && (der[start] !== 0x30 || areValues(der, content, end));
}

function areValues(der: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const [content, next] = extentOf(der, at);
    if (next > end || (((der[at] as number) & 0x20) !== 0 && !areValues(der, content, next))) return false;
    at = next;
  }
  return at === end;
}
