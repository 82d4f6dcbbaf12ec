// Called for every stored event, at least once. Throw, and it is called again later; an event that was handled may come again, with its id.

import type { Handler } from "countersign";

const handler: Handler = (delivery, { id, attempt }) => {
  console.error(id, attempt, delivery.sender, new TextDecoder().decode(delivery.body));
};

export default handler;
