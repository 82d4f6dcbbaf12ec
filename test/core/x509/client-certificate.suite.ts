// Tests the header fields of RFC 9440, which carry client certificates.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { MAX_CERTIFICATE_FIELD_CHARACTERS, MAX_CHAIN_FIELD_CHARACTERS, MAX_INTERMEDIATES } from "../../../core/wire.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import {
  formatClientCertChainField,
  formatClientCertField,
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertFields,
  parseClientCertificate,
} from "../../../core/x509/client-certificate.ts";
import { character } from "../../support/arbitraries.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

export const cases: Cases = {
  "parseClientCertField() reads back what formatClientCertField() wrote": ({ certificates }) => {
    for (const base64 of Object.values(certificates)) assert.equal(parseClientCertField(`:${base64}:`), base64);
    const certificate = parseCertificate(certificates.client);
    assert.equal(parseClientCertField(formatClientCertField(certificate)), certificates.client);
  },
  "parseClientCertChainField() reads back what formatClientCertChainField() wrote, in order": ({ certificates }) => {
    const names = ["depth3", "depth2", "depth1", "depth3"] as const;
    const field = formatClientCertChainField(names.map((name) => parseCertificate(certificates[name])));
    assert.deepEqual(
      parseClientCertChainField(field),
      names.map((name) => certificates[name]),
    );
    assert.deepEqual(parseClientCertChainField(formatClientCertChainField([])), []);
  },
  "parseClientCertChainField() accepts white space around commas": () => {
    assert.deepEqual(parseClientCertChainField(":AAAA:,:BBBB:\t, \t:CC==:"), ["AAAA", "BBBB", "CC=="]);
  },
  "parseClientCertField() refuses what is not exactly one byte sequence": ({ certificates: { client } }) => {
    const bad = [
      "",
      ":",
      "::",
      client,
      `:${client}`,
      `${client}:`,
      ` :${client}:`,
      `:${client}: `,
      `:${client}:;a=1`,
      `:${client}:, :${client}:`,
      `"${client}"`,
      `:${client}:\n`,
      ":AA AA:",
      ":AA\nAA:",
      ":A-_A:",
      ":AAAA===:",
      ":AA=A:",
      `-----BEGIN CERTIFICATE-----`,
      encodeURIComponent(client),
    ];
    for (const value of bad) refused("certificate_malformed", () => parseClientCertField(value));
  },
  "parseClientCertChainField() refuses a list with any other member": () => {
    for (const value of [
      ",",
      ":AAAA:,",
      ",:AAAA:",
      ":AAAA:,,:BBBB:",
      ":AAAA: :BBBB:",
      ":AAAA:;:BBBB:",
      "AAAA",
      " ",
      ":AAAA:,\n:BBBB:",
    ]) {
      refused("certificate_malformed", () => parseClientCertChainField(value));
    }
  },
  "parseClientCertFields() reads both fields, the first time and again, and does not mix up chains": ({
    certificates,
  }) => {
    const platform = { verified: "SUCCESS", revoked: false };
    const other = { verified: "NONE", revoked: true };
    const [first, second] = [
      `:${certificates.intermediate}:`,
      `:${certificates.depth1}: , :${certificates.intermediate}:`,
    ];
    const expect = (chain: string, verdict: typeof platform | undefined) => {
      const read = parseClientCertFields(`:${certificates.client}:`, chain, verdict);
      const intermediates = parseClientCertChainField(chain);
      assert.deepEqual(read, parseClientCertificate({ leaf: certificates.client, intermediates, platform: verdict }));
      return read;
    };
    const read = expect(first, platform);
    const again = expect(first, other);
    assert.equal(again.leaf, read.leaf);
    assert.equal(again.intermediates, read.intermediates);
    for (const chain of [second, "", first, second])
      for (const verdict of [platform, undefined]) expect(chain, verdict);
  },
  "parseClientCertFields() refuses a fault in either field, every time": ({
    certificates: { client, intermediate },
  }) => {
    const long = `:${"A".repeat(MAX_CHAIN_FIELD_CHARACTERS)}:`;
    for (let again = 0; again < 2; again += 1) {
      refused("certificate_malformed", () => parseClientCertFields(client, "", undefined));
      refused("certificate_malformed", () => parseClientCertFields("", `:${client}:`, undefined));
      parseClientCertFields(`:${client}:`, `:${intermediate}:`, undefined);
      refused("certificate_malformed", () => parseClientCertFields(`:${client}:`, `:${intermediate}:,`, undefined));
      refused("certificate_too_large", () => parseClientCertFields(`:${client}:`, long, undefined));
      refused("certificate_too_large", () => parseClientCertFields(long, "", undefined));
    }
  },
  "fields are read up to the platform's limit, and no further": () => {
    const field = (length: number) => `:${"A".repeat(length - 2)}:`;
    assert.equal(
      parseClientCertField(field(MAX_CERTIFICATE_FIELD_CHARACTERS)).length,
      MAX_CERTIFICATE_FIELD_CHARACTERS - 2,
    );
    refused("certificate_too_large", () => parseClientCertField(field(MAX_CERTIFICATE_FIELD_CHARACTERS + 1)));
    const half = field(MAX_CHAIN_FIELD_CHARACTERS / 2 - 1);
    assert.equal(parseClientCertChainField(`${half}, ${half}`).length, 2);
    refused("certificate_too_large", () => parseClientCertChainField(`${half},   ${half}`));
  },
  "parseClientCertificate() reads nothing beyond those limits, from any source": ({ certificates }) => {
    const present = (leaf: string, ...intermediates: string[]) =>
      parseClientCertificate({ leaf, intermediates, platform: undefined });
    const { client, intermediate } = certificates;
    refused("certificate_too_large", () => present("A".repeat(MAX_CERTIFICATE_FIELD_CHARACTERS + 4), intermediate));
    const half = "A".repeat(MAX_CHAIN_FIELD_CHARACTERS / 2 + 4);
    refused("certificate_too_large", () => present(client, half, half));
    refused("certificate_malformed", () => present(client, half));
    // Texts of exactly the maximum length are not too large. They are refused only because they are not certificates.
    refused("certificate_malformed", () => present("A".repeat(MAX_CERTIFICATE_FIELD_CHARACTERS)));
    const whole = "A".repeat(MAX_CHAIN_FIELD_CHARACTERS / 2);
    refused("certificate_malformed", () => present(client, whole, whole));
  },
  "parseClientCertificate() reads ten intermediates, and reports the number if there are more": ({
    certificates: { client, intermediate },
  }) => {
    const present = (count: number) =>
      parseClientCertificate({ leaf: client, intermediates: Array(count).fill(intermediate), platform: undefined });
    assert.equal(present(MAX_INTERMEDIATES).intermediates.length, MAX_INTERMEDIATES);
    const { details } = refused("too_many_intermediates", () => present(MAX_INTERMEDIATES + 1));
    assert.deepEqual(details, { count: MAX_INTERMEDIATES + 1 });
  },
  "a malformed field is reported as not one RFC 9440 byte sequence": () => {
    for (const read of [() => parseClientCertField("a"), () => parseClientCertChainField(":AA==: b, \t ")]) {
      const { details } = refused("certificate_malformed", read);
      assert.deepEqual(details, { cause: "not one RFC 9440 byte sequence" });
    }
  },
  "fields with any text are read or refused": () => {
    const text = fc.oneof(fc.string({ unit: character }), fc.string({ unit: fc.constantFrom(..."A=:, \t+") }));
    fc.assert(
      fc.property(text, (value) => {
        for (const parse of [parseClientCertField, parseClientCertChainField]) {
          try {
            assert.ok([parse(value)].flat().every((base64) => /^[A-Za-z0-9+/]+={0,2}$/.test(base64)));
          } catch (error) {
            assert.ok(error instanceof Refusal, String(error));
          }
        }
      }),
      { numRuns: 300 },
    );
  },
  "parseClientCertificate() keeps the order of intermediates and the platform's verdict": ({ certificates }) => {
    const intermediates = [certificates.depth1, certificates.intermediate, certificates.depth1];
    const platform = { verified: "NONE", revoked: true };
    const client = parseClientCertificate({ leaf: certificates.client, intermediates, platform });
    assert.equal(client.leaf.base64, certificates.client);
    assert.deepEqual(
      client.intermediates.map(({ base64 }) => base64),
      intermediates,
    );
    assert.deepEqual(client.platform, platform);
  },
  "parseClientCertificate() refuses the whole certificate if one intermediate is malformed": ({ certificates }) => {
    const parse = (leaf: string, ...intermediates: string[]) =>
      parseClientCertificate({ leaf, intermediates, platform: undefined });
    refused("certificate_malformed", () => parse("AAAA"));
    refused("certificate_malformed", () => parse(certificates.client, certificates.intermediate, "AAAA"));
  },
};
