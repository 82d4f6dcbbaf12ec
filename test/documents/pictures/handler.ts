// The handler of the pictures. One kind of event fails, so that the console has a dead event to show.

import { type Handler, PermanentFailure } from "../../../origin/index.ts";

const handler: Handler = ({ body }) => {
  const { event, order } = JSON.parse(new TextDecoder().decode(body)) as { event: string; order: number };
  if (event === "order.returned") throw new PermanentFailure(`order ${order} is not known`);
};
export default handler;
