// Tests the hint for a signature over other bytes than the received body. The body was changed after it was signed. It was
// compressed, serialised again, or got other line ends.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { performance } from "node:perf_hooks";
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { formatLogLine } from "../../../core/log-line.ts";
import { decodeBody } from "../../../core/signature/body-decoding.ts";
import { DIAGNOSED_BODY_BYTES, DIAGNOSED_DECODED_BYTES } from "../../../core/wire.ts";
import { type Cases, refusedLater } from "../../support/scenes/certificates.ts";
import { attempt, KEY, OTHER_KEY } from "../../support/scenes/signature.ts";

type Bytes = string | Uint8Array;

/** Verifies the body `received` with a signature over the body `signed`. Returns the details of the refusal. */
async function detailsFor(signed: Bytes, received: Bytes, contentEncoding?: string) {
  const mac = createHmac("sha256", KEY).update(signed).digest("hex");
  const headers = {
    "x-hub-signature-256": `sha256=${mac}`,
    ...(contentEncoding !== undefined && { "content-encoding": contentEncoding }),
  };
  const body = typeof received === "string" ? received : new Uint8Array(received);
  const { details, message } = await refusedLater(
    "signature_mismatch",
    attempt("github", { keys: [OTHER_KEY, KEY], headers, body }),
  );
  assert.doesNotMatch(message, /wouldMatch/, "named, whether it is there or not");
  return details;
}

const hintFor = async (...given: Parameters<typeof detailsFor>) => (await detailsFor(...given))["wouldMatch"];
const over = (how: string) => `key 1 over the body ${how}`;
const decoded = (encoding: string) =>
  over(`decoded from ${encoding} (Content-Encoding): the sender signs before it compresses`);

/**
 * Returns a Brotli stream of uncompressed parts (RFC 7932 §9). `window` and `before` are bits, written as a text of 0 and 1, in the
 * order in which a decoder reads them.
 */
function brotliOf(window: string, parts: readonly Uint8Array[], before = ""): Uint8Array {
  let bits = window + before.padEnd(before === "" ? 0 : before.length + 8 - ((window.length + before.length) % 8), "0");
  const octets: number[] = [];
  const number = (value: number, size: number) => Array.from({ length: size }, (_, bit) => (value >> bit) & 1).join("");
  const flush = () => {
    for (let at = 0; at < bits.length; at += 8) {
      octets.push([...bits.slice(at, at + 8)].reduce((octet, bit, index) => octet | (Number(bit) << index), 0));
    }
    bits = "";
  };
  for (const part of parts) {
    bits += `0${number(0, 2)}${number(part.byteLength - 1, 16)}1`;
    flush();
    octets.push(...part);
  }
  bits += "11";
  flush();
  return Uint8Array.from(octets);
}

const EVENT = JSON.stringify({
  id: "e1",
  lines: Array.from({ length: 200 }, (_, n) => ({ n, sku: `sku-${n * 7919}` })),
});
const STREAMED = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const NOTE = String.raw`Zażółć <a href=\"/x\">&`;
const ASCII_NOTE = String.raw`Za\u017c\u00f3\u0142\u0107 <a href=\"/x\">&`;
const RECEIVED = `{"id":7,"total":12.50,"note":"${NOTE}","tags":[],"b":{"z":1,"a":null}}`;
const IN_TWO = (step: string, note: string) =>
  `{\n${step}"id": 7,\n${step}"total": 12.50,\n${step}"note": "${note}",\n${step}"tags": [],\n${step}"b": {\n${step}${step}"z": 1,\n${step}${step}"a": null\n${step}}\n}`;

