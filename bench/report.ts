// Makes a report from the rounds of a bench: medians, ratios within each round, and a table.

/** The size of a measurement. */
export interface Volume {
  readonly rounds: number;
  readonly eventsPerRound: number;
}

/** The result of one subject in one round. */
export interface Sample {
  readonly cpuMicroseconds: number;
  readonly eventsPerSecond: number;
}

export interface Target {
  /** The name of the subject that must reach the target. The default is the first subject. */
  readonly subject?: string;
  readonly against: string;
  /**
   * The limit. For CPU, the subject may take at most this many times the CPU per event of `against`. For a rate, the subject must
   * reach at least this many times the events per second of `against`.
   */
  readonly ratio: number;
  readonly isRate?: boolean;
  /** An upper limit for the CPU per event, which must be met in addition to `ratio`. */
  readonly mostMicroseconds?: number;
  /** The CPU per event that is added to the limit that `ratio` gives. */
  readonly plusMicroseconds?: number;
}

/** A comparison without a ratio is shown, but has no verdict. */
export type Comparison = Omit<Target, "ratio"> & Partial<Target>;

export interface Figures {
  readonly subject: string;
  /** The CPU time of the server process per event: user and system, all threads. It is the median of the rounds. */
  readonly cpuMicroseconds: number;
  /** The interquartile range of the rounds, as a fraction of the median. */
  readonly spread: number;
  /**
   * This rate is for information only. It is measured by the wall clock, and the load generator uses the same cores as the origin.
   */
  readonly eventsPerSecond: number;
  /**
   * For each other subject, the value of this subject divided by the value of the other subject. The value is the CPU time per
   * event, or the events per second. The ratio is the median of the ratios of all rounds.
   */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Report {
  readonly bench: string;
  readonly rounds: number;
  readonly eventsPerRound: number;
  readonly figures: readonly Figures[];
  readonly targets: readonly (Target & { readonly measured: number; readonly met: boolean })[];
}

/** Makes the report. If a comparison does not name a subject, the first subject is compared. */
export function summarize(
  bench: string,
  volume: Volume,
  samples: ReadonlyMap<string, readonly Sample[]>,
  comparisons: readonly Comparison[],
): Report {
  const figures = [...samples].map(([subject, own]) => ({
    subject,
    ...figuresOf(own),
    ratios: Object.fromEntries(
      comparisons.map((one) => [nameOf(one), medianRatio(own, samples.get(one.against) ?? [], one)]),
    ),
  }));
  return {
    bench,
    ...volume,
    figures,
    targets: comparisons.filter(isTarget).map((target) => {
      const held = figures.find(({ subject }) => subject === target.subject) ?? figures[0];
      const measured = held?.ratios[nameOf(target)] ?? Number.NaN;
      const { mostMicroseconds = Number.POSITIVE_INFINITY, plusMicroseconds = 0 } = target;
      const cpuMicroseconds = held?.cpuMicroseconds ?? Number.NaN;
      const isBelow = cpuMicroseconds <= mostMicroseconds;
      // Allows `plusMicroseconds` in addition to the ratio. As a ratio, this is `plusMicroseconds` divided by the CPU time of the
      // other subject, which is `cpuMicroseconds / measured`.
      const ratio = target.ratio + (plusMicroseconds / cpuMicroseconds) * measured;
      return {
        ...target,
        measured,
        met: isBelow && (target.isRate ? measured >= ratio : measured <= ratio),
      };
    }),
  };
}

function figuresOf(samples: readonly Sample[]) {
  const cpu = samples.map(({ cpuMicroseconds }) => cpuMicroseconds);
  const middle = median(cpu);
  return {
    cpuMicroseconds: middle,
    spread: (quantile(cpu, 0.75) - quantile(cpu, 0.25)) / middle,
    eventsPerSecond: median(samples.map(({ eventsPerSecond }) => eventsPerSecond)),
  };
}

function isTarget(comparison: Comparison): comparison is Target {
  return comparison.ratio !== undefined;
}

function nameOf({ against, isRate = false }: Comparison): string {
  return isRate ? `rate ÷ ${against}` : `÷ ${against}`;
}

/** Compares two subjects within each round, so that a slow minute of the machine slows down both subjects. */
function medianRatio(own: readonly Sample[], others: readonly Sample[], { isRate = false }: Comparison): number {
  const measure = isRate ? "eventsPerSecond" : "cpuMicroseconds";
  return median(own.map((sample, round) => sample[measure] / (others[round]?.[measure] ?? Number.NaN)));
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Returns the value below which the fraction `share` of the values lies. Interpolates if the position is between two values. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const lower = sorted[Math.floor(position)] ?? Number.NaN;
  const upper = sorted[Math.ceil(position)] ?? Number.NaN;
  return lower + (upper - lower) * (position % 1);
}

/** Formats the report as a table, followed by the targets. */
export function formatReport({ bench, rounds, eventsPerRound, figures, targets }: Report): string {
  const against = Object.keys(figures[0]?.ratios ?? {});
  const header = ["", "CPU µs/event", "spread", ...against, "events/s"];
  const rows = figures.map(({ subject, cpuMicroseconds, spread, ratios, eventsPerSecond }) => [
    subject,
    cpuMicroseconds.toFixed(1),
    `${(spread * 100).toFixed(0)} %`,
    ...against.map((name) => ratios[name]?.toFixed(2) ?? ""),
    eventsPerSecond.toFixed(0),
  ]);
  const verdicts = targets.map(
    ({ subject, against, ratio, isRate = false, mostMicroseconds, plusMicroseconds, measured, met }) =>
      `target${subject === undefined ? "" : ` of ${subject}`}: at ${isRate ? "least" : "most"} ${ratio.toFixed(2)} × ${isRate ? "the events/s of " : ""}${against}${mostMicroseconds === undefined ? "" : ` and ${mostMicroseconds} µs`}${plusMicroseconds === undefined ? "" : ` plus ${plusMicroseconds} µs`}: ${measured.toFixed(2)}, ${met ? "met" : "missed"}`,
  );
  return [
    `${bench}: ${rounds} rounds of ${eventsPerRound} events`,
    ...alignColumns([header, ...rows]),
    ...verdicts,
    "",
  ].join("\n");
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
}
