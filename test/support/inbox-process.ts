// A process that accepts events into an inbox. With "stream", it accepts sixteen events at a time until it is killed, and prints
// the id of each stored event. With "same", it accepts a list of events that is the same in every such process, and prints how many
// events it stored.

import type { Acceptance } from "../../origin/accept.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { deliveryOf } from "./inbox.ts";

const [, , location = "", mode = "", name = ""] = process.argv;
const inbox = await openInbox(location);

async function accept(id: string, eventKey: string, body: string): Promise<Acceptance> {
  const delivery = deliveryOf({ id, sender: "acme", eventKey, body });
  return (await inbox.accept(delivery, { issuer: "direct", jti: id, expires: 0 })) as Acceptance;
}

if (mode === "same") {
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const accepted = Array.from({ length: 300 }, (_, n) => accept(`${name} ${n}`, `key ${n}`, `${n}`));
  const outcomes = (await Promise.all(accepted)).map(({ outcome }) => outcome);
  console.log(JSON.stringify({ stored: outcomes.filter((outcome) => outcome === "stored").length }));
  await inbox.close();
  process.exit();
}

for (let line = 0; line < 16; line += 1) {
  void (async () => {
    for (let n = 0; ; n += 1) {
      const id = `${name} ${line} ${n}`;
      await accept(id, id, id);
      console.log(id);
    }
  })();
}
