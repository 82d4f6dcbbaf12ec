// One data point per decision for Workers Analytics Engine, if a dataset is bound.

import type { LogLine } from "../core/log-line.ts";
import type { EdgeBindings } from "./configuration.ts";

/** The part of the platform's AnalyticsEngineDataset that is used. */
interface Dataset {
  writeDataPoint(point: {
    readonly indexes: readonly string[];
    readonly blobs: readonly string[];
    readonly doubles: readonly number[];
  }): void;
}

/** The platform's limit for an index is 96 bytes. A route of a policy is ASCII. */
const MAX_INDEX_CHARACTERS = 96;

/**
 * Writes the point of a decision: `decision`, `code`, `route` and `sender` are its blobs, `status` and `milliseconds` its doubles, and it
 * is sampled by route. A stranger chose none of these values. Returns a line if it cannot be written; the decision stays as it is.
 */
export function writePoint({ DECISIONS }: EdgeBindings, line: LogLine): LogLine | undefined {
  if (DECISIONS === undefined) return undefined;
  const { decision, code = "", route = "", sender = "", status, milliseconds } = line;
  try {
    (DECISIONS as Dataset).writeDataPoint({
      indexes: [String(route).slice(0, MAX_INDEX_CHARACTERS)],
      blobs: [decision, code, String(route), String(sender)],
      doubles: [Number(status), Number(milliseconds)],
    });
    return undefined;
  } catch (error) {
    return { decision: "failed", code: "point_not_written", why: String(error) };
  }
}
