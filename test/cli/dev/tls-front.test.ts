// Tests that the front of `countersign dev` also logs connections that end before a request was sent.

import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { startTlsFront } from "../../../cli/dev/tls-front.ts";
import type { LogLine } from "../../../core/log-line.ts";

test.each<readonly [string, string, RegExp]>([
  ["plain HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", /begins with http:\/\/ where https:\/\/ belongs/],
  ["not TLS", "PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", /PROXY protocol/],
])("the front of dev logs what arrives at its port: %s", async (cause, text, why) => {
  const { pem: certificate, keyPem: key } = await issueCertificate({
    subject: [{ CN: ["localhost"] }],
    extendedKeyUsage: [SERVER_AUTH],
  });
  const lines: LogLine[] = [];
  const log = (line: LogLine) => void lines.push(line);
  const edge = new Promise<never>(() => {});
  const front = await startTlsFront({ port: 0, certificate, key, clientCas: [], edge, log });
  try {
    const socket = connect(front.port, "127.0.0.1").on("error", () => {});
    socket.end(text);
    await once(socket, "close");
    await expect.poll(() => lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ decision: "handshake", cause, why: expect.stringMatching(why) });
  } finally {
    await front.close();
  }
});
