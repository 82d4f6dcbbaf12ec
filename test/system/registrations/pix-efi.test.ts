// Plays Efí, which sends Pix notifications. When the user registers the URL, it asks whether strangers are refused. Payments go to
// the registered URL with an appended text.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { replaceAnchor } from "../../cli/presets/world.ts";
import { createUser, issueClient, type Listening } from "./world.ts";

const ROUTE = "/hooks/pix-efi";
const PAYMENT = {
  pix: [{ endToEndId: "E1", txid: "T1", chave: "71cdf9ba-c695-4e3c-b010-abb521a3f1be", valor: "10.00" }],
};

const stack = new AsyncDisposableStack();
let listening: Listening;
let client: Identity;
let ofSandbox: Identity;

beforeAll(async () => {
  const root = await issueCertificate({ subject: [{ CN: ["Efi Pay Root CA"] }], ca: {} });
  const issue = (CN: string) => issueCertificate({ subject: [{ CN: [CN] }], ca: { pathLength: 0 } }, root);
  const [production, sandbox] = [await issue("webhook.efipay.com.br"), await issue("webhook-h.efipay.com.br")];
  client = await issueClient({ CN: "webhook.efipay.com.br" }, production);
  ofSandbox = await issueClient({ CN: "webhook.efipay.com.br" }, sandbox);
  const user = await createUser(stack);
  stack.use(replaceAnchor("pix-efi", "efi-webhook-prod", production));
  // The file of Efí has the chain. The root in it must not become an anchor.
  await user.add("--preset", "pix-efi", "--anchor", `efi-webhook-prod=${user.write("chain.crt", production, root)}`);
  listening = await user.start();
});
afterAll(() => stack.disposeAsync());

/** Registers the URL as Efí does: once without a certificate, and once with it. True if Efí accepts the URL. */
async function register(): Promise<boolean> {
  const stranger = await listening.send(undefined, { target: ROUTE });
  const own = await listening.send(client, { target: ROUTE });
  return stranger.status === 403 && own.status === 200;
}

const pay = (target: string, body: object = PAYMENT, identity = client) =>
  listening.send(identity, { target, headers: [["Content-Type", "application/json"]], body: JSON.stringify(body) });

test("the URL is registered when the user has accepted the observed certificate, and payments arrive", async () => {
  expect(await register()).toBe(false);
  await listening.accept("pix-efi", ROUTE, parseCertificate(client.base64).sha256);
  expect(await register()).toBe(true);
  const before = listening.stored();
  for (const target of [`${ROUTE}/pix`, `${ROUTE}/rec`, `${ROUTE}/cobr`, `${ROUTE}?tenant=1/pix`, `${ROUTE}?ignorar=`])
    expect((await pay(target)).status).toBe(200);
  expect(listening.stored() - before).toBe(5);
});

test("another certificate of the same root, a stranger, and a path that Efí does not call are refused", async () => {
  expect((await pay(`${ROUTE}/pix`, PAYMENT, ofSandbox)).status).toBe(503);
  expect((await listening.send(undefined, { target: `${ROUTE}/pix` })).status).toBe(403);
  expect((await pay(`${ROUTE}/other`)).status).toBe(404);
});
