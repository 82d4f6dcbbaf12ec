// Tests common mistakes because of which a program does not start. The program must print one sentence without a stack trace, and
// exit with code 2.

import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { generateSigningKey, publicJwk } from "../../../core/assertion/keys.ts";
import { runHere } from "../../support/command.ts";
import { ROOT, run, runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
const squatter = createServer();
stack.defer(() => void squatter.close());

beforeAll(async () => {
  const write = (name: string, content: string | Uint8Array) => writeFileSync(file(name), content);
  const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });
  const names = [{ type: "dns", value: "localhost" }] as const;
  const request = { subject: [{ CN: ["localhost"] }], extendedKeyUsage: [SERVER_AUTH], subjectAltNames: [...names] };
  const server = await issueCertificate(request, ca);
  const other = await issueCertificate(request, ca);
  write("server.pem", server.pem + ca.pem);
  write("server.key", server.keyPem);
  write("other.key", other.keyPem);
  const signing = await generateSigningKey(1);
  write("keys.json", JSON.stringify({ keys: [signing] }));
  write("jwks.json", `\ufeff${JSON.stringify({ keys: [publicJwk(signing)] }, null, 2).replaceAll("\n", "\r\n")}`);
  const policy = {
    anchors: { root: ca.pem },
    senders: { partner: { certificates: [{ subject: { CN: "x" } }], trust: { anchors: ["root"] } } },
    routes: { "/hooks": { senders: ["partner"], methods: ["POST"] } },
  };
  write("policy.json", JSON.stringify(policy));
  write("text", "no database");
  mkdirSync(file("open"), { mode: 0o777 });
  await once(squatter.listen(0, "127.0.0.1"), "listening");
});

const COMMON = ["--policy", "DIR/policy.json", "--inbox", "DIR/inbox.sqlite"];
const EDGE = ["origin", "--issuer", "https://edge.example", "--audience", "a", "--jwks", "DIR/jwks.json", ...COMMON];
const TLS = ["origin", "--tls", "--client-certificates", "request", ...COMMON];
const PAIR = ["--certificate", "DIR/server.pem", "--key", "DIR/server.key"];
const PROXY = ["origin", "--behind-proxy", "nginx", ...COMMON];
const TAKEN =
  "listener: 127.0.0.1 port PORT: EADDRINUSE: another program listens there: end it, or choose another port";
const SEND = ["send", "https://127.0.0.1:1/", "--certificate", "DIR/server.pem"];

