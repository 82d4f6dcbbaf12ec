// Who gives way when the refusals reach a limit: the largest shares, each down to the same level. So a flood of one kind takes no
// room from the others, as long as each of them is below its part.

/** The level to which shares are cut so that their sum is at most `limit`. Infinity if nothing has to be cut. */
export function levelOf(amounts: Iterable<number>, limit: number): number {
  const sorted = [...amounts].sort((a, b) => a - b);
  let rest = sorted.reduce((sum, amount) => sum + amount, 0) <= limit ? Number.POSITIVE_INFINITY : limit;
  for (const [index, amount] of sorted.entries()) {
    const level = Math.floor(rest / (sorted.length - index));
    if (amount > level) return level;
    rest -= amount;
  }
  return Number.POSITIVE_INFINITY;
}

/** By share: how much of it has to go. */
export function excessOf<Share>(amounts: ReadonlyMap<Share, number>, limit: number): ReadonlyMap<Share, number> {
  const level = levelOf(amounts.values(), limit);
  return new Map([...amounts].filter(([, amount]) => amount > level).map(([share, amount]) => [share, amount - level]));
}
