// What a command tells of a fault.

import { runHere } from "../../support/command.ts";

/** Of a command that is expected to fail: its exit code, and the text without the name of the program. */
export async function tellOf(args: readonly string[]): Promise<{ code: number; text: string }> {
  const { code, stderr } = await runHere(args);
  return { code, text: stderr.replace(/^countersign: /, "").replace(/\n$/, "") };
}
