// Tests certificates with encodings that libraries read in different ways, and that a careless CA may sign. The certificates are
// sent to the deployed bundle and to the origin's own listener. docs/design/known-attacks.md lists the tests by name.

import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { concat, decode, members, oid, sequence, TAG, type Tlv, tlv } from "../support/certificates/der-edit.ts";
import { type CertificateParts, encodeName, FIELD, setExtension } from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { CLIENT, createWorld, type Presented, type World } from "./world.ts";

const stack = new AsyncDisposableStack();
let world: World;
let issuing: Awaited<ReturnType<typeof issueCertificate>>;
beforeAll(async () => {
  world = await createWorld(stack);
  issuing = await issueCertificate({ subject: [{ CN: ["Issuing"] }], ca: {} }, world.root);
});
afterAll(() => stack.disposeAsync());

type Change = (parts: CertificateParts) => void;
const leafWith = (change: Change): Presented => ({ ...world.plain, base64: resign(world.plain, world.root, change) });
const issuingWith = (change: Change): Presented => ({ ...issuing, base64: resign(issuing, world.root, change) });
const extension =
  (id: string, value: readonly number[] | Tlv, isCritical = false): Change =>
  (parts) =>
    setExtension(parts, id, "tag" in value ? value : Uint8Array.from(value), isCritical);

const name = Array.from(Buffer.from(CLIENT));

test("the certificates that the cases change are accepted unchanged", async () => {
  expect(
    await world.verdict(
      "cn",
      leafWith(() => {}),
    ),
  ).toBe("accepted");
  expect(
    await world.verdict(
      "cn",
      await world.issueLeaf({}, issuing),
      issuingWith(() => {}),
    ),
  ).toBe("accepted");
});

describe("Extensions that are not DER: a certificate is refused for", () => {
  test.each<readonly [string, string, readonly number[]]>([
    ["a name that runs over the end", "2.5.29.17", [0x30, 2, 0x82, name.length, ...name]],
    ["a primitive SEQUENCE for a name", "2.5.29.17", [0x30, 4, 0xa4, 2, 0x10, 0]],
    ["a padded OID", "2.5.29.37", [0x30, 11, 6, 9, 0x80, 0x2b, 6, 1, 5, 5, 7, 3, 2]],
    ["a key usage with bits in excess", "2.5.29.15", [3, 2, 7, 0x81]],
    ["a policy without an OID", "2.5.29.32", [0x30, 2, 0x30, 0]],
    ["a distribution point of two names", "2.5.29.31", [0x30, 10, 0x30, 8, 0xa0, 6, 0xa0, 1, 0x86, 0xa0, 1, 0x86]],
    ["a place of information over the end", "1.3.6.1.5.5.7.1.1", [0x30, 6, 0x30, 4, 6, 0, 0x86, 4]],
  ])("%s", async (_, id, value) => {
    expect(await world.verdict("cn", leafWith(extension(id, value)))).toBe("certificate_malformed");
  });

  test.each<readonly [string, string, readonly number[]]>([
    ["a BOOLEAN of two octets", "2.5.29.19", [0x30, 4, 1, 2, 0x20, 0xff]],
    ["a constraint that runs over the end", "2.5.29.30", [0x30, 2, 0xa0, 2, 0x30, 13, 0x82, name.length, ...name]],
  ])("%s, in an intermediate", async (_, id, value) => {
    const leaf = await world.issueLeaf({}, issuing);
    expect(await world.verdict("cn", leaf, issuingWith(extension(id, value, true)))).toBe("certificate_malformed");
  });
});

describe("CVE-2020-0601: a key has exactly one accepted encoding,", () => {
  const keyOf = (change: (key: Tlv[]) => void) => leafWith(({ tbs }) => change(members(tbs[FIELD.key])));

  test("and not a curve with explicit parameters", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" });
    const [algorithm] = members(decode(publicKey.export({ type: "spki", format: "der" })));
    const leaf = keyOf((key) => key.splice(0, 1, algorithm as Tlv));
    expect(await world.verdict("cn", leaf)).toBe("certificate_malformed");
  });

  test("and not a compressed point", async () => {
    const leaf = keyOf((key) => {
      const point = (key[1] as Tlv).content as Uint8Array;
      const form = 2 + ((point.at(-1) as number) & 1);
      key[1] = tlv(TAG.bitString, concat(Uint8Array.of(0, form), point.subarray(2, 34)));
    });
    expect(await world.verdict("cn", leaf)).toBe("algorithm_not_accepted");
  });
});

test("Policies required in vain: a path is refused if its CA requires a policy, critical or not", async () => {
  const leaf = await world.issueLeaf({}, issuing);
  const requirePolicy = sequence(tlv(0x80, [0]));
  for (const isCritical of [false, true]) {
    const ca = issuingWith(extension("2.5.29.36", requirePolicy, isCritical));
    expect(await world.verdict("cn", leaf, ca)).toBe("unknown_critical_extension");
  }
  const inhibited = issuingWith(extension("2.5.29.54", tlv(TAG.integer, [0])));
  expect(await world.verdict("cn", leaf, inhibited)).toBe("unknown_critical_extension");
  const qualifier = sequence(oid("1.2.3.5"), tlv(TAG.utf8, "a"));
  const qualified = sequence(sequence(oid("1.2.3.4"), sequence(qualifier)));
  expect(await world.verdict("cn", leafWith(extension("2.5.29.32", qualified, true)))).toBe(
    "unknown_critical_extension",
  );
  expect(await world.verdict("cn", leafWith(extension("2.5.29.32", qualified)))).toBe("accepted");
});

test("Control characters of the second set: a name with one is refused", async () => {
  const named = (text: string) => sequence(tlv(0xa4, [encodeName([["2.5.4.11", TAG.utf8, text]])]));
  expect(await world.verdict("cn", leafWith(extension("2.5.29.17", named("a 2J"))))).toBe("accepted");
  expect(await world.verdict("cn", leafWith(extension("2.5.29.17", named("a\u009b2J"))))).toBe("certificate_malformed");
});
