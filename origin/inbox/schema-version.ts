// The version of an inbox's tables. SQLite and PostgreSQL each have a list of SQL steps that are run in order. The version says
// which of the steps an inbox has.

/** The version after the first step. Lower versions belong to programs that were never released and had other tables. */
export const FIRST_VERSION = 10;

/** Returns the version after all steps. */
export function versionAfter(steps: readonly string[]): number {
  return FIRST_VERSION + steps.length - 1;
}

/** Returns the steps that an inbox of this version lacks. An empty inbox has version 0 and lacks all steps. */
export function missingSteps(steps: readonly string[], version: number): readonly string[] {
  return version === 0 ? steps : steps.slice(version - FIRST_VERSION + 1);
}

/**
 * Checks that this program knows the schema version of the inbox at the location `name`.
 * @throws Error if the version is higher than the version after all steps, or is from before the first release
 */
export function requireKnown(version: number, steps: readonly string[], name: string): void {
  if (version > versionAfter(steps)) {
    throw new Error(
      `${name} is an inbox of version ${version}; this program knows versions up to ${versionAfter(steps)}: use the newer one that wrote it, or restore a backup from before the upgrade`,
    );
  }
  if (version > 0 && version < FIRST_VERSION) {
    throw new Error(
      `${name} is an inbox of version ${version}, from before the first release, which this program cannot read: export its events with the program that wrote it, then delete it`,
    );
  }
}

/**
 * Checks that no step is missing. It is for readers, which run no step.
 * @throws Error if a step is missing, and in the cases of `requireKnown`
 */
export function requireNewest(version: number, steps: readonly string[], name: string): void {
  requireKnown(version, steps, name);
  if (missingSteps(steps, version).length === 0) return;
  throw new Error(
    `${name} is an inbox of version ${version}, this program reads version ${versionAfter(steps)}: start an origin on it once, which brings it up to date`,
  );
}