const ROWS: readonly (readonly [what: string, args: readonly string[], told: string])[] = [
  ["a port in use", [...EDGE, "--port", "PORT"], TAKEN],
  ["a port in use, with TLS", [...TLS, ...PAIR, "--port", "PORT"], TAKEN],
  ["a port in use, of metrics", [...EDGE, "--port", "0", "--metrics", "PORT"], TAKEN.replace("listener", "--metrics")],
  ["a port in use, of dev", ["dev", "--port", "PORT", "--state", "DIR/state"], TAKEN],
  [
    "an unknown host",
    [...EDGE, "--port", "0", "--host", "no-such-host.invalid"],
    "listener: no-such-host.invalid port 0: CODE: WHY: choose an address of this machine, or 0.0.0.0 for all",
  ],
  [
    "a host of another machine",
    [...EDGE, "--port", "0", "--host", "203.0.113.9"],
    "listener: 203.0.113.9 port 0: EADDRNOTAVAIL: this machine has no such address: choose one that it has, or 0.0.0.0 for all",
  ],
  [
    "the inbox's folder missing",
    [...EDGE, "--inbox", "DIR/none/inbox.sqlite"],
    "inbox: DIR/none/inbox.sqlite: the folder DIR/none does not exist",
  ],
  [
    "no database",
    [...EDGE, "--inbox", "DIR/text"],
    "inbox: DIR/text: it is not a SQLite file (file is not a database)",
  ],
  [
    "postgress://",
    [...EDGE, "--inbox", "postgress://u:HUSH@h/db"],
    "inbox: the inbox is the path of a file, or postgres://USER:PASSWORD@HOST:PORT/DATABASE; what is given has a scheme that is not spelt postgres://",
  ],
  [
    "the policy missing",
    [...EDGE, "--policy", "DIR/none.json"],
    "origin: cannot read DIR/none.json: there is no such file",
  ],
  [
    "private keys in the public place",
    [...EDGE, "--jwks", "DIR/keys.json"],
    "origin: DIR/keys.json holds private keys, which belong only to the edge: give the public set, countersign keys jwks --file DIR/keys.json > jwks.json",
  ],
  [
    "swapped files",
    [...TLS, "--certificate", "DIR/server.key", "--key", "DIR/server.pem"],
    `origin: 2 problems
  - DIR/server.key holds no certificate, but a private key: give the certificate that belongs to this key
  - DIR/server.pem holds no private key without a passphrase, but 2 × certificate: give the private key that belongs to this certificate`,
  ],
  [
    "a key of another certificate",
    [...TLS, "--certificate", "DIR/server.pem", "--key", "DIR/other.key"],
    "origin: DIR/other.key: the key does not belong to the certificate in DIR/server.pem",
  ],
  ["no certificate", TLS, "origin: --certificate is required: this server's own, with its --key"],
  [
    "a socket's folder missing",
    [...PROXY, "--socket", "DIR/none/x"],
    "listener: the directory DIR/none does not exist",
  ],
  [
    "a socket's folder that others may write to",
    [...PROXY, "--socket", "/tmp/x.sock"],
    "listener: /tmp may be written by others: a socket needs a directory of its own",
  ],
  [
    "a key of another certificate, to send",
    [...SEND, "--key", "DIR/other.key"],
    "DIR/other.key: the key does not belong to the certificate in DIR/server.pem",
  ],
  [
    "a policy into a missing folder",
    ["policy", "add", "--policy", "DIR/none/policy.json", "--preset", "slack"],
    "cannot write DIR/none/policy.json: the folder DIR/none does not exist",
  ],
];

/**
 * Returns true if the program finds the fault only after it opened its inbox. In this case, the test starts the real program, to
 * see that the program ends by itself.
 */
const isLate = (text: string) => /^(listener|--metrics): /.test(text);

test("each mistake is reported in one sentence", async () => {
  const port = String((squatter.address() as AddressInfo).port);
  const fill = (text: string) => text.replaceAll("DIR", directory).replace(/PORT(?=$|:)/, port);
  const told: unknown[] = [];
  for (const [what, args, text] of ROWS) {
    const { code, stdout, stderr } = await (isLate(text) ? runCountersign : runHere)(args.map(fill));
    told.push({ what, code, stdout, stderr });
  }
  const name = /(?:ENOTFOUND: no such host name is known|EAI_AGAIN: DNS does not answer for this host name)/;
  const end = (text: string) => text.replace(name, "CODE: WHY");
  expect(told.map((one) => ({ ...(one as object), stderr: end((one as { stderr: string }).stderr) }))).toEqual(
    ROWS.map(([what, , text]) => ({ what, code: 2, stdout: "", stderr: `countersign: ${fill(text)}\n` })),
  );
});

/**
 * `setpriv` runs as root, and starts the program without the rights of root. The program works only if every user may read the
 * folder of this checkout.
 */
test.runIf(process.getuid?.() === 0)("port 443 without the right to it: the message helps", async () => {
  const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
  const program = `
    import { createServer } from "node:net";
    import { listen } from ${JSON.stringify(join(ROOT, "origin/node/listening.ts"))};
    await listen(createServer(), { hostname: "127.0.0.1", port: 443 }).catch((error) => console.log(error.message));
  `;
  const { stdout, stderr } = await run("setpriv", [...drop, process.execPath, "--input-type=module", "-e", program]);
  expect(stderr + stdout).toBe(
    "listener: 127.0.0.1 port 443: EACCES: this user may not listen there: choose a port from 1024 on, give the program CAP_NET_BIND_SERVICE, or put a proxy in front and listen on a socket\n",
  );
});
