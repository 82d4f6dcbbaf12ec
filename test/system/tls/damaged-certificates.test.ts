// Presents randomly damaged certificates in real handshakes with the program. Each must be refused with a code, or its handshake
// must fail, within the deadline. The program must continue to run. The client can send octets that no TLS library would load.

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { REFUSALS } from "../../../core/refusal.ts";
import { fromBase64 } from "../../support/certificates/der-edit.ts";
import {
  commonNamesOf,
  damageSigned,
  damages,
  damageUnsigned,
  isMarkedCa,
} from "../../support/certificates/mutations.ts";
import { presentRaw, type RawOutcome } from "../../support/raw-tls-client.ts";
import { ACME, MARKER, subjectOf } from "../../support/senders.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { startTlsProcess, type TlsFiles, type TlsProcess, writeTlsFiles } from "../../support/tls-process.ts";

const SEED = 5280;
const RUNS = 250;
/** The time limit for one connection. */
const DEADLINE_MILLISECONDS = 60_000;

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;
let issuing: Identity;
let leaf: Identity;

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  origin = await startTlsProcess(stack, files);
  issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, files.senders.root);
  const names = [
    { type: "dns", value: "client.example" },
    { type: "email", value: "ops@client.example" },
    { type: "url", value: "https://client.example/" },
    { type: "ip", value: "192.0.2.7" },
  ] as const;
  leaf = await issueCertificate({ subject: subjectOf(ACME), subjectAltNames: [...names] }, issuing);
});
afterAll(() => stack.disposeAsync());
afterEach(async () => {
  expect(origin.process.exitCode).toBeNull();
  expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
});

const REQUEST = `POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;

const present = (...chain: Uint8Array[]): Promise<RawOutcome> =>
  presentRaw({
    port: origin.port,
    name: A,
    chain,
    keyPem: leaf.keyPem,
    request: REQUEST,
    deadlineMilliseconds: DEADLINE_MILLISECONDS,
  });

/** Expects a refusal with a known code, or no response. */
async function expectRefused({ status, text }: RawOutcome): Promise<void> {
  if (status === undefined) return;
  expect(status).toBe(403);
  const { decision } = JSON.parse(text.slice(text.indexOf("\r\n\r\n"))) as { decision: string };
  const { code } = await origin.line({ id: decision });
  expect(Object.keys(REFUSALS)).toContain(code);
  expect(code).not.toBe("internal_error");
}

const holds = (property: Parameters<typeof fc.assert>[0]) =>
  fc.assert(property as fc.IAsyncProperty<unknown>, { seed: SEED, numRuns: RUNS });

describe("is refused, whatever is damaged of", () => {
  test("a leaf", async () => {
    await holds(
      fc.asyncProperty(damages, async (damage) => {
        const damaged = damageUnsigned(leaf.base64, damage);
        fc.pre(Buffer.compare(damaged, fromBase64(leaf.base64)) !== 0);
        const outcome = await present(damaged, fromBase64(issuing.base64));
        expect(outcome.status).not.toBe(202);
        await expectRefused(outcome);
      }),
    );
  });

  test("an intermediate", async () => {
    await holds(
      fc.asyncProperty(damages, async (damage) => {
        const damaged = damageUnsigned(issuing.base64, damage);
        fc.pre(Buffer.compare(damaged, fromBase64(issuing.base64)) !== 0);
        const outcome = await present(fromBase64(leaf.base64), damaged);
        expect(outcome.status).not.toBe(202);
        await expectRefused(outcome);
      }),
    );
  });
});

describe("with damage that an issuer signed, is refused or still names the sender or a CA:", () => {
  test("a leaf", async () => {
    await holds(
      fc.asyncProperty(damages, async (damage) => {
        const damaged = damageSigned(leaf.base64, issuing, damage);
        const outcome = await present(damaged, fromBase64(issuing.base64));
        if (outcome.status !== 202) return await expectRefused(outcome);
        expect(commonNamesOf(damaged)).toEqual([ACME]);
      }),
    );
  });

  test("an intermediate", async () => {
    await holds(
      fc.asyncProperty(damages, async (damage) => {
        const damaged = damageSigned(issuing.base64, files.senders.root, damage);
        const outcome = await present(fromBase64(leaf.base64), damaged);
        if (outcome.status !== 202) return await expectRefused(outcome);
        expect(isMarkedCa(damaged)).toBe(true);
      }),
    );
  });
});
