// Presents certificates that no honest client sends, in real handshakes with the program. Each must be refused within the deadline,
// with a code or without a response. The program must continue to run. Certificates that a TLS library can load are in the corpus
// of test/conformance instead.

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import {
  concat,
  decode,
  encode,
  fromBase64,
  oid,
  sequence,
  TAG,
  type Tlv,
  tlv,
} from "../../support/certificates/der-edit.ts";
import { dropExtension, FIELD, SUBJECT_ALT_NAME, setExtension } from "../../support/certificates/edit.ts";
import { resign } from "../../support/fixtures/issue.ts";
import { presentRaw, type RawOutcome } from "../../support/raw-tls-client.ts";
import { ACME, subjectOf } from "../../support/senders.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { startTlsProcess, type TlsFiles, type TlsProcess, writeTlsFiles } from "../../support/tls-process.ts";

/** The time limit for one connection, even if it presents 100 KB of certificates that take long to check. */
const DEADLINE_MILLISECONDS = 60_000;
/** OpenSSL accepts at most this many octets of certificates from a client. */
const MAX_CHAIN_BYTES = 100 * 1024;
const KEY = "1.2.840.10045.2.1";
const RSA = "1.2.840.113549.1.1.1";
const NAME_CONSTRAINTS = "2.5.29.30";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;
let good: Uint8Array;
let keyPem: string;

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  origin = await startTlsProcess(stack, files);
  good = fromBase64(files.senders.acme.base64);
  keyPem = files.senders.acme.keyPem;
});
afterAll(() => stack.disposeAsync());
afterEach(async () => {
  expect(origin.process.exitCode).toBeNull();
  expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
});

