// The shape of a stranger's request. It consists of numbers and words that a search can change one by one.

/**
 * The genes of a shape, each with its possible values. If a number is given here, the value is from 0 to this number. If words are
 * given, the value is one of them.
 */
const GENES = {
  /** The factor. It also selects the route. */
  factor: ["certificate", "signature"],

  intermediates: 10,
  /**
   * The issuer names in the intermediates. With `line`, each names the next intermediate. With `same`, all name the same CA. With
   * `anchor`, all name one anchor. With `anchors`, each names a different anchor.
   */
  naming: ["line", "same", "anchor", "anchors"],
  /** The kind of the anchor that the certificates name as issuer. */
  anchor: ["shared", "p256", "p384", "p521", "rsa2048", "rsa4096"],
  /** The index of the anchor among the anchors of this kind. */
  which: 9,
  /**
   * The signer of the leaf: nobody (`forged`), the anchor (`genuine`), or a genuine intermediate of the anchor (`below`), which is
   * sent too.
   */
  leaf: ["forged", "genuine", "below"],
  /** With `own`, certificates of the same name have different key identifiers. */
  keyIds: ["none", "own"],
  key: ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa4096", "rsa8192", "rsa16384"],
  /**
   * The next four genes are parts of a certificate. The number is a percentage. The part takes at most this percentage of the space
   * that is still free in the certificate.
   */
  subject: 100,
  sans: 100,
  constraints: 100,
  extensions: 100,

  /** The character that fills the values of a subject, and the number of characters in a value. */
  letters: ["a", "ﷺ", "ẞ", "İ", "é", " ", ",", "ꟹ"],
  letterCount: 2000,
  attributes: ["rdns", "multivalued"],
  type: ["commonName", "emailAddress", "unknown", "each", "opaque"],

  sanKind: ["dns", "email", "uri", "ip", "directory", "other"],
  sanLength: 400,
  constraintKind: ["dns", "email", "uri", "ip", "directory", "other"],
  constraintLength: 400,
  constraintList: ["permitted", "excluded", "both"],
  extensionKind: ["unknown", "policies", "usages", "access", "points", "critical"],

  /**
   * What is malformed in the first forged intermediate, or in the leaf if there is no forged intermediate. With `field`, the field
   * `Client-Cert-Chain` is malformed instead.
   */
  malformed: ["no", "name", "extension", "end", "field"],

  scheme: ["github", "docusign", "standard-webhooks", "svix", "slack", "stripe", "pagerduty"],
  /** The numbers of HMACs, of Ed25519 signatures and of unknown elements in the headers. */
  hmacs: 100,
  ed25519s: 4,
  others: 16,
  /** With `all`, the headers of all schemes are sent at once. */
  schemes: ["one", "all"],
  bodyKind: ["zeros", "json", "deep", "numbers", "letters", "form", "gzip", "lines"],
  bodyKilobytes: 40,
} as const;

type Genes = typeof GENES;

export type Shape = { readonly [Name in keyof Genes]: Genes[Name] extends readonly (infer Word)[] ? Word : number };

const NAMES = Object.keys(GENES) as (keyof Genes)[];
const MUTABLE = NAMES.filter((name) => name !== "factor");

/** Returns a number from 0 (included) to 1 (excluded). */
export type Chance = () => number;

/** Makes a generator of random numbers. The same seed gives the same numbers. */
export function chanceOf(seed: number): Chance {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomShape(chance: Chance, given: Partial<Shape> = {}): Shape {
  return { ...Object.fromEntries(NAMES.map((name) => [name, randomGene(name, chance)])), ...given } as Shape;
}

/** Returns the shape with one to three changed genes. The factor is never changed. */
export function mutate(shape: Shape, chance: Chance): Shape {
  const changed: Record<string, unknown> = { ...shape };
  const count = 1 + Math.floor(chance() * 3);
  for (let index = 0; index < count; index += 1) {
    const name = pick(MUTABLE, chance);
    changed[name] = otherGene(name, shape[name], chance);
  }
  return changed as Shape;
}

/** Returns a value that differs from the given value of the gene. For a number, it is often close to the given value. */
function otherGene(name: keyof Genes, value: string | number, chance: Chance): string | number {
  let other = value;
  while (other === value) {
    const isStep = typeof value === "number" && chance() < 0.5;
    other = isStep ? step(value, GENES[name] as number, chance) : randomGene(name, chance);
  }
  return other;
}

/**
 * Returns a random value of the gene. A number is zero, the limit, or a random number between them. These three cases are equally
 * likely.
 */
function randomGene(name: keyof Genes, chance: Chance): string | number {
  const gene = GENES[name];
  if (typeof gene !== "number") return pick(gene, chance);
  return [0, gene, Math.floor(chance() * (gene + 1))][Math.floor(chance() * 3)] as number;
}

function step(value: number, limit: number, chance: Chance): number {
  const next = Math.round(value * (0.5 + chance() * 1.5) + chance() * 2 - 1);
  return Math.min(limit, Math.max(0, next));
}

function pick<T>(values: readonly T[], chance: Chance): T {
  return values[Math.floor(chance() * values.length)] as T;
}
