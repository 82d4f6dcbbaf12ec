// Caches facts that cannot change, such as a parsed certificate. Never cache a verdict here, because a verdict can change, for
// example when a certificate expires.

/** Keeps at most `capacity` entries with a total weight of at most `weight`. The least recently used entry is removed first. */
export class BoundedCache<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #capacity: number;
  readonly #weight: number;
  readonly #weightOf: (key: Key, value: Value) => number;
  #held = 0;

  constructor(capacity: number, weight = Infinity, weightOf: (key: Key, value: Value) => number = () => 0) {
    this.#capacity = capacity;
    this.#weight = weight;
    this.#weightOf = weightOf;
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.#delete(key);
    this.#entries.set(key, value);
    this.#held += this.#weightOf(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#capacity && this.#held <= this.#weight) break;
      this.#delete(oldest);
    }
  }

  #delete(key: Key): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#held -= this.#weightOf(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }
}
