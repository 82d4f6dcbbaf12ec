// Writes one data point per decision to Workers Analytics Engine, if a dataset is bound.

import type { LogLine } from "../core/log-line.ts";
import type { EdgeBindings } from "./configuration.ts";

/** The part of the platform's AnalyticsEngineDataset that this program uses. */
interface Dataset {
  writeDataPoint(point: {
    readonly indexes: readonly string[];
    readonly blobs: readonly string[];
    readonly doubles: readonly number[];
  }): void;
}

/** The platform's limit for an index is 96 bytes. A route of a policy is ASCII, so its characters are bytes. */
const MAX_INDEX_CHARACTERS = 96;

/**
 * Writes the data point of a decision. The blobs are `decision`, `code`, `route` and `sender`. The doubles are `status` and
 * `milliseconds`. The index, by which points are sampled, is the route. A stranger can choose none of these values. If the point
 * cannot be written, returns a log line, and the decision stays the same.
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
