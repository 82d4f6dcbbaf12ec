// Finds the certification path from a leaf to one of the anchors among unordered, untrusted intermediates.

import type { Certificate } from "./certificate.ts";
import { checkIssuer, namesIssuer } from "./path-checks.ts";
import type { Anchor, DenyList } from "./policy.ts";
import type { ClientCertificate } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";

export interface Path {
  readonly anchor: Anchor;
  /** CA certificates from the leaf's issuer up to the anchor. */
  readonly issuers: readonly Certificate[];
}

export interface PathLimits {
  /** CA certificates on the path, the anchor included. */
  readonly maxChainDepth: number;
  readonly deny: DenyList;
  /** Unix seconds. */
  readonly now: number;
}

/** Issuers tried in one search. A real chain needs a handful; a sender can craft ten that all sign one another. */
const MAX_ISSUERS_TRIED = 50;

/**
 * Searches depth first, anchors before intermediates, and returns the first path on which every check passes.
 * @throws Refusal of the first fault met on a path whose names chain, else `issuer_unknown`
 */
export function findPath(client: ClientCertificate, anchors: readonly Anchor[], limits: PathLimits): Path {
  let tried = 0;
  let failure: Refusal | undefined;

  /** `below` starts with the leaf; its last member is the one whose issuer is looked for. */
  const extend = (below: readonly Certificate[]): Path | undefined => {
    const top = below[below.length - 1] as Certificate;
    const isUsable = (issuer: Certificate): boolean => {
      if (!namesIssuer(top, issuer) || below.some(({ spkiSha256 }) => spkiSha256 === issuer.spkiSha256)) return false;
      tried += 1;
      if (tried > MAX_ISSUERS_TRIED) return false;
      const fault = faultOf(issuer, below, limits);
      failure ??= fault;
      return fault === undefined;
    };
    for (const anchor of anchors) {
      if (isUsable(anchor.certificate)) return { anchor, issuers: [...below.slice(1), anchor.certificate] };
    }
    for (const intermediate of client.intermediates) {
      const path = isUsable(intermediate) ? extend([...below, intermediate]) : undefined;
      if (path !== undefined) return path;
    }
    return undefined;
  };

  const path = extend([client.leaf]);
  if (path !== undefined) return path;
  throw (
    failure ??
    new Refusal("issuer_unknown", {
      intermediates: client.intermediates.length,
      anchors: anchors.map(({ name }) => name),
    })
  );
}

function faultOf(issuer: Certificate, below: readonly Certificate[], limits: PathLimits): Refusal | undefined {
  try {
    if (below.length > limits.maxChainDepth) {
      throw new Refusal("chain_too_deep", { depth: below.length, maxChainDepth: limits.maxChainDepth });
    }
    checkIssuer(issuer, below, limits.deny, limits.now);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