const REQUEST = `POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;

const present = (chain: readonly Uint8Array[], key = keyPem): Promise<RawOutcome> =>
  presentRaw({
    port: origin.port,
    name: A,
    chain,
    keyPem: key,
    request: REQUEST,
    deadlineMilliseconds: DEADLINE_MILLISECONDS,
  });

async function codeOf({ status, text }: RawOutcome): Promise<unknown> {
  expect(status).toBe(403);
  const { decision } = JSON.parse(text.slice(text.indexOf("\r\n\r\n"))) as { decision: string };
  return (await origin.line({ id: decision }))["code"];
}

/** Makes an empty SEQUENCE inside `levels` other SEQUENCEs. Each of the others has a header of four octets. */
function nested(levels: number): Uint8Array {
  const headers = Buffer.alloc(levels * 4);
  for (let level = 0; level < levels; level++) {
    headers.writeUInt16BE(0x3082, level * 4);
    headers.writeUInt16BE((levels - level - 1) * 4 + 2, level * 4 + 2);
  }
  return concat(headers, Uint8Array.of(TAG.sequence, 0));
}

const NO_CERTIFICATES: readonly (readonly [name: string, make: () => Uint8Array])[] = [
  ["no octets", () => Uint8Array.of()],
  ["one octet", () => Uint8Array.of(TAG.sequence)],
  ["a NULL", () => Uint8Array.of(5, 0)],
  ["a SEQUENCE of nothing", () => Uint8Array.of(TAG.sequence, 0)],
  ["three SEQUENCEs of nothing", () => encode(sequence(sequence(), sequence(), tlv(TAG.bitString, [0])))],
  ["a length over all that follows", () => Uint8Array.of(TAG.sequence, 0x84, 0xff, 0xff, 0xff, 0xff)],
  ["a length of 127 octets", () => concat(Uint8Array.of(TAG.sequence, 0xff), new Uint8Array(127).fill(0xff))],
  ["an indefinite length that never ends", () => Uint8Array.from({ length: 20_000 }, (_, i) => (i % 2 ? 0x80 : 0x30))],
  ["values in one another, 16 000 deep", () => nested(16_000)],
  ["PEM", () => Buffer.from(files.senders.acme.pem)],
  ["half a certificate", () => good.subarray(0, good.length / 2)],
  ["a certificate without its last octet", () => good.subarray(0, -1)],
  ["a certificate and an octet", () => concat(good, Uint8Array.of(0))],
  ["a certificate twice", () => concat(good, good)],
  ["60 KB of anything", () => concat(Uint8Array.of(TAG.sequence, 0x82, 0xea, 0x60), randomBytes(60_000))],
  ["60 KB of zeros", () => new Uint8Array(60_000)],
];

describe.each(NO_CERTIFICATES)("%s", (_, make) => {
  test.each([
    ["as the leaf", () => [make()]],
    ["after a good leaf", () => [good, make()]],
    ["between a good leaf and its root", () => [good, make(), fromBase64(files.senders.root.base64)]],
  ])("%s is refused without an answer", async (_, chain) => {
    const { status, text } = await present(chain());
    expect({ status, text }).toEqual({ status: undefined, text: "" });
  });
});

test("a BER length around the signed part is not seen, because OpenSSL passes on the certificate as DER", async () => {
  const ber = concat(Uint8Array.of(TAG.sequence, 0x80), good.subarray(4), Uint8Array.of(0, 0));
  const { text } = await present([ber]);
  const { event } = JSON.parse(text.slice(text.indexOf("\r\n\r\n"))) as { event: string };
  const sha256 = createHash("sha256").update(good).digest("hex");
  expect(await origin.line({ id: event })).toMatchObject({ decision: "accepted", certificate: { sha256 } });
});

describe("a chain", () => {
  test("of no certificates is no certificate", async () => {
    expect(await codeOf(await present([]))).toBe("no_certificate");
  });

  test(`over ${MAX_CHAIN_BYTES} octets is refused without an answer`, async () => {
    const root = fromBase64(files.senders.root.base64);
    const many = Array<Uint8Array>(Math.ceil(MAX_CHAIN_BYTES / root.length) + 1).fill(root);
    expect((await present([good, ...many])).status).toBeUndefined();
  });

  test("just under this size is refused, because it has too many certificates", async () => {
    const { root } = files.senders;
    const ca = await issueCertificate({ subject: subjectOf("Unasked"), ca: {} }, root);
    const numbered = (serial: number) =>
      fromBase64(
        resign(ca, root, ({ tbs }) => {
          tbs[FIELD.serial] = tlv(TAG.integer, [1, serial >> 8, serial & 0xff]);
        }),
      );
    const count = Math.floor((MAX_CHAIN_BYTES - good.length) / (numbered(0).length + 8));
    const many = Array.from({ length: count }, (_, index) => numbered(index));
    expect(await codeOf(await present([good, ...many]))).toBe("too_many_intermediates");
  });

  test("of ten CAs with the same name that sign one another is refused", async () => {
    const name = subjectOf("Everybody");
    const cas = await Promise.all(Array.from({ length: 10 }, () => issueCertificate({ subject: name, ca: {} })));
    const signed = cas.map((ca, index) => cross(ca, cas[(index + 1) % cas.length] as Identity));
    const leaf = await issueCertificate({ subject: subjectOf(ACME) }, cas[0]);
    const outcome = await present([fromBase64(leaf.base64), ...signed], leaf.keyPem);
    expect(await codeOf(outcome)).toBe("issuer_unknown");
  });

  /**
   * Makes a certificate for the CA `ca`, signed by `signer`, without key identifiers. So every CA with the signer's name may be the
   * issuer of this certificate.
   */
  function cross(ca: Identity, signer: Identity): Uint8Array {
    return fromBase64(
      resign(ca, signer, (parts) => {
        dropExtension(parts, "2.5.29.14");
        dropExtension(parts, "2.5.29.35");
      }),
    );
  }
});

/** Makes a CA that the policy does not know, and a leaf below this CA. Any stranger can make such certificates. */
async function stranger(changeCa: Parameters<typeof resign>[2], changeLeaf?: Parameters<typeof resign>[2]) {
  const ca = await issueCertificate({ subject: subjectOf("Stranger"), ca: {} });
  const leaf = await issueCertificate({ subject: subjectOf(ACME) }, ca);
  return {
    chain: [fromBase64(resign(leaf, ca, changeLeaf)), fromBase64(resign(ca, ca, changeCa))],
    keyPem: leaf.keyPem,
  };
}

const repeated = (count: number, value: Tlv): Tlv[] => Array<Tlv>(count).fill(value);
const octets = (count: number) => [0, 0xff, ...randomBytes(count - 2), 0xff];
const rsaKey = (modulus: readonly number[], exponent: readonly number[]): Tlv => {
  const key = encode(sequence(tlv(TAG.integer, modulus), tlv(TAG.integer, exponent)));
  return sequence(sequence(oid(RSA), tlv(5, [])), tlv(TAG.bitString, concat(Uint8Array.of(0), key)));
};
const explicitCurve = (): Tlv => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" });
  return decode(publicKey.export({ type: "spki", format: "der" }));
};
const unknownCurve = (): Tlv =>
  sequence(sequence(oid(KEY), oid("1.2.3.4")), tlv(TAG.bitString, [0, 4, ...randomBytes(64)]));
const withKey =
  (make: () => Tlv): Parameters<typeof resign>[2] =>
  ({ tbs }) => {
    tbs[FIELD.key] = make();
  };

describe("certificates that are made to slow down or crash a library:", () => {
  test.each([
    ["an RSA exponent as long as its modulus", () => rsaKey(octets(384), octets(384))],
    ["an RSA modulus of 16 000 bits", () => rsaKey(octets(2_000), [1, 0, 1])],
    ["an RSA modulus of 200 000 bits", () => rsaKey(octets(25_000), [1, 0, 1])],
    ["an RSA modulus of zero", () => rsaKey([0], [1, 0, 1])],
    ["an elliptic curve in its own words (CVE-2022-0778)", explicitCurve],
    ["a curve that nobody knows", unknownCurve],
    ["a key without octets", () => sequence(sequence(oid(KEY), oid("1.2.840.10045.3.1.7")), tlv(TAG.bitString, [0]))],
  ] as const)("%s, of a CA", async (_, key) => {
    const { chain, keyPem } = await stranger(withKey(key));
    const outcome = await present(chain, keyPem);
    if (outcome.status !== undefined) {
      expect(await codeOf(outcome)).toMatch(/^(certificate_malformed|certificate_too_large|issuer_unknown)$/);
    }
  });

  test.each([
    ["thousands of names below thousands of constraints", 3_500, 4_000, "certificate_too_large"],
    ["hundreds of names below hundreds of constraints", 600, 700, "issuer_unknown"],
  ])("%s", async (_, names, bases, code) => {
    const subtrees = tlv(0xa1, repeated(bases, sequence(tlv(0x82, "a.example"))));
    const { chain, keyPem } = await stranger(
      (parts) => setExtension(parts, NAME_CONSTRAINTS, sequence(subtrees), true),
      (parts) => setExtension(parts, SUBJECT_ALT_NAME, sequence(...repeated(names, tlv(0x82, "b.example")))),
    );
    expect(await codeOf(await present(chain, keyPem))).toBe(code);
  });

  test.each([
    [2_000, "certificate_too_large"],
    [400, "certificate_malformed"],
    [50, "issuer_unknown"],
  ])("%i extensions", async (count, code) => {
    const many = Array.from({ length: count }, (_, index) =>
      sequence(oid(`1.2.3.${index}`), tlv(TAG.octetString, [5, 0])),
    );
    const { chain, keyPem } = await stranger(undefined, ({ extensions }) => void extensions.push(...many));
    expect(await codeOf(await present(chain, keyPem))).toBe(code);
  });

  test.each([
    [1_500, "certificate_malformed"],
    [12_000, "certificate_too_large"],
  ])("an extension whose value is %i values deep", async (depth, code) => {
    const { chain, keyPem } = await stranger(undefined, (parts) => setExtension(parts, "2.5.29.37", nested(depth)));
    const outcome = await present(chain, keyPem);
    if (outcome.status !== undefined) expect(await codeOf(outcome)).toBe(code);
  });
});