/** The body RECEIVED in the form in which other programs serialise it, and how the hint describes this form. */
const WRITTEN: readonly (readonly [by: string, text: string, how: string])[] = [
  [
    "Python",
    `{"id": 7, "total": 12.50, "note": "${ASCII_NOTE}", "tags": [], "b": {"z": 1, "a": null}}`,
    "with a space after each comma and colon, letters beyond ASCII escaped",
  ],
  [
    "Python, ensure_ascii=False",
    `{"id": 7, "total": 12.50, "note": "${NOTE}", "tags": [], "b": {"z": 1, "a": null}}`,
    "with a space after each comma and colon",
  ],
  [
    "Python, sort_keys=True",
    `{"b": {"a": null, "z": 1}, "id": 7, "note": "${ASCII_NOTE}", "tags": [], "total": 12.50}`,
    "with a space after each comma and colon, members sorted, letters beyond ASCII escaped",
  ],
  ["Python, indent=4", IN_TWO("    ", ASCII_NOTE), "indented by four spaces, letters beyond ASCII escaped"],
  ["JavaScript, indented", IN_TWO("  ", NOTE), "indented by two spaces"],
  ["with tabs", IN_TWO("\t", NOTE), "indented by tabs"],
  [
    "PHP",
    RECEIVED.replace(NOTE, ASCII_NOTE.replaceAll("/", "\\/")),
    "without spaces, letters beyond ASCII escaped, slashes escaped",
  ],
  ["PHP, JSON_UNESCAPED_UNICODE", RECEIVED.replaceAll("/", "\\/"), "without spaces, slashes escaped"],
  [
    "PHP, JSON_PRETTY_PRINT",
    IN_TWO("    ", ASCII_NOTE.replaceAll("/", "\\/")),
    "indented by four spaces, letters beyond ASCII escaped, slashes escaped",
  ],
  [
    "Go, a map",
    `{"b":{"a":null,"z":1},"id":7,"note":"${NOTE.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")}","tags":[],"total":12.50}`,
    "without spaces, members sorted, <, > and & escaped",
  ],
];

