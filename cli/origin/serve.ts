// Runs an origin for a command. Reads the files that the origin asks for, and prints the origin's lines.

import type { Loaded, Mode, OriginMode, OriginSettings, Ready } from "../../origin/service/mode.ts";
import { serveOrigin } from "../../origin/service/service.ts";
import { readVersion } from "../files/package-folder.ts";
import { readLogFile } from "../log/read.ts";
import { complain, complainLogLine, printLogLine, printText } from "../output.ts";
import { compilePolicyFile } from "../policy/load.ts";
import { type DispatchSettings, loadTarget } from "./target.ts";

/** The options that every mode of `countersign origin` has. */
export interface ServeSettings extends OriginSettings {
  readonly dispatch: DispatchSettings;
  readonly json: boolean;
  readonly workers: number;
}

export interface Way<T extends Loaded> extends Mode<T> {
  readonly settings: ServeSettings;
  /** Returns the ready line for people. */
  readonly greet: (url: string) => string;
}

/** Runs until a signal arrives. `first` is the configuration with which the origin starts. */
export async function serveWay<T extends Loaded>(way: Way<T>, first: T): Promise<number> {
  const { settings } = way;
  const mode: OriginMode<T> = {
    ...way,
    version: readVersion(),
    output: { log: printLogLine, warn: complainLogLine, notice: (text) => complain(`countersign: ${text}`) },
    loadTarget: () => loadTarget(settings.dispatch),
    readPolicy: () => compilePolicyFile(settings.policy),
    readLog: readLogFile,
    onReady: (ready) => printReady(way, ready),
  };
  return await serveOrigin(mode, first, settings.workers);
}

function printReady<T extends Loaded>({ settings, greet }: Way<T>, { url, metrics, console: shown }: Ready): void {
  const text = shown === undefined ? greet(url) : `${greet(url)}, console at ${shown}`;
  printText(settings.json ? JSON.stringify({ origin: url, metrics, console: shown }) : text);
}
