// The origin for the edge bench. It answers every request with 202.

import { createServer } from "node:http";
import { announce } from "./announce.ts";

const server = createServer((request, response) => {
  request.resume().once("end", () => {
    response
      .writeHead(202, { "content-type": "application/json" })
      .end('{"event":"00000000-0000-4000-8000-000000000000"}');
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") announce(`http://127.0.0.1:${address.port}`);
});
