// Remembers what was found about an object for as long as the object lives.

/** Returns a function that calls `find` once for each object, and returns the same result afterwards. */
export function cachedFor<Key extends WeakKey, Value>(find: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined && !known.has(key)) {
      value = find(key);
      known.set(key, value);
    }
    return value as Value;
  };
}
