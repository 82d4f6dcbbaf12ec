// Reads a page of the console, like a browser tab in which the page is open. This module runs in a process of its own, like a
// browser. Otherwise, the load generator would have less time while the page is read. A request to the URL of this process closes
// the page. The response is the number of times that the page was fetched.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { announce } from "./announce.ts";

const { console: url } = JSON.parse(process.argv[2] ?? "") as { readonly console: string };
const end = new AbortController();

/** Listens for changes, and fetches the page again as often as the page asks for it. Returns the number of fetches. */
async function read(): Promise<number> {
  let fetched = 0;
  const stream = await fetch(`${url}/live`, { signal: end.signal });
  announceReading();
  try {
    let [last, seconds] = [0, 1];
    for await (const _ of stream.body ?? []) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, last + seconds * 1000 - performance.now())));
      last = performance.now();
      const text = await (await fetch(`${url}/events`, { signal: end.signal })).text();
      seconds = Number(/data-live-seconds="(\d+)"/.exec(text)?.[1]);
      fetched += 1;
    }
  } catch (error) {
    if (!end.signal.aborted) throw error;
  }
  return fetched;
}

const server = createServer((_, response) => {
  end.abort();
  reading.then((fetched) => response.end(String(fetched)));
});

function announceReading(): void {
  server.listen(0, "127.0.0.1", () => announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
}

const reading = read();
