// Tests how an HTTP server is closed. Every request that has begun is answered, whatever happens on other connections.

import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { closesGracefully } from "../../../origin/node/graceful-close.ts";

async function start() {
  const answers: ServerResponse[] = [];
  const server = createServer((request, answer) => {
    request.resume();
    answers.push(answer);
  });
  const close = closesGracefully(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const open = async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  const begun = async (count: number) => {
    while (answers.length < count) await once(server, "request");
  };
  return { answers, close, open, begun };
}

const REQUEST = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";

test("pipelined requests on a connection are all answered, and the last answer ends the connection", async () => {
  const { answers, close, open, begun } = await start();
  const socket = await open();
  const received = text(socket);
  socket.write(REQUEST + REQUEST);
  await begun(2);
  const closed = close();
  for (const answer of answers) answer.writeHead(202).end();
  await closed;
  const statuses = (await received).match(/HTTP\/1\.1 202|connection: close/gi);
  expect(statuses).toEqual(["HTTP/1.1 202", "HTTP/1.1 202", expect.stringMatching(/connection: close/i)]);
});

test("a connection without a request, and one whose request was answered, do not delay the end", async () => {
  const { answers, close, open, begun } = await start();
  const silent = await open();
  const answered = await open();
  answered.write(REQUEST);
  await begun(1);
  answers[0]?.writeHead(202).end();
  await once(answered, "data");
  const ends = [silent, answered].map((socket) => once(socket.resume(), "close"));
  await close();
  await Promise.all(ends);
});
