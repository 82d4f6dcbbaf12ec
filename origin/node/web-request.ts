// Converts a request of Node's http to a web Request, for frameworks that have no web Request.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { Refusal, toRefusal } from "../../core/refusal.ts";
import { refuseLater } from "../verifier.ts";
import { requireClear } from "./server.ts";

/**
 * The members of a request that are used here. Node's IncomingMessage, Express's `req` and Fastify's `request.raw` have these
 * members.
 */
export interface NodeRequest extends AsyncIterable<unknown> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** The target with the path that a router has removed from `url`. Only Express sets this member. */
  readonly originalUrl?: string | undefined;
  readonly rawHeaders: string[];
  readonly readableDidRead: boolean;
}

/**
 * Makes the request for `verifier.verify()`. Does not read the body. No other code may have read the body before, so put the route
 * before body parsers. `verify()` refuses the request if Node would change its URL, if it has two Host fields, or if its body has
 * been read.
 */
export function toWebRequest(incoming: NodeRequest): Request {
  const { method = "GET", originalUrl, url = "", rawHeaders, readableDidRead } = incoming;
  const target = originalUrl ?? url;
  try {
    requireClear({ rawHeaders, url: target });
    if (readableDidRead)
      throw new Refusal("misconfigured", {
        problems: ["the body was read before the verifier had it: put the route before body parsers"],
      });
    const headers = new Headers();
    for (let index = 0; index < rawHeaders.length; index += 2)
      headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
    const isBodiless = method === "GET" || method === "HEAD";
    const body = isBodiless ? {} : { body: Readable.toWeb(incoming as IncomingMessage), duplex: "half" };
    return new Request(`http://${headers.get("host")}${target}`, { method, headers, ...body } as RequestInit);
  } catch (error) {
    return refuseLater(new Request("http://unclear.invalid/"), toRefusal(error));
  }
}
