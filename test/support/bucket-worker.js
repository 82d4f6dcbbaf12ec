// A worker with the same bucket as the edge. Each call of the bucket is one request to this worker. With the proxies of wrangler's
// harness, reading a member of a listed object is a request, so a thousand objects take half a minute. This file is JavaScript,
// because the types of the platform contradict the types of Node.

import { maintainQueue } from "../../worker/queue/dead-letters.ts";

const describe = ({ key, size, uploaded, customMetadata }) => ({ key, size, uploaded, customMetadata });

export default {
  async fetch(request, { BODIES }) {
    const { method, key, options } = JSON.parse(request.headers.get("call"));
    if (method === "get") {
      const object = await BODIES.get(key);
      return new Response(object?.body, { headers: { object: JSON.stringify(object && describe(object)) } });
    }
    if (method === "put") await BODIES.put(key, await request.arrayBuffer(), options);
    if (method === "fill") await Promise.all((await request.json()).map((one) => BODIES.put(one, one)));
    if (method === "delete") await BODIES.delete(key);
    if (method === "maintain") return Response.json(await maintain(BODIES, options));
    if (method !== "list") return new Response();
    const { objects, ...page } = await BODIES.list(options);
    return Response.json({ ...page, objects: objects.map(describe) });
  },
};

/**
 * Runs the maintenance as a cron trigger does, with a queue that rejects the texts in `refused`. @returns every text sent to the
 * queue
 */
async function maintain(bodies, { now, refused }) {
  const sent = [];
  const send = (text) => {
    sent.push(text);
    return refused.includes(text) ? Promise.reject(new Error("Too Many Requests")) : Promise.resolve();
  };
  await maintainQueue({ events: { send }, bodies }, now, () => {});
  return sent;
}
