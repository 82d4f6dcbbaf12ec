// Remembers what was found about certificates that may be presented again, on a kept-alive connection or with the sender's next
// request. Holds only facts that cannot change: who signed whom, and what a CA may do. Dates, denials, depth and revocation are
// checked each time.

import type { Anchor } from "../policy/policy.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";

export interface Findings {
  /** The path that the search found. Undefined if a check failed before this path was found. */
  readonly path?: {
    readonly anchor: Anchor;
    /** The CA certificates from the leaf's issuer up to the anchor. */
    readonly issuers: readonly Certificate[];
    /** The intermediates that an anchor certified. */
    readonly certified: readonly Certificate[];
  };
  /** The presented intermediates that an anchor certified, in an order that the sender cannot choose. */
  readonly vouched?: readonly Certificate[];
}

interface Presented {
  readonly intermediates: readonly Certificate[];
  readonly byAnchors: WeakMap<readonly Anchor[], Findings>;
}

/**
 * For each leaf, the intermediates that were last presented with this leaf, and the findings about them. The garbage collector
 * removes an entry after its leaf is no longer used, and findings after the anchors of their policy are no longer used.
 */
const presented = new WeakMap<Certificate, Presented>();

/** Returns what was found earlier about exactly these certificates under these anchors. */
export function recall(client: ClientCertificate, anchors: readonly Anchor[]): Findings | undefined {
  const known = presented.get(client.leaf);
  return known !== undefined && isSame(known.intermediates, client.intermediates)
    ? known.byAnchors.get(anchors)
    : undefined;
}

export function remember(client: ClientCertificate, anchors: readonly Anchor[], found: Findings): void {
  const { leaf, intermediates } = client;
  const known = presented.get(leaf);
  const kept =
    known !== undefined && isSame(known.intermediates, intermediates)
      ? known
      : { intermediates, byAnchors: new WeakMap<readonly Anchor[], Findings>() };
  kept.byAnchors.set(anchors, { ...kept.byAnchors.get(anchors), ...found });
  presented.set(leaf, kept);
}

function isSame(a: readonly Certificate[], b: readonly Certificate[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}
