// The edge with one fault of its surroundings, named by FAULT: what the simulators of queue and bucket never do by themselves.
// JavaScript, because the types of the platform and those of Node do not go together in one program.

import edge from "../../worker/index.ts";

let runs = 0;

const fail = () => Promise.reject(new Error("Too Many Requests"));

function withFault(bindings) {
  const { FAULT, EVENTS, BODIES } = bindings;
  const bodies = {
    get: (key) => BODIES.get(key),
    list: (options) => BODIES.list(options),
    delete: (keys) => BODIES.delete(keys),
    put: (key, ...rest) => (FAULT === "put" ? fail() : BODIES.put(key, ...rest)),
  };
  return { ...bindings, BODIES: bodies, EVENTS: FAULT === "send" ? { send: fail } : EVENTS };
}

export default {
  fetch: (request, bindings, execution) => edge.fetch(request, withFault(bindings), execution),
  scheduled: (controller, bindings) => edge.scheduled(controller, bindings),
  async queue(batch, bindings) {
    runs += 1;
    const isCrashing = bindings.FAULT === "crash" ? runs <= 2 : bindings.FAULT === "crashes" && runs % 3 !== 0;
    if (!isCrashing) return edge.queue(batch, bindings);
    // The consumer is gone after half of the batch, and with it what it acknowledged.
    const { queue, messages } = batch;
    await edge.queue({ queue, messages: messages.slice(0, Math.ceil(messages.length / 2)) }, bindings);
    throw new Error("the isolate is gone");
  },
};
