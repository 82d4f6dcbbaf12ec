// This program is compiled against the built package, but never run.

import { createEdge, type EdgeBindings, type EdgeWorker } from "countersign/edge";

const edge: EdgeWorker = createEdge({ anchors: {}, senders: {}, routes: {} });
const bindings: EdgeBindings = { HOSTS: ["hooks.example.com"], ACME_KEY: "secret" };

export const answer: Promise<Response> = edge.fetch(new Request("https://hooks.example.com/"), bindings, {
  waitUntil: () => undefined,
});
