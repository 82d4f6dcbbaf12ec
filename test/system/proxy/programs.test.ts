// Runs real proxies with the configurations of docs/start/behind-a-proxy.md. Tests real handshakes, forged headers, and the
// verdicts of the origin.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEvents } from "../../support/origin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { type Program, proxyDirectory, reasonToSkip, startProxy } from "./programs.ts";
import { type Answer, createWorld, post, startOrigin, type World, writeServerFiles } from "./world.ts";

const stack = new AsyncDisposableStack();
let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => stack.disposeAsync());

interface Case {
  readonly program: Program;
  readonly format: "nginx" | "apache" | "haproxy";
  readonly snippet: string;
  /** The paths of the key files in the configuration. HAProxy has certificate and key in one file, so it has no such path. */
  readonly paths: readonly string[];
  /** True if the proxy forwards intermediates to the origin. */
  readonly forwardsChain: boolean;
  /**
   * `line` is the line of the configuration that removes or replaces a certificate header that the client itself sent. `careless`
   * is written in its place, as if a careless operator had left this line out.
   */
  readonly guard: readonly [line: string, careless: string];
  /** Makes the value of the certificate header as this proxy would write it. */
  readonly forge: (pem: string, base64: string) => string;
  /**
   * Where an expired certificate is refused: at the origin, at the proxy with the status 400, or in the handshake with the proxy.
   */
  readonly expired: "origin" | "proxy answers 400" | "handshake";
}

const CASES: readonly Case[] = [
  {
    program: "nginx",
    format: "nginx",
    snippet: "nginx.conf",
    paths: ["/etc/ssl/hooks.key"],
    forwardsChain: false,
    guard: ["proxy_set_header SSL-Client-Cert $ssl_client_escaped_cert;", ""],
    forge: (pem) => encodeURIComponent(pem),
    expired: "proxy answers 400",
  },
  {
    program: "apache2",
    format: "apache",
    snippet: "apache.conf",
    paths: ["/etc/ssl/hooks.key"],
    forwardsChain: true,
    guard: ['RequestHeader set SSL-Client-Cert "%{SSL_CLIENT_CERT}s"', ""],
    forge: (pem) => pem.trim().replaceAll("\n", " "),
    expired: "handshake",
  },
  {
    program: "haproxy",
    format: "haproxy",
    snippet: "haproxy.cfg",
    paths: [],
    forwardsChain: true,
    guard: ["http-request del-header SSL-Client-Cert\n", "\n"],
    forge: (_, base64) => base64,
    expired: "origin",
  },
];

