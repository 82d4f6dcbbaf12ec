// `countersign inbox export` prints stored events as JSON lines, for other programs. docs/operations.md says what the members
// mean.

import { once } from "node:events";
import type { EventCursor, EventPage } from "../../origin/inbox/inbox.ts";
import { UsageError } from "../command.ts";
import { print } from "../output.ts";
import { parseFilter } from "./filter.ts";
import { readFrom, type Values } from "./options.ts";
import { describeEvent } from "./text.ts";

const EVENTS_A_PAGE = 250;

export async function exportEvents(values: Values, ids: readonly string[]): Promise<number> {
  if (ids.length > 0) throw new UsageError("inbox export takes no id: see inbox show");
  const filter = parseFilter(values, EVENTS_A_PAGE);
  await readFrom(values, async (reader) => {
    let cursor: EventCursor | undefined;
    do {
      const { events, next } = await reader.page(filter, cursor);
      for (const event of events) await write(event);
      cursor = next;
    } while (cursor !== undefined);
  });
  return 0;
}

/** Prints one event, and waits until the output is passed on. Otherwise the output could fill the memory. */
async function write(event: EventPage["events"][number]): Promise<void> {
  print([JSON.stringify(toExported(event))]);
  if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
}

function toExported(event: EventPage["events"][number]) {
  const { headers, certificate, factors, reliedOnEdge, policyDigest, issuer, jti, body } = event;
  const { der, intermediates, ...facts } = certificate ?? {};
  return {
    ...describeEvent(event),
    headers,
    certificate: certificate === undefined ? undefined : facts,
    ...{ factors, reliedOnEdge, policyDigest, issuer, jti },
    ...(body !== undefined && toText(body)),
  };
}

/** Returns the body as a text if it is UTF-8, otherwise as base64. */
function toText(body: Uint8Array): { readonly body: string } | { readonly bodyBase64: string } {
  try {
    return { body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body) };
  } catch {
    return { bodyBase64: Buffer.from(body).toString("base64") };
  }
}
