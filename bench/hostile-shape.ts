// What a request of a stranger may look like, as numbers and words that a search can change one by one.

/** Genes, each with what it may be: a number up to a limit, or one of some words. */
const GENES = {
  /** Which of the two routes, and so which factor. */
  factor: ["certificate", "signature"],

  /** Certificates beside the leaf. */
  intermediates: 10,
  /** Each names the next as its issuer; all have one name; all name an anchor; each names another anchor. */
  naming: ["line", "same", "anchor", "anchors"],
  /** Of the anchor that is named: its kind. */
  anchor: ["shared", "p256", "p384", "p521", "rsa2048", "rsa4096"],
  /** Which of that kind. */
  which: 9,
  /** Whether the leaf is signed by nobody, by the anchor, or by an intermediate that the anchor certified and that comes along. */
  leaf: ["forged", "genuine", "below"],
  /** Whether key identifiers tell certificates of one name apart. */
  keyIds: ["none", "own"],
  key: ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa4096", "rsa8192", "rsa16384"],
  /** Percent of the room of a certificate that each takes, if there is so much of it. */
  subject: 100,
  sans: 100,
  constraints: 100,
  extensions: 100,

  /** What a subject is made of, and how long its values are. */
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

  /** Where the encoding of the last certificate breaks, if at all. */
  malformed: ["no", "name", "extension", "end", "field"],

  scheme: ["github", "docusign", "standard-webhooks", "svix", "slack", "stripe", "pagerduty"],
  /** Signatures in the headers, of HMAC and of Ed25519, and what is none. */
  hmacs: 100,
  ed25519s: 4,
  others: 16,
  /** All schemes at once. */
  schemes: ["one", "all"],
  bodyKind: ["zeros", "json", "deep", "numbers", "letters", "form", "gzip", "lines"],
  bodyKilobytes: 40,
} as const;

type Genes = typeof GENES;

export type Shape = { readonly [Name in keyof Genes]: Genes[Name] extends readonly (infer Word)[] ? Word : number };

const NAMES = Object.keys(GENES) as (keyof Genes)[];

/** A number from 0 to 1, never 1. */
export type Chance = () => number;

/** The same numbers for the same seed. */
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

/** The same shape but for one to three genes. */
export function mutate(shape: Shape, chance: Chance): Shape {
  const changed: Record<string, unknown> = { ...shape };
  const count = 1 + Math.floor(chance() * 3);
  for (let index = 0; index < count; index += 1) {
    const name = pick(NAMES, chance);
    const value = shape[name];
    const isStep = typeof value === "number" && chance() < 0.5;
    changed[name] = isStep ? step(value, GENES[name] as number, chance) : randomGene(name, chance);
  }
  return { ...(changed as Shape), factor: shape.factor };
}

/** Nothing, all there may be, and what lies between are equally likely. */
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
