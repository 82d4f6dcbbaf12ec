// Runs several processes as one program. The primary has the only listener of the metrics, the only console and the only ready
// line.

import type { LogLine } from "../../../core/log-line.ts";
import { Health } from "../health.ts";
import { notifyStopping, watchdogMilliseconds } from "../manager.ts";
import type { Loaded, OriginMode, Ready } from "../mode.ts";
import { openSharedConsole } from "../shared-console.ts";
import { openTelemetry, type Telemetry } from "../telemetry.ts";
import { runPrimary } from "./primary.ts";
import { type Report, takeReport } from "./telemetry.ts";

/**
 * Runs `count` workers until a signal arrives. Called in the primary. `first` is the configuration that the caller has already
 * loaded.
 */
export async function runWorkers<T extends Loaded>(
  count: number,
  mode: OriginMode<T>,
  first: T,
  onReady: (ready: Ready) => void,
): Promise<number> {
  const { settings, version, output } = mode;
  const mask = await mode.prepareToShare?.();
  const health = new Health(count);
  const telemetry = await openTelemetry({ address: settings.metrics, version, health, log: output.log });
  const log = (line: LogLine) => {
    output.log(line);
    telemetry.count({ decision: line.decision, code: String(line["code"] ?? ""), route: "", sender: "" });
  };
  const shown = await openOrClose(() => openSharedConsole(mode, first.policy, log), telemetry);
  try {
    return await runPrimary(count, {
      mask,
      silentMilliseconds: watchdogMilliseconds(),
      onReady(url) {
        onReady({ url, metrics: telemetry.url, console: shown?.url });
        telemetry.start();
      },
      onMessage({ watch }: { readonly watch?: Report }) {
        if (watch !== undefined) takeReport(watch, telemetry);
      },
      onDeath(line) {
        log(line);
        health.forget(Number(line["pid"]));
      },
      onStop: () => notifyStopping(output.warn),
    });
  } finally {
    await shown?.close();
    telemetry.close();
  }
}

async function openOrClose<T>(open: () => Promise<T>, telemetry: Telemetry): Promise<T> {
  try {
    return await open();
  } catch (error) {
    telemetry.close();
    throw error;
  }
}