export const cases: Cases = {
  "a body that was compressed after it was signed": async () => {
    const encodings: [name: string, body: Uint8Array, header?: string][] = [
      ["gzip", gzipSync(EVENT), "gzip"],
      ["gzip", gzipSync(EVENT)],
      ["gzip", gzipSync(EVENT), " GZIP "],
      ["x-gzip", gzipSync(EVENT), "x-gzip"],
      ["deflate", deflateSync(EVENT), "deflate"],
      ["deflate", deflateRawSync(EVENT), "deflate"],
      ["br", brotliCompressSync(EVENT), "br"],
      ["zstd", zstdCompressSync(EVENT), "zstd"],
      ["zstd", zstdCompressSync(EVENT)],
    ];
    for (const [name, body, header] of encodings) assert.equal(await hintFor(EVENT, body, header), decoded(name));
    assert.equal(await hintFor('{"id":"e1"}', brotliCompressSync('{"id":"e1"}'), "br"), decoded("br"));
  },
  "an encoding that is not decoded is named, without what would match": async () => {
    const details = { scheme: "github", keys: 2, signatures: 1 };
    const left: [body: Bytes, contentEncoding: string][] = [
      [gzipSync(EVENT).subarray(0, 40), "gzip"],
      [EVENT, "gzip"],
      [EVENT, "br"],
      [gzipSync(EVENT), "br"],
      [EVENT, "compress"],
      [EVENT, "constructor"],
      ["", "gzip"],
      [brotliCompressSync(EVENT, STREAMED), "br"],
    ];
    for (const [body, contentEncoding] of left) {
      assert.deepEqual(await detailsFor("something else", body, contentEncoding), { ...details, contentEncoding });
    }
  },
  "a compressed body is decoded only up to the limit": async () => {
    const encoders: [string, (body: Uint8Array) => Uint8Array][] = [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
      ["br", brotliCompressSync],
      ["zstd", zstdCompressSync],
    ];
    for (const [encoding, encode] of encoders) {
      const most = await decodeBody(encode(new Uint8Array(DIAGNOSED_DECODED_BYTES)), encoding);
      assert.equal(most?.[1].byteLength, DIAGNOSED_DECODED_BYTES, encoding);
      for (const size of [DIAGNOSED_DECODED_BYTES + 1, 20_000_000]) {
        assert.equal(await decodeBody(encode(new Uint8Array(size)), encoding), undefined, `${encoding} of ${size}`);
      }
    }
    const window = { params: { [constants.ZSTD_c_windowLog]: 27 } };
    assert.equal(await decodeBody(zstdCompressSync(new Uint8Array(20_000_000), window), "zstd"), undefined);
  },
  "a Brotli stream is decoded if it states its size, with any window and any parts": async () => {
    const part = (size: number) => new Uint8Array(size).map((_, index) => index % 251);
    for (const window of ["0", "1100", "1111", "1000000", "1000010"]) {
      for (const sizes of [[5], [1, 2, 3], [300, 7]]) {
        const parts = sizes.map(part);
        const [encoding, body] = (await decodeBody(brotliOf(window, parts), "br")) ?? [];
        assert.deepEqual([encoding, body && [...body]], ["br", parts.flatMap((one) => [...one])], window);
      }
    }
    const most = [part(65_536), part(DIAGNOSED_DECODED_BYTES - 65_536)];
    assert.equal((await decodeBody(brotliOf("0", most), "br"))?.[1].byteLength, DIAGNOSED_DECODED_BYTES);
    assert.equal(await decodeBody(brotliOf("0", [...most, part(1)]), "br"), undefined);
    assert.equal(await decodeBody(brotliOf("0", [part(5)]).subarray(0, -1), "br"), undefined);
    assert.deepEqual([...((await decodeBody(brotliOf("0", []), "br"))?.[1] ?? [1])], []);
  },
  "a Brotli stream that does not state its size is not decoded": async () => {
    // The bits of a metadata block. A Brotli stream may contain any number of such blocks.
    const metadata = "0" + "11" + "0" + "00";
    const stream = brotliOf("0", [Uint8Array.of(1)], metadata);
    assert.deepEqual([...brotliDecompressSync(stream)], [1]);
    assert.equal(await decodeBody(stream, "br"), undefined);
    assert.equal(await decodeBody(brotliCompressSync(EVENT, STREAMED), "br"), undefined);
  },
  "the encoding of a body is recognised by its magic number": async () => {
    assert.equal((await decodeBody(gzipSync("a"), null))?.[0], "gzip");
    assert.equal((await decodeBody(zstdCompressSync("a"), ""))?.[0], "zstd");
    for (const body of [deflateSync("a"), brotliCompressSync("a"), new Uint8Array(), gzipSync("a").subarray(1)]) {
      assert.equal(await decodeBody(body, null), undefined);
    }
  },
  "a body that another program serialised again": async () => {
    for (const [by, text, how] of WRITTEN) {
      assert.equal(await hintFor(text, RECEIVED), over(`as JSON ${how}`), by);
      const back = await hintFor(RECEIVED, text);
      assert.equal(back, /sorted/.test(how) ? undefined : over("as JSON without spaces"), `${by}, back`);
    }
  },
  "numbers keep their original digits": async () => {
    const numbers = "[1.0, 1e3, -0, 12345678901234567890, 0.1]";
    assert.equal(await hintFor(numbers.replaceAll(" ", ""), numbers), over("as JSON without spaces"));
    assert.equal(
      await hintFor(numbers, numbers.replaceAll(" ", "")),
      over("as JSON with a space after each comma and colon"),
    );
  },
  "a body that gained or lost a line feed, or has other line ends": async () => {
    const lines = [
      ["a\nb", "a\nb\n", "without a line feed at its end"],
      ["{}", "{}\r\n", "without a line feed at its end"],
      ["{}\n", "{}", "with a line feed at its end"],
      ["{}\r\n", "{}\n", "with CR and LF at its end"],
      ["a\r\nb", "a\nb", "with CR and LF instead of LF"],
      ["a\nb\n", "a\r\nb\r\n", "with LF instead of CR and LF"],
      ["ä", "\ufeffä", "without its byte order mark"],
      ["<x/>", " \n<x/>  \n", "without the white space around it"],
    ] as const;
    for (const [signed, received, how] of lines) assert.equal(await hintFor(signed, received), over(how), received);
  },
  "a body that arrived as a form": async () => {
    const form = `payload=${encodeURIComponent(EVENT)}&a=1`;
    assert.equal(await hintFor(EVENT, form), over("as the decoded value of the form's field payload"));
    assert.equal(await hintFor("a=é b", "a=%C3%A9+b"), over("without percent-encoding"));
    const line = formatLogLine({ decision: "refused", ...(await detailsFor("x", "a=%1b[2J%zz")) });
    assert.doesNotMatch(line, /wouldMatch/);
  },
  "no body of a stranger makes the diagnosis expensive": async () => {
    const size = DIAGNOSED_BODY_BYTES;
    const fill = (text: string) => text.repeat(size / text.length);
    const bodies = [
      `${fill("\n").slice(1)}x`,
      fill("\r\n"),
      fill("é/").slice(0, size / 2),
      `[${fill("1.50,").slice(2)}]`,
      `${"[".repeat(11)}${"1.50,".repeat(4_000)}1${"]".repeat(11)}`,
      JSON.stringify({ b: "é/<".repeat(6_000), a: 1 }),
      JSON.stringify(Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`é${9_999 - n}`, "/<"]))),
      `a=${fill("+").slice(2)}`,
      fill("a=&b"),
    ];
    for (const body of bodies) {
      assert.ok(Buffer.byteLength(body) <= size);
      const start = performance.now();
      assert.equal(await hintFor("something else", body), undefined);
      assert.ok(performance.now() - start < 20_000, body.slice(0, 20));
    }
  },
};
