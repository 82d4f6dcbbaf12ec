// Tests how an origin connects to an upstream that has a private CA, or that has no TLS on a private network.

import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parsePrivateUrl } from "../../../cli/arguments/base-url.ts";
import { issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { loadTarget } from "../../../cli/origin/target.ts";
import { fetchUpstream, isPrivateAddress, lookUpPrivate } from "../../../origin/node/upstream-fetch.ts";
import { listen } from "../../support/http.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const request = (body: string) => ({
  method: "POST",
  headers: { "content-type": "text/plain", "x-two": "a, b" },
  redirect: "manual" as const,
  signal: AbortSignal.timeout(10_000),
  body: new TextEncoder().encode(body),
});

async function startServer() {
  const authority = await issueCertificate({ subject: [{ CN: ["Upstream CA"] }], ca: {} });
  const subjectAltNames = [{ type: "dns" as const, value: "localhost" }];
  const names = { subject: [{ CN: ["upstream"] }], extendedKeyUsage: [SERVER_AUTH], subjectAltNames };
  const { pem, keyPem } = await issueCertificate(names, authority);
  const ports: number[] = [];
  const server = createServer({ cert: pem, key: keyPem }, async (incoming, outgoing) => {
    ports.push(incoming.socket.remotePort ?? 0);
    if (incoming.url === "/none") return void outgoing.writeHead(204).end();
    if (incoming.url === "/elsewhere") return void outgoing.writeHead(302, { location: "https://example.com/" }).end();
    outgoing.writeHead(
      202,
      [
        ["x-seen", String(incoming.headers["x-two"])],
        ["set-cookie", "a"],
        ["set-cookie", "b"],
      ].flat(),
    );
    for await (const chunk of incoming) outgoing.write(chunk);
    outgoing.end();
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  stack.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return { authority, ports, url: `https://localhost:${(server.address() as AddressInfo).port}` };
}

describe("an upstream with a CA of its own", () => {
  test("is reached with the current CA, on a connection that is kept", async () => {
    const { authority, ports, url } = await startServer();
    const other = await issueCertificate({ subject: [{ CN: ["Another CA"] }], ca: {} });
    let ca = authority.pem;
    const send = fetchUpstream(() => ca);
    const answer = await send(`${url}/events?a=%C3%BC`, request("größe"));
    expect(answer.status).toBe(202);
    expect([answer.headers.get("x-seen"), answer.headers.getSetCookie()]).toEqual(["a, b", ["a", "b"]]);
    expect(await answer.text()).toBe("größe");
    expect(await (await send(url, request("again"))).text()).toBe("again");
    expect(new Set(ports).size).toBe(1);
    ca = other.pem;
    await expect(send(url, request(""))).rejects.toThrow(/unable to verify|unable to get/);
  });

  test("is not reached with the public CAs", async () => {
    const { url } = await startServer();
    await expect(fetchUpstream(() => undefined)(url, request(""))).rejects.toThrow(/unable to verify|unable to get/);
  });

  test("is not followed to another address, and its empty answers end", async () => {
    const { authority, url } = await startServer();
    const send = fetchUpstream(() => authority.pem);
    expect((await send(`${url}/elsewhere`, request(""))).status).toBe(302);
    const none = await send(`${url}/none`, request(""));
    expect([none.status, none.body]).toEqual([204, null]);
  });

  test("is aborted when the attempt's time is over", async () => {
    const url = await listen(stack, () => {});
    const signal = AbortSignal.timeout(100);
    await expect(fetchUpstream(() => undefined)(url, { ...request(""), signal })).rejects.toThrow(/abort/i);
  });
});

describe("plain HTTP", () => {
  test.each([
    ["10.1.2.3", true],
    ["172.16.0.1", true],
    ["172.32.0.1", false],
    ["192.168.0.1", true],
    ["100.64.0.1", true],
    ["127.0.0.1", true],
    ["169.254.169.254", false],
    ["0.0.0.0", false],
    ["8.8.8.8", false],
    ["fd00::1", true],
    ["::1", true],
    ["fe80::1", false],
    ["2001:db8::1", false],
    ["::ffff:8.8.8.8", false],
  ])("%s is private: %s", (address, expected) => {
    expect(isPrivateAddress(address)).toBe(expected);
  });

  test.each([
    ["localhost", false, ["127.0.0.1", "::1"]],
    ["localhost", true, ["127.0.0.1", "::1"]],
  ])("a name that leads to private addresses is connected to (%s, all: %s)", async (name, all, expected) => {
    const found = await new Promise<unknown>((resolve, reject) => {
      lookUpPrivate(name, { all }, (error, address) => (error ? reject(error) : resolve(address)));
    });
    const addresses =
      typeof found === "string" ? [found] : (found as { address: string }[]).map(({ address }) => address);
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(expected).toContain(address);
  });

  test("a name with a public address is refused, and so is a name without an address", async () => {
    const lookUp = (name: string) =>
      new Promise((resolve, reject) => {
        lookUpPrivate(name, { all: true }, (error, found) => (error ? reject(error) : resolve(found)));
      });
    await expect(lookUp("8.8.8.8")).rejects.toThrow("8.8.8.8 is 8.8.8.8, which is no private address");
    await expect(lookUp("nowhere.invalid")).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/);
  });

  test("is sent to a name of this machine", async () => {
    const url = await listen(stack, (incoming, outgoing) => void incoming.pipe(outgoing));
    const named = url.replace("127.0.0.1", "localhost");
    expect(await (await fetchUpstream(() => undefined)(named, request("{}"))).text()).toBe("{}");
  });
});

describe("the command line", () => {
  test.each(["http://app:3000", "http://10.0.0.1:3000", "http://[fd00::1]:3000"])("takes %s", (url) => {
    expect(parsePrivateUrl("upstream", url)).toBe(url);
  });

  const base = {
    upstream: "https://app.example.com",
    "origin-issuer": "https://o.example.com",
    "signing-keys": "absent",
  };
  test.each<[string, object, RegExp]>([
    ["plain HTTP without a word", { upstream: "http://app:3000" }, /http:\/\/ only to loopback/],
    ["a public address", { upstream: "http://8.8.8.8", "upstream-unencrypted": true }, /a name or a private address/],
    ["a path", { upstream: "http://app/x", "upstream-unencrypted": true }, /without a path/],
    ["HTTPS and the word", { "upstream-unencrypted": true }, /with --upstream-unencrypted, write http:\/\/HOST/],
    ["a CA that is not there", { "upstream-ca": "absent.pem" }, /cannot read absent\.pem/],
    [
      "a CA for plain HTTP",
      { upstream: "http://127.0.0.1:1", "upstream-ca": "x" },
      /--upstream-ca: --upstream is no https URL/,
    ],
    ["a CA and no TLS", { "upstream-ca": "x", "upstream-unencrypted": true }, /without TLS there is no certificate/],
    [
      "a CA without an upstream",
      { upstream: undefined, "upstream-ca": "x" },
      /--upstream-ca, .* without --upstream has no effect/,
    ],
  ])("refuses %s", async (_, settings, message) => {
    await expect(loadTarget({ ...base, ...settings })).rejects.toThrow(message);
  });
});