for (const { program, format, snippet, paths, forwardsChain, guard, forge, expired } of CASES) {
  const reason = reasonToSkip(program);
  describe.skipIf(reason !== undefined)(`${program} in front of the origin${reason ? `: ${reason}` : ""}`, () => {
    let port: number;
    let codeOf: (answer: Answer) => Promise<unknown>;
    let targets: () => unknown[];

    const start = async (overrides: Record<string, string> = {}, policy = world.senders.policy) => {
      const { directory, socket } = proxyDirectory(stack);
      const files = writeServerFiles(directory, world);
      const { lines, inboxFile } = await startOrigin(stack, { senders: { policy } }, format, { socket, mode: 0o660 });
      const proxied = await startProxy(stack, {
        program,
        snippet,
        directory,
        replacements: {
          "/run/countersign/origin.sock": socket,
          "/etc/ssl/hooks.pem": files.certificate,
          "/etc/ssl/client-cas.pem": files.ca,
          ...Object.fromEntries(paths.map((path) => [path, files.key])),
          ...overrides,
        },
      });
      return {
        port: proxied,
        codeOf: async ({ decision }: Answer) =>
          decision === undefined ? undefined : (await lines.of(decision))["code"],
        targets: () => readEvents(inboxFile).map(({ target }) => target),
      };
    };

    beforeAll(async () => {
      ({ port, codeOf, targets } = await start());
    });

    const refused = async (answer: Answer, from = { codeOf }) => ({
      status: answer.status,
      code: await from.codeOf(answer),
    });
    const forged = (): [string, string] => {
      const { pem, base64 } = world.clients.good;
      return ["SSL-Client-Cert", forge(pem, base64)];
    };

    test("accepts the sender's certificate, with the target as it was sent", async () => {
      for (const target of ["/hooks/acme", "/hooks/acme/a%20b/c?x=%2f//&y=a+b"]) {
        expect(await post(port, world, world.clients.good, { target })).toMatchObject({ status: 202 });
        expect(targets().at(-1)).toBe(target);
      }
    });

    test(`${forwardsChain ? "forwards" : "does not forward"} intermediates`, async () => {
      const answer = await post(port, world, world.clients.throughIntermediate);
      expect(await refused(answer)).toEqual(
        forwardsChain ? { status: 202, code: undefined } : { status: 403, code: "issuer_unknown" },
      );
    });

    test.skipIf(forwardsChain)("does not need an intermediate that the policy has", async () => {
      const { port: own } = await start(
        {},
        { ...world.senders.policy, intermediates: { own: world.intermediate.pem } },
      );
      expect(await post(own, world, world.clients.throughIntermediate)).toMatchObject({ status: 202 });
    });

    test("copes with a leaf of 8 KiB and a chain of 12 KiB", async () => {
      const { status, code } = await refused(await post(port, world, world.clients.large));
      expect({ status, code }).toEqual(
        forwardsChain ? { status: 202, code: undefined } : { status: 403, code: "issuer_unknown" },
      );
    });

    test("leaves a certificate of another CA to the origin, which refuses it", async () => {
      const { status, code } = await refused(await post(port, world, world.clients.wrongCa));
      expect(status).toBe(403);
      expect(["signature_invalid", "issuer_unknown"]).toContain(code);
    });

    test("does not let an expired certificate through", async () => {
      if (expired === "handshake") {
        await expect(post(port, world, world.clients.expired)).rejects.toThrow();
        return;
      }
      const answer = await post(port, world, world.clients.expired);
      expect(await refused(answer)).toEqual(
        expired === "origin" ? { status: 403, code: "certificate_expired" } : { status: 400, code: undefined },
      );
    });

    test("refuses a proven certificate that the route does not admit", async () => {
      const answer = await post(port, world, world.clients.wrongSubject);
      expect(await refused(answer)).toEqual({ status: 403, code: "sender_not_allowed" });
    });

    test("refuses a client without a certificate", async () => {
      expect(await refused(await post(port, world, undefined))).toEqual({ status: 403, code: "no_certificate" });
    });

    describe("a field that the client sent itself", () => {
      test("is not accepted as a certificate that was not presented", async () => {
        const answers = [
          await post(port, world, undefined, { headers: [forged()] }),
          await post(port, world, undefined, { headers: [forged(), forged()] }),
          await post(port, world, undefined, { headers: [["ssl-client-cert", forged()[1]]] }),
          await post(port, world, undefined, { headers: [forged(), ["Connection", "close, SSL-Client-Cert"]] }),
          await post(port, world, undefined, {
            headers: [
              ["X-SSL-Verify", "SUCCESS"],
              ["SSL-Client-Verify", "SUCCESS"],
            ],
          }),
        ];
        for (const answer of answers) expect(await refused(answer)).toEqual({ status: 403, code: "no_certificate" });
      });

      test("is not accepted under a similar name", async () => {
        const answer = await post(port, world, undefined, { headers: [["SSL_Client_Cert", forged()[1]]] });
        // nginx drops a header whose name contains an underscore. Apache writes into the real header, `SSL-Client-Cert`, that there
        // was no certificate. HAProxy passes on the header with the underscore. So only behind HAProxy, the origin notices a
        // certificate in a header that it does not use.
        const code = program === "haproxy" ? "certificate_elsewhere" : "no_certificate";
        expect(await refused(answer)).toEqual({ status: 403, code });
      });

      test("does not replace the certificate that was presented", async () => {
        for (const headers of [[forged()], [forged(), ["Connection", "SSL-Client-Cert"] as const]]) {
          const answer = await post(port, world, world.clients.wrongSubject, { headers });
          expect(await refused(answer)).toEqual({ status: 403, code: "sender_not_allowed" });
        }
      });

      test("does not reach the chain, and does not harm the sender who sends it", async () => {
        const headers = [["SSL-Client-Cert-Chain", "nonsense"] as const, forged()];
        expect(await post(port, world, world.clients.good, { headers })).toMatchObject({ status: 202 });
      });

      test("is accepted as a certificate if the operator leaves out the guard: the origin cannot know", async () => {
        const [line, careless] = guard;
        const { port: openPort } = await start({ [line]: careless });
        expect(await post(openPort, world, undefined, { headers: [forged()] })).toMatchObject({ status: 202 });
      });
    });

    test("needs the root in its CA file in addition to an intermediate CA, if it validates the path itself", async () => {
      const { throughIntermediate } = world.clients;
      const intermediate = throughIntermediate.pem.slice(throughIntermediate.pem.lastIndexOf("-----BEGIN"));
      const startWith = (...cas: string[]) => {
        const file = join(temporaryDirectory(stack), "client-cas.pem");
        writeFileSync(file, cas.join("\n"));
        return start({ "/etc/ssl/client-cas.pem": file });
      };
      const below = await startWith(intermediate);
      const alone = post(below.port, world, throughIntermediate).then(
        (answer) => refused(answer, below),
        () => "handshake",
      );
      expect(await alone).toEqual(
        {
          origin: { status: 202, code: undefined },
          "proxy answers 400": { status: 400, code: undefined },
          handshake: "handshake",
        }[expired],
      );
      const both = await startWith(intermediate, world.senders.root.pem);
      const answer = await post(both.port, world, throughIntermediate);
      expect(await refused(answer, both)).toEqual(
        forwardsChain ? { status: 202, code: undefined } : { status: 403, code: "issuer_unknown" },
      );
    });
  });
}
