// Tests the configuration for an nginx that runs on a different machine than the origin. This nginx proves its identity to the
// origin with a certificate.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { proxyDirectory, reasonToSkip, startProxy } from "./programs.ts";
import { createWorld, post, startOrigin, type World, writeServerFiles } from "./world.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const reason = reasonToSkip("nginx");
describe.skipIf(reason !== undefined)(`nginx over TLS${reason ? `: ${reason}` : ""}`, () => {
  let world: World;
  let ca: Identity;
  let originUrl: string;
  beforeAll(async () => {
    world = await createWorld();
    ca = await issueCertificate({ subject: [{ CN: ["proxy CA"] }], ca: {} });
    const origin = await startOrigin(stack, world, "nginx", {
      hostname: "127.0.0.1",
      port: 0,
      certificate: world.server.pem,
      key: world.server.keyPem,
      proxy: { ca: ca.pem, subject: "CN=proxy.example.com" },
    });
    originUrl = origin.url;
  });

  const startWith = async (proxy: Identity) => {
    const { directory } = proxyDirectory(stack);
    const files = writeServerFiles(directory, world);
    const own = { certificate: join(directory, "proxy.pem"), key: join(directory, "proxy.key") };
    writeFileSync(own.certificate, `${proxy.pem}\n`);
    writeFileSync(own.key, `${proxy.keyPem}\n`);
    return await startProxy(stack, {
      program: "nginx",
      snippet: "nginx-over-tls.conf",
      directory,
      replacements: {
        "https://origin.example.com:8443": originUrl,
        "/etc/ssl/hooks.pem": files.certificate,
        "/etc/ssl/hooks.key": files.key,
        "/etc/ssl/client-cas.pem": files.ca,
        "/etc/ssl/origin-ca.pem": files.ca,
        "/etc/ssl/proxy.pem": own.certificate,
        "/etc/ssl/proxy.key": own.key,
      },
    });
  };

  test("forwards with its certificate", async () => {
    const port = await startWith(await issueCertificate({ subject: [{ CN: ["proxy.example.com"] }] }, ca));
    expect(await post(port, world, world.clients.good)).toMatchObject({ status: 202 });
    expect(await post(port, world, world.clients.wrongSubject)).toMatchObject({ status: 403 });
    expect(await post(port, world, undefined)).toMatchObject({ status: 403 });
  });

  test("cannot forward with another certificate of the same CA", async () => {
    const port = await startWith(await issueCertificate({ subject: [{ CN: ["other.example.com"] }] }, ca));
    expect(await post(port, world, world.clients.good)).toMatchObject({ status: 502, decision: undefined });
  });
});
