// What runs this program: some of it needs a newer Node than the rest, and says so before it begins.

import { ConfigurationError } from "../../core/configuration-error.ts";

type Version = readonly [major: number, minor: number];

/** The first in which node:sqlite needs no flag and handlers in TypeScript run. */
export const NODE_FOR_ORIGIN: Version = [22, 18];

const NODE_FOR_INTERMEDIATES: Version = [26, 10];

/**
 * Of who judges certificates that it reads from a socket. Every sender with an intermediate would be refused by 24.21, 26.8 and 26.9, which
 * report none (nodejs/node#65579); older ones report them to who asks first. @throws ConfigurationError
 */
export function requireIntermediates(what: string): void {
  requireNode(NODE_FOR_INTERMEDIATES, what, "which reports the intermediates that a client sends");
}

/** The same of who asks once, and judges nothing. @throws ConfigurationError for a version that reports none */
export function refuseLostIntermediates(what: string): void {
  const [major, minor] = ownVersion();
  const isFaulty = (major === 24 && minor >= 21) || (major === 26 && (minor === 8 || minor === 9));
  if (isFaulty) requireIntermediates(what);
}

/** Of Node, or the one that another runtime says it is like. */
function ownVersion(): Version {
  const [major = 0, minor = 0] = (process.versions.node ?? "").split(".").map(Number);
  return [major, minor];
}

/** @throws ConfigurationError unless this is Node of at least that version; `why` says what it lacks otherwise */
export function requireNode([major, minor]: Version, what: string, why: string): void {
  const { bun, deno, node = "0.0" } = process.versions as Readonly<Record<string, string | undefined>>;
  const [ownMajor, ownMinor] = ownVersion();
  const isNewEnough = ownMajor > major || (ownMajor === major && ownMinor >= minor);
  if (isNewEnough && bun === undefined && deno === undefined) return;
  const own = bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node}`;
  throw new ConfigurationError("runtime", [`${what} needs Node ${major}.${minor} or newer, ${why}: this is ${own}`]);
}
