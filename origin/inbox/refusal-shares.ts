// Who gives way when the refusals reach a limit: the largest shares, each down to the same level. So a flood of one kind takes no
// room from the others, as long as each of them is below its part. The parts of a share give way to each other in the same way.

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

/** An amount that belongs to a part of a share. */
export interface PartAmount {
  readonly share: string;
  readonly part: string;
  readonly amount: number;
}

/** By part: how much of it has to go. First the shares give way to each other, then within each share its parts. */
export function excessOfParts(amounts: readonly PartAmount[], limit: number): ReadonlyMap<string, number> {
  const shares = sum(amounts, ({ share }) => share);
  const excesses = excessOf(shares, limit);
  const parts = [...excesses].flatMap(([share, excess]) => {
    const own = sum(
      amounts.filter((one) => one.share === share),
      ({ part }) => part,
    );
    return [...excessOf(own, (shares.get(share) ?? 0) - excess)];
  });
  return new Map(parts);
}

function sum(amounts: readonly PartAmount[], keyOf: (one: PartAmount) => string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const one of amounts) sums.set(keyOf(one), (sums.get(keyOf(one)) ?? 0) + one.amount);
  return sums;
}
