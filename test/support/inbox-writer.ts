// A process that writes events to an inbox until it is killed. Each event has a new certificate. With the argument "same", the
// process writes only one event, with the certificate from its standard input.

import { text } from "node:stream/consumers";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { deliveryOf } from "./inbox.ts";

const [, , file = "", round = ""] = process.argv;
const inbox = openSqliteInbox(file, { onNewCertificate: (sights) => console.log(...sights.map(({ what }) => what)) });

async function accept(id: string, base64: string): Promise<void> {
  await inbox.accept(deliveryOf({ id, sender: "acme", identity: { base64 } }), {
    issuer: "direct",
    jti: id,
    expires: 0,
  });
}

if (round === "same") {
  console.log("ready");
  await accept(`event-of-${process.pid}`, await text(process.stdin));
} else {
  for (let sent = 0; ; sent += 1) {
    await accept(`${round} ${sent}`, (await issueCertificate({ subject: [{ CN: [`acme ${sent}`] }] })).base64);
    if (sent === 0) console.log("writing");
  }
}
