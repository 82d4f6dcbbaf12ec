// Certificates of the corpus with different names: the name that the policy allows, and names that are similar to it.

import type { Identity } from "../../cli/dev/authority.ts";
import { oid, sequence, TAG, type Tlv, tlv } from "../support/certificates/der-edit.ts";
import {
  dropExtension,
  type EncodedAttribute,
  encodeName,
  FIELD,
  SUBJECT_ALT_NAME,
  setExtension,
  utf16,
} from "../support/certificates/edit.ts";
import { resign } from "../support/fixtures/issue.ts";
import { CLIENT, type Corpus, type CorpusEntry, entry, issueLeaf } from "./corpus.ts";

const C: EncodedAttribute = ["2.5.4.6", TAG.printable, "US"];
const O: EncodedAttribute = ["2.5.4.10", TAG.utf8, "Corpus"];
const cn = (text: string, tag: number = TAG.utf8): EncodedAttribute => ["2.5.4.3", tag, text];

export async function makeNamed(root: Identity): Promise<Corpus> {
  const plain = await issueLeaf(root);
  const named = (expected: CorpusEntry["expected"], ...rdns: (readonly EncodedAttribute[])[]) =>
    entry(expected, {
      ...plain,
      base64: resign(plain, root, ({ tbs }) => {
        tbs[FIELD.subject] = encodeName(...rdns);
      }),
    });
  const san = [{ type: "dns", value: CLIENT } as const];
  const alsoNamed = (expected: CorpusEntry["expected"], name: Tlv) =>
    entry(expected, {
      ...plain,
      base64: resign(plain, root, (parts) => setExtension(parts, SUBJECT_ALT_NAME, sequence(name))),
    });
  return {
    "named as allowed": named("accepted", [C], [O], [cn(CLIENT)]),
    "named in another order": named("accepted", [O], [C], [cn(CLIENT)]),
    "named in PrintableString": named("accepted", [C], [O], [cn(CLIENT, TAG.printable)]),
    "named in BMPString": named("sender_not_allowed", [C], [O], [["2.5.4.3", TAG.bmp, utf16(CLIENT)]]),
    "named in TeletexString": named("sender_not_allowed", [C], [O], [cn(CLIENT, TAG.teletex)]),
    "named in capitals": named("sender_not_allowed", [C], [O], [cn(CLIENT.toUpperCase())]),
    "named in Cyrillic": named("sender_not_allowed", [C], [O], [cn("сlient.example")]),
    "named longer": named("sender_not_allowed", [C], [O], [cn(`${CLIENT}.evil`)]),
    "named below": named("sender_not_allowed", [C], [O], [cn(`evil.${CLIENT}`)]),
    "named twice": named("sender_not_allowed", [C], [O], [cn("evil.example")], [cn(CLIENT)]),
    "named twice, as allowed first": named("sender_not_allowed", [C], [O], [cn(CLIENT)], [cn("evil.example")]),
    "named within another attribute": named(
      "sender_not_allowed",
      [["2.5.4.10", TAG.utf8, `x,CN=${CLIENT}`]],
      [cn("x")],
    ),
    "named behind a plus": named("sender_not_allowed", [C], [O], [cn(`x+CN=${CLIENT}`)]),
    "named in one RDN": named("accepted", [C], [O, cn(CLIENT)]),
    "named with a NUL": named("certificate_malformed", [C], [O], [cn(`${CLIENT}\u0000.evil`)]),
    "named with an escape sequence": named("certificate_malformed", [C], [O], [cn(`${CLIENT}\u001b[2J`)]),
    "named by SAN alone": entry("sender_not_allowed", await issueLeaf(root, { subject: [], subjectAltNames: san })),
    "with a NUL in a DNS name": alsoNamed("certificate_malformed", tlv(0x82, `${CLIENT}\0.evil.example`)),
    "with a NUL in an e-mail address": alsoNamed("certificate_malformed", tlv(0x81, `ops@${CLIENT}\0.evil.example`)),
    "with a NUL in a URI": alsoNamed("certificate_malformed", tlv(0x86, `https://${CLIENT}\0.evil.example/`)),
    "with a NUL in a directory name": alsoNamed(
      "certificate_malformed",
      tlv(0xa4, [encodeName([cn(`${CLIENT}\0.evil.example`)])]),
    ),
    // No entry of a policy can match a name of this kind, so its octets are not read as text, and the NUL does no harm.
    "with a NUL in a name of another kind": alsoNamed(
      "accepted",
      tlv(0xa0, [oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xa0, [tlv(TAG.utf8, `ops@${CLIENT}\0.evil.example`)])]),
    ),
    "without key identifiers": entry("accepted", {
      ...plain,
      base64: resign(plain, root, (parts) => {
        dropExtension(parts, "2.5.29.14");
        dropExtension(parts, "2.5.29.35");
      }),
    }),
  };
}
