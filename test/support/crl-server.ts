// Serves revocation lists over plain HTTP, like a CRL distribution point. A test can change the lists at any time.

import { createHash } from "node:crypto";
import { listen } from "./http.ts";

/** The bytes of a list to serve, or the status of a response without a body. */
export type Served = Uint8Array | number;

export interface CrlServer {
  /** Returns the URL of the list with this name. */
  url(name: string): string;
  /** The response for each name from now on. A name that is not in this map gets a 404. */
  readonly lists: Map<string, Served>;
  /** For some names, a wrong entity tag to send instead of the correct one. */
  readonly tags: Map<string, string>;
  /** The name in each request so far, with the status of the response. */
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

/** Returns the correct entity tag of a list. */
export function tagOf(list: Uint8Array): string {
  return `"${createHash("sha256").update(list).digest("hex")}"`;
}
