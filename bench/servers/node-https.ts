// The minimum for the listener bench: Node's HTTPS server. It requires a client certificate in the handshake, as our listener does.
// The handler reads the body and checks nothing.

import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { announce } from "./announce.ts";

export interface BareSettings {
  readonly certificate: string;
  readonly key: string;
  readonly root: string;
}

const { certificate, key, root } = JSON.parse(process.argv[2] ?? "") as BareSettings;
const answer = '{"event":"00000000-0000-4000-8000-000000000000"}';
const headers = { "content-type": "application/json", "content-length": answer.length };

const server = createServer({ cert: certificate, key, ca: root, requestCert: true }, (request, response) => {
  request.resume().once("end", () => response.writeHead(202, headers).end(answer));
});
server.listen(0, "127.0.0.1", () => announce(`https://127.0.0.1:${(server.address() as AddressInfo).port}`));
