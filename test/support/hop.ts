// Starts the deployed bundle of the edge, the real origin, and a server between them, called the hop. A test chooses how the hop
// behaves.

import { publicJwk } from "../../core/assertion/keys.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { exchange, type HeaderList, listen, type RecordedRequest, record } from "./http.ts";
import { startTestOrigin } from "./origin.ts";
import { ACME, createSenders } from "./senders.ts";
import { newSigningKey } from "./signing-key.ts";
import { tlsClientAuth } from "./tls-client-auth.ts";
import { startWorkerd } from "./workerd.ts";

/** Forwards a request, changed or unchanged, to the origin at this URL. */
export type Hop = (request: RecordedRequest, originUrl: string) => ReturnType<typeof exchange>;

export type ChangeHeaders = (headers: HeaderList) => HeaderList;

/** Forwards a request unchanged, except for `Host` and the framing headers, which belong to the connection. */
export function passOn({ method, target, headers, body }: RecordedRequest, url: string) {
  const ofHop = new Set(["host", "connection", "content-length", "transfer-encoding"]);
  const others = headers.filter(([name]) => !ofHop.has(name.toLowerCase()));
  return exchange({ url, method, target, headers: others, body });
}

export async function startEdgeHopOrigin(stack: AsyncDisposableStack) {
  const senders = await createSenders();
  const key = await newSigningKey();
  const acme = { ...senders.policy.senders[ACME], eventKey: { header: "X-Quill-Event" } };
  const route = { senders: [ACME], methods: ["POST"], headers: ["X-Quill-Topic", "X-Quill-Tags", "X-Quill-Note"] };
  const policy = { ...senders.policy, senders: { [ACME]: acme }, routes: { "/hooks/acme": route } } as PolicyDocument;
  let delivered: Delivery | undefined;
  const origin = await startTestOrigin(stack, {
    policy,
    keys: [publicJwk(key)],
    accept(delivery) {
      delivered = delivery;
    },
  });
  let hop: Hop = passOn;
  const hopUrl = await listen(stack, async (incoming, outgoing) => {
    const { status, headers, body } = await hop(await record(incoming), origin.url);
    outgoing.writeHead(status, { "content-type": headers["content-type"] ?? "text/plain" }).end(body);
  });
  const SIGNING_KEYS = JSON.stringify({ keys: [key] });
  const { edge } = await startWorkerd(stack, policy, { edge: { SIGNING_KEYS, ORIGIN_URL: hopUrl } });

  /** Sends an event with these headers to the edge. Resolves to the status and to the log lines about the event. */
  async function send(headers: HeaderList, next: Hop = passOn) {
    hop = next;
    delivered = undefined;
    const start = edge.lines.all.length;
    const { status } = await edge.send({ tls: tlsClientAuth(senders.acme, [senders.root]), body: "{}", headers });
    const line = origin.lines.all.at(-1);
    // Each request logs one line.
    const edgeLine = await edge.lines.with({}, start);
    return { status, line, edgeLine, code: line?.["code"], delivered: delivered as Delivery | undefined };
  }
  return { origin, send };
}
