// The edge with a faulty queue, bucket or consumer. The binding FAULT names the fault. This file causes the faults, because the
// simulators of the queue and the bucket never fail. It is JavaScript, because the types of the platform contradict the types of
// Node.

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

/** Makes the consumer fail after half of the batch. The acknowledgements of this half are lost. */
async function crashAfterHalf({ queue, messages }, bindings) {
  await edge.queue({ queue, messages: messages.slice(0, Math.ceil(messages.length / 2)) }, bindings);
  throw new Error("the isolate is gone");
}

/**
 * Makes the consumer die when half of the batch is acknowledged or put back, while other deliveries are in progress. As on the
 * platform, the acknowledgements before this moment count. The function asks for a retry of the remaining messages, because the
 * simulator would drop all acknowledgements if the function threw an error.
 */
async function dieAtHalf({ queue, messages }, bindings) {
  const unsettled = new Set(messages);
  let isAlive = true;
  await new Promise((resolve) => {
    const settle = (message, word) => {
      if (!isAlive || !unsettled.delete(message)) return;
      word();
      if (unsettled.size <= messages.length / 2) resolve();
    };
    const watched = messages.map((message) => ({
      id: message.id,
      body: message.body,
      attempts: message.attempts,
      ack: () => settle(message, () => message.ack()),
      retry: (options) => settle(message, () => message.retry(options)),
    }));
    void edge.queue({ queue, messages: watched, retryAll: resolve }, bindings);
  });
  isAlive = false;
  for (const message of unsettled) message.retry();
}

function isFaulty(fault) {
  return fault === "crash" ? runs <= 2 : (fault === "crashes" || fault === "dies") && runs % 3 !== 0;
}

export default {
  fetch: (request, bindings, execution) => edge.fetch(request, withFault(bindings), execution),
  scheduled: (controller, bindings) => edge.scheduled(controller, bindings),
  queue(batch, bindings) {
    runs += 1;
    if (!isFaulty(bindings.FAULT)) return edge.queue(batch, bindings);
    return bindings.FAULT === "dies" ? dieAtHalf(batch, bindings) : crashAfterHalf(batch, bindings);
  },
};
