// Finds the word that the user probably meant when a word is mistyped.

/** Returns `: did you mean X?` if a name is similar to the text, otherwise an empty text. */
export function askWhether(text: string, names: readonly string[]): string {
  const nearest = findNearest(text, names);
  return nearest === undefined ? "" : `: did you mean ${nearest}?`;
}

/**
 * Returns the name that differs from the text by the fewest typing errors. One error for every three letters of the name is
 * allowed, and at least one. If no name is so similar, returns the only name that begins with the text.
 */
function findNearest(text: string, names: readonly string[]): string | undefined {
  const typed = text.toLowerCase();
  const [best] = names
    .map((name) => ({ name, slips: countSlips(typed, name.toLowerCase()) }))
    .filter(({ name, slips }) => slips <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.slips - b.slips);
  const begun = names.filter((name) => typed.length >= 2 && name.toLowerCase().startsWith(typed));
  return best?.name ?? (begun.length === 1 ? begun[0] : undefined);
}

/** Counts letters that are missing, added, replaced, or swapped with their neighbour (optimal string alignment). */
function countSlips(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const [left = 0, up = 0, corner = 0] = [row[j - 1], above[j], above[j - 1]];
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(left + 1, up + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1), exchanged));
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}
