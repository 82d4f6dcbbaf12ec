// Checks the runtime. Some parts need a newer Node than others, and a Node that is too old is reported at the start.

import { ConfigurationError } from "../../core/configuration-error.ts";

type Version = readonly [major: number, minor: number];

/** The first version in which node:sqlite needs no flag and handlers in TypeScript run. */
export const NODE_FOR_ORIGIN: Version = [22, 18];

const NODE_FOR_INTERMEDIATES: Version = [26, 10];

/**
 * Must be called for code that judges the certificates of a TLS socket. Node 24.21, 26.8 and 26.9 do not report intermediates
 * (nodejs/node#65579), so every sender with an intermediate would be refused. Older versions report the intermediates of a socket
 * only to the first code that asks for them.
 * @throws ConfigurationError
 */
export function requireIntermediates(what: string): void {
  requireNode(NODE_FOR_INTERMEDIATES, what, "which reports the intermediates that a client sends");
}

/**
 * Must be called for code that reads the certificates of a TLS socket only once and does not judge them.
 * @throws ConfigurationError for a version of Node that reports no intermediates
 */
export function refuseLostIntermediates(what: string): void {
  const [major, minor] = ownVersion();
  const isFaulty = (major === 24 && minor >= 21) || (major === 26 && (minor === 8 || minor === 9));
  if (isFaulty) requireIntermediates(what);
}

/** Returns the version of Node. In another runtime, returns the version of Node with which this runtime claims to be compatible. */
function ownVersion(): Version {
  const [major = 0, minor = 0] = (process.versions.node ?? "").split(".").map(Number);
  return [major, minor];
}

/**
 * Requires at least this version of Node. The message names the feature that needs it (`what`), and what the version provides
 * (`why`).
 * @throws ConfigurationError if this is not Node, or an older version of it
 */
export function requireNode([major, minor]: Version, what: string, why: string): void {
  const { bun, deno, node = "0.0" } = process.versions as Readonly<Record<string, string | undefined>>;
  const [ownMajor, ownMinor] = ownVersion();
  const isNewEnough = ownMajor > major || (ownMajor === major && ownMinor >= minor);
  if (isNewEnough && bun === undefined && deno === undefined) return;
  const own = bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node}`;
  throw new ConfigurationError("runtime", [`${what} needs Node ${major}.${minor} or newer, ${why}: this is ${own}`]);
}
