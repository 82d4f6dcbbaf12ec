// The cases in which nginx or Apache decides differently from Countersign. Each case in this table must differ, and no other case
// may differ. docs/design/reference-verdicts.md has the same headings as this table. It prints the cases and gives the reasons.

/** Paths of routes of the corpus, without `/hooks/` at the start. */
type Routes = readonly string[];

export interface Difference {
  readonly nginx: Routes;
  readonly apache2: Routes;
}

export interface Reason {
  /** The side that accepts. The other side refuses. */
  readonly accepts: "reference" | "Countersign";
  /** The routes on which the verdicts differ, by the name of the corpus entry. */
  readonly entries: Readonly<Record<string, Difference>>;
}

/** The routes that trust the CA certificate `root`. Most entries of the corpus have a certificate below `root`. */
const ROOTED = ["root", "shallow", "deep", "all"];
const NOWHERE: Routes = [];
const both = (...routes: string[]): Difference => ({ nginx: routes, apache2: routes });
const nginxAlone = (...routes: string[]): Difference => ({ nginx: routes, apache2: NOWHERE });
const shallow = nginxAlone("shallow");
const searched = nginxAlone(...ROOTED);

export const DIFFERENCES: Readonly<Record<string, Reason>> = {
  "The deny list": {
    accepts: "reference",
    entries: {
      "denied by serial": both(...ROOTED),
      "denied by key": both(...ROOTED),
      "a denied key, certified again": { nginx: ROOTED, apache2: ["root", "deep", "all"] },
      "below a denied issuer": { nginx: ROOTED, apache2: ["root", "deep", "all"] },
    },
  },
  "A subject that is searched for a text": {
    accepts: "reference",
    entries: {
      "named longer": searched,
      "named twice": searched,
      "named within another attribute": searched,
      "named behind a plus": searched,
      "named with a NUL": searched,
      "named with an escape sequence": searched,
    },
  },
  "The first of two common names": {
    accepts: "reference",
    entries: { "named twice, as allowed first": both(...ROOTED) },
  },
  "The same text in another string type": {
    accepts: "reference",
    entries: { "named in BMPString": both(...ROOTED), "named in TeletexString": both(...ROOTED) },
  },
  "A NUL in a subject alternative name": {
    accepts: "reference",
    entries: {
      "with a NUL in a DNS name": both(...ROOTED),
      "with a NUL in an e-mail address": both(...ROOTED),
      "with a NUL in a URI": both(...ROOTED),
      "with a NUL in a directory name": both(...ROOTED),
    },
  },
  "Serial numbers that RFC 5280 forbids": {
    accepts: "reference",
    entries: { "with a negative serial": both(...ROOTED), "with a serial of 21 octets": both(...ROOTED) },
  },
  "More intermediates than a path may need": {
    accepts: "reference",
    entries: {
      "with more intermediates than a path may need": { nginx: ROOTED, apache2: ["root", "deep", "all"] },
    },
  },
  "The depth of the guide": {
    accepts: "reference",
    entries: { "four deep": both("root") },
  },
  "What a depth counts": {
    accepts: "reference",
    entries: {
      "below an intermediate": shallow,
      "below an intermediate, with the root": shallow,
      "below an intermediate, with a stranger": shallow,
      "within a path length": shallow,
      "under the root's next key": shallow,
      "with critical policies": shallow,
      "below a CA for clients": shallow,
      "below a CA without key usage": shallow,
      "below a constrained CA": shallow,
      "below RSA of 2048 bits": shallow,
    },
  },
  "An intermediate as the anchor": {
    accepts: "Countersign",
    entries: {
      "below an intermediate": both("issuing"),
      "below an intermediate that is not sent": both("issuing"),
      "below an intermediate, with the root": both("issuing"),
      "below an intermediate, with a stranger": both("issuing"),
      "three deep": both("issuing"),
      "three deep, sent backwards": both("issuing"),
      "four deep": both("issuing"),
    },
  },
};
