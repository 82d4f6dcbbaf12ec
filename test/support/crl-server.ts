// A server of revocation lists over plain HTTP, as CRL distribution points are. What it gives can be changed at any time.

import { createHash } from "node:crypto";
import { listen } from "./http.ts";

/** Bytes of a list, or a status without any. */
export type Served = Uint8Array | number;

export interface CrlServer {
  /** URL of the list of this name. */
  url(name: string): string;
  /** What each name gives from now on; a name that is missing is not found. */
  readonly lists: Map<string, Served>;
  /** What it says that an answer's entity tag is, in the place of the right one. */
  readonly tags: Map<string, string>;
  /** Names asked for, with the status that was answered. */
  readonly answers: { readonly name: string; readonly status: number }[];
}

export async function startCrlServer(stack: AsyncDisposableStack): Promise<CrlServer> {
  const lists = new Map<string, Served>();
  const tags = new Map<string, string>();
  const answers: { name: string; status: number }[] = [];
  const base = await listen(stack, (incoming, outgoing) => {
    const name = incoming.url?.slice(1) ?? "";
    const served = lists.get(name) ?? 404;
    const etag = typeof served === "number" ? "" : tagOf(served);
    const status = statusOf(served, incoming.headers["if-none-match"]);
    answers.push({ name, status });
    outgoing.writeHead(status, {
      ...(etag !== "" && { etag: tags.get(name) ?? etag, "content-type": "application/pkix-crl" }),
      ...(status >= 300 && status < 400 && status !== 304 && { location: `${base}/moved` }),
    });
    outgoing.end(status === 200 && typeof served !== "number" ? served : undefined);
  });
  return { url: (name) => `${base}/${name}`, lists, tags, answers };
}

function statusOf(served: Served, asked: string | undefined): number {
  if (typeof served === "number") return served;
  return asked === "*" || asked === tagOf(served) ? 304 : 200;
}

/** The entity tag that it gives a list. */
export function tagOf(list: Uint8Array): string {
  return `"${createHash("sha256").update(list).digest("hex")}"`;
}
