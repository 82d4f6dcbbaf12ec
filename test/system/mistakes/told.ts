// Runs a command to test what it prints about a fault.

import { runHere } from "../../support/command.ts";

/** Runs a command that is expected to fail. Returns its exit code, and what it printed, without the name of the program. */
export async function tellOf(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, stderr } = await runHere(args);
  return { code, text: stderr.replace(/^countersign: /, "").replace(/\n$/, "") };
}
