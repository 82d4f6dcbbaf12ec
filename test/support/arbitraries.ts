// Generates random values for property tests.

import fc from "fast-check";
import { attributeTypeName } from "../../core/x509/attribute-types.ts";
import type { AttributeValue } from "../../core/x509/distinguished-name.ts";

const BEFORE_SURROGATES = 0xd800;
const SURROGATES = 0x800;

/**
 * Generates any character, like the unit "binary" of fc.string(). With that unit, fc.string() first builds a table of all of
 * Unicode, which takes seconds and 100 MB in each process.
 */
export const character = fc.integer({ min: 0, max: 0x10ffff - SURROGATES }).map(
  (index) => String.fromCodePoint(index < BEFORE_SURROGATES ? index : index + SURROGATES),
  (text) => {
    const [one, ...others] = Array.from(text as string, (each) => each.codePointAt(0) ?? 0);
    if (one === undefined || others.length > 0) throw new Error("not one character");
    return one < BEFORE_SURROGATES ? one : one - SURROGATES;
  },
);

/**
 * Excludes noncharacters, because BoringSSL refuses a certificate with a noncharacter in a UTF8String. OpenSSL accepts such a
 * certificate.
 */
const isPrintable = (text: string) => !/[\p{Cc}\p{Noncharacter_Code_Point}]/u.test(text);

/** Generates text without control characters and noncharacters. The text contains many characters that RFC 4514 escapes. */
export const texts = fc
  .string({
    unit: fc.oneof(fc.constantFrom(...' #,+"\\<>;=/*aA', "é", "字", "🦊"), character),
    maxLength: 12,
  })
  .filter((text) => text.isWellFormed() && isPrintable(text));

const knownTypes = fc.constantFrom("2.5.4.3", "2.5.4.10", "2.5.4.11", "2.5.4.6", "2.5.4.5", "1.2.840.113549.1.9.1");
const unknownTypes = fc
  .tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 39 }),
    fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
  )
  .map(([first, second, rest]) => [first, second, ...rest].join("."))
  .filter((type) => attributeTypeName(type) === undefined);

const attributes: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.record({ type: fc.oneof(knownTypes, unknownTypes), text: texts }),
  fc.record({ type: knownTypes, der: fc.constantFrom("1e020061", "1402e961", "0500", "020105") }),
);

export const distinguishedNames = fc.array(fc.array(attributes, { minLength: 1, maxLength: 3 }), { maxLength: 4 });
