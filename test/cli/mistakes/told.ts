// Runs a command within this process, and reads what it would tell of a fault.

import { type Command, endOf } from "../../../cli/command.ts";

/** Of a command that is expected to fail: its exit code, and the text without the name of the program. */
export async function tellOf([name = "", ...args]: readonly string[]): Promise<{ code: number; text: string }> {
  const { command } = (await import(`../../../cli/${name}.ts`)) as { command: Command };
  const listeners = process.stdout.listeners("error") as (() => void)[];
  try {
    return { code: await command.run([...args]), text: "" };
  } catch (error) {
    return endOf(error);
  } finally {
    process.stdout.removeAllListeners("error");
    for (const listener of listeners) process.stdout.on("error", listener);
  }
}
