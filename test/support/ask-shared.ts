// Asks for an object that all test files of a run share. shared.ts makes these objects.

import { inject } from "vitest";
import type { Shared } from "./shared.ts";

export async function askShared<Name extends keyof Shared>(name: Name): Promise<Shared[Name]> {
  const answer = await fetch(`${inject("shared")}/${name}`);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Shared[Name];
}
