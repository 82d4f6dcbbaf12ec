// Plays Efí, which sends Pix notifications. When the user registers the URL, Efí checks that a request without Efí's certificate is
// refused. Efí sends payments to the registered URL with a text appended, for example `/pix`.

import "reflect-metadata";
import { KeyUsageFlags } from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { replaceAnchor, replacePin } from "../../cli/presets/world.ts";
import { createUser, issueClient, type Listening } from "./world.ts";

const ROUTE = "/hooks/pix-efi";
const CHAVE = "71cdf9ba-c695-4e3c-b010-abb521a3f1be";

const stack = new AsyncDisposableStack();
let listening: Listening;
let client: Identity;
let ofSandbox: Identity;
/** A client certificate that `client` issued. The policy pins `client`, which is a CA certificate. */
let issued: Identity;

beforeAll(async () => {
  const root = await issueCertificate({ subject: [{ CN: ["Efi Pay Root CA"] }], ca: {} });
  const keyUsage = KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature;
  const issue = (CN: string) => issueCertificate({ subject: [{ CN: [CN] }], ca: { pathLength: 0 }, keyUsage }, root);
  client = await issue("webhook.efipay.com.br");
  ofSandbox = await issue("webhook-h.efipay.com.br");
  issued = await issueClient({ CN: "client.efipay.com.br" }, client);
  const user = await createUser(stack);
  stack.use(replaceAnchor("pix-efi", "efi-pay-root", root));
  stack.use(replacePin("pix-efi", client));
  // Efí's file contains the client certificate and the root. The client certificate must not become an anchor.
  const anchor = `efi-pay-root=${user.write("chain.crt", client, root)}`;
  await user.add("--preset", "pix-efi", "--anchor", anchor, "--value", `chave=${CHAVE}`);
  listening = await user.start();
});
afterAll(() => stack.disposeAsync());

/**
 * Registers the URL as Efí does: with one request without a certificate, and one with Efí's certificate. Resolves to true if Efí
 * would accept the URL.
 */
async function register(): Promise<boolean> {
  const stranger = await listening.send(undefined, { target: ROUTE });
  const own = await listening.send(client, { target: ROUTE });
  return stranger.status === 403 && own.status === 200;
}

const send = (target: string, body: object, identity = client) =>
  listening.send(identity, { target, headers: [["Content-Type", "application/json"]], body: JSON.stringify(body) });
const payTo = (chave: string) => ({ pix: [{ endToEndId: "E1", txid: "T1", chave, valor: "10.00" }] });

/** Sends an event that must be stored. Returns the name of the sender with which the event was stored. */
async function senderOf(target: string, body: object): Promise<string> {
  const before = listening.events().length;
  expect((await send(target, body)).status).toBe(200);
  expect(listening.events()).toHaveLength(before + 1);
  return String(listening.events().at(-1)?.sender);
}

test("the URL is registered at once, because the published certificate is pinned", async () => {
  expect(await register()).toBe(true);
});

test("payments to a key of the user arrive, and without the suffix as events of unknown keys", async () => {
  expect(await senderOf(`${ROUTE}/pix`, payTo(CHAVE))).toBe("pix-efi");
  for (const target of [`${ROUTE}?tenant=1/pix`, `${ROUTE}?ignorar=`])
    expect(await senderOf(target, payTo(CHAVE))).toBe("pix-efi-other");
});

test("events of Pix Automático have no key, and are not lost", async () => {
  expect(await senderOf(`${ROUTE}/rec`, { recs: [{ idRec: "RR1", status: "APROVADA" }] })).toBe("pix-efi-other");
  expect(await senderOf(`${ROUTE}/cobr`, { cobsr: [{ idRec: "RR1", txid: "T1" }] })).toBe("pix-efi-other");
});

test("a payment to another customer's key is refused, and on the plain route it never has the name of the first sender", async () => {
  const stranger = payTo("a-key-of-another-customer");
  for (const body of [stranger, { pix: [...payTo(CHAVE).pix, ...stranger.pix] }, { pix: [{ endToEndId: "E1" }] }, {}])
    expect((await send(`${ROUTE}/pix`, body)).status).toBe(403);
  expect(await senderOf(`${ROUTE}?ignorar=`, stranger)).toBe("pix-efi-other");
});

test("the sandbox, what the pinned certificate issued, a stranger, and a path that Efí does not call are refused", async () => {
  for (const [identity, code] of [
    [ofSandbox, "certificate_is_ca"],
    [issued, "sender_not_allowed"],
  ] as const) {
    const before = listening.lines.length;
    expect((await send(`${ROUTE}/pix`, payTo(CHAVE), identity)).status).toBe(503);
    expect(listening.lines.slice(before)).toContainEqual(expect.objectContaining({ decision: "refused", code }));
  }
  expect((await listening.send(undefined, { target: `${ROUTE}/pix` })).status).toBe(403);
  expect((await send(`${ROUTE}/other`, payTo(CHAVE))).status).toBe(404);
});

test("if Efí presents a certificate below the published one, the observed certificate can be accepted for both senders", async () => {
  const { sha256 } = parseCertificate(issued.base64);
  await listening.accept("pix-efi", `${ROUTE}/pix`, sha256);
  await listening.accept("pix-efi-other", ROUTE, sha256);
  for (const target of [`${ROUTE}/pix`, ROUTE]) expect((await send(target, payTo(CHAVE), issued)).status).toBe(200);
});
