// A request of Node's http to a web Request, for frameworks that know the first alone.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { Refusal, toRefusal } from "../../core/refusal.ts";
import { refuseLater } from "../verifier.ts";
import { requireClear } from "./server.ts";

/** What is used of Node's IncomingMessage, of Express's `req`, of Fastify's `request.raw`. */
export interface NodeRequest extends AsyncIterable<unknown> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Of Express: the target before a router took its own path away. */
  readonly originalUrl?: string | undefined;
  readonly rawHeaders: string[];
  readonly readableDidRead: boolean;
}

/**
 * The request for `verifier.verify()`. Its body is not read here, and must not have been before: the route stands before parsers of
 * bodies. What Node would make another URL of, a Host that is there twice, or a body that is gone already is refused by `verify()`.
 */
export function toWebRequest(incoming: NodeRequest): Request {
  const { method = "GET", originalUrl, url = "", rawHeaders, readableDidRead } = incoming;
  const target = originalUrl ?? url;
  try {
    requireClear({ rawHeaders, url: target });
    if (readableDidRead)
      throw new Refusal("misconfigured", {
        problems: ["the body was read before the verifier had it: let the route stand before parsers of bodies"],
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
