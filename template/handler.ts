// Called at least once for every stored event. If it throws, it is called again later. An event that was handled may be delivered
// again with the same id.

import type { Handler } from "countersign";

const handler: Handler = (delivery, { id, attempt }) => {
  console.error(id, attempt, delivery.sender, new TextDecoder().decode(delivery.body));
};

export default handler;
