// Tests what an operator reads about each fault of a policy: the place, the problem, and what to do.

import assert from "node:assert/strict";
import { errorAt, formatFinding, isFatal, overdueAt, warningAt } from "../../../../cli/policy/check/finding.ts";
import { parseCertificate } from "../../../../core/x509/certificate.ts";
import { runInNode } from "../../../support/in-node.ts";
import type { Cases, CertificateName, Fixtures } from "../../../support/scenes/certificates.ts";
import { anchorOf, type Change, ENTRY, findingsOf, ONE, spoiled, TWO } from "../../../support/scenes/inspection.ts";
import type { Json } from "../../../support/scenes/policy.ts";

const AT = "/senders/one/certificates";
const SIGNATURE = { scheme: "github", secrets: ["KEY"] };
const DIGEST = "ab".repeat(32);
const OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

type Text = readonly [pointer: string, problem: string, remedy: string];

function tells(fixtures: Fixtures, changes: readonly Change[], ...texts: readonly Text[]): void {
  tellsAt(fixtures, fixtures.now, changes, ...texts);
}

function tellsAt(fixtures: Fixtures, now: number, changes: readonly Change[], ...texts: readonly Text[]): void {
  const findings = findingsOf(spoiled(fixtures, changes), now);
  assert.deepEqual(
    findings.map(({ pointer, problem, remedy }) => [pointer, problem, remedy]),
    texts,
  );
}

const anchor = (fixtures: Fixtures, name: CertificateName, place = "root"): Change => [
  ["anchors", place],
  anchorOf(fixtures, name),
];
const entries = (...list: Json[]): Change => [[...ONE, "certificates"], list];
const windows = (...list: Record<string, string>[]): Change =>
  entries(...list.map(({ CN = "one.example", ...window }) => ({ subject: { CN }, ...window })));
const inEntry = (member: string, value: Json): Change => [[...ENTRY, member], value];
const inSubject = (attribute: string, value: Json): Change => [[...ENTRY, "subject", attribute], value];
const deny = (...list: Json[]): Change => [["deny"], list];
const subjectOfTwo = (subject: Json): Change => [[...TWO, "certificates", 0, "subject"], subject];
const signature = (secret: string) => ({ signature: { ...SIGNATURE, secrets: [secret] } });
const signed: Change = [[...ONE, "signature"], SIGNATURE];
const signedAlone = (sender: readonly string[], secret = "KEY"): Change[] => [
  [[...sender, "certificates"], undefined],
  [[...sender, "trust"], undefined],
  [[...sender, "signature"], { ...SIGNATURE, secrets: [secret] }],
];

const cases: Cases = {
  "about a problem, in one line, and whether a program starts with it": () => {
    const at = ["senders", "a/b"];
    const [error, warning] = [errorAt(at, "is odd", "mend it"), warningAt(at, "is odd", "mend it")];
    const overdue = overdueAt(at, "is odd", "mend it", "error");
    assert.deepEqual([error, warning, overdue].map(isFatal), [true, false, false]);
    assert.ok(!isFatal(overdueAt(at, "is odd", "mend it", "warning")));
    assert.deepEqual([error.cause, warning.cause, overdue.cause], ["policy", "policy", "time"]);
    assert.equal(formatFinding(error), "/senders/a~1b: is odd → mend it");
  },
  "of an anchor that proves nothing": (fixtures) => {
    const remedy = "use another certificate of this CA";
    for (const [name, problem] of [
      ["criticalRoot", "has critical extensions that are not understood (1.3.6.1.4.1.99999.1)"],
      ["serverOnlyCa", "is not made for client certificates"],
      ["oddCa", "has name constraints of a kind that is not understood"],
    ] as const) {
      tells(fixtures, [anchor(fixtures, name)], ["/anchors/root", `${problem}: it proves nothing`, remedy]);
    }
    const denied = "remove it here too, or remove the entry in /deny if that entry is a mistake";
    const { sha256 } = parseCertificate(fixtures.certificates.root);
    tells(fixtures, [deny({ sha256 })], ["/anchors/root", "is denied: it proves nothing", denied]);
  },
  "of an anchor out of its dates": (fixtures) => {
    const at = (date: string) => Date.parse(date) / 1000;
    const short = anchor(fixtures, "shortRoot");
    const both: Change[] = [short, anchor(fixtures, "root", "new")];
    for (const sender of [ONE, TWO])
      both.push([
        [...sender, "trust", "anchors"],
        ["root", "new"],
      ]);
    const expired = "expired on 2027-06-01T00:00:00Z: it proves nothing any more";
    const early = "is not valid before 2026-06-01T00:00:00Z";
    const place = "/anchors/root";
    const put = "replace it by the certificate that the CA uses now";
    tellsAt(fixtures, at("2027-06-02"), [short], [place, expired, put]);
    tellsAt(fixtures, at("2027-06-02"), both, [place, expired, "remove it"]);
    tellsAt(fixtures, at("2026-05-31"), [short], [place, early, "also add the certificate that the CA uses now"]);
    tellsAt(fixtures, at("2026-05-31"), both, [place, early, "nothing to do before that date"]);
  },
  "of an anchor that is of no use, or there twice": (fixtures) => {
    const unused: Text = ["/anchors/other", "no sender trusts it", "name it in the trust of a sender, or remove it"];
    tells(fixtures, [anchor(fixtures, "stranger", "other")], unused);
    const remedy = "remove one of them, and write the other name wherever it was used";
    const copy = (name: string): Text => [`/anchors/${name}`, "is the same certificate as /anchors/root", remedy];
    tells(fixtures, [anchor(fixtures, "root", "other")], unused, copy("other"));
    const crls = { sources: ["https://crl.example/a.crl"], freshness: "require" };
    const strict: Change = [["anchors", "root"], { certificate: anchorOf(fixtures, "root"), crls }];
    const named: Change = [
      [...ONE, "trust", "anchors"],
      ["root", "again"],
    ];
    tells(fixtures, [strict, anchor(fixtures, "root", "again"), named], copy("again"), [
      "/senders/one/trust/anchors/0",
      "revoked certificates can bypass its revocation lists: /anchors/again is the same CA with a weaker rule",
      "give both anchors the same crls, or name only one of them",
    ]);
  },
  "of an attribute that no certificate has so": (fixtures) => {
    const at = (attribute: string) => `${AT}/0/subject/${attribute}`;
    const written = "write the value as the certificate has it";
    const impossible = "contains a character that no certificate can contain";
    tells(fixtures, [inSubject("CN", "a\u0000")], [at("CN"), impossible, written]);
    const country = "a country has two letters in certificates (C)";
    tells(fixtures, [inSubject("C", "USA")], [at("C"), country, "write its ISO 3166 code, for example US"]);
    tells(
      fixtures,
      [inSubject("jurisdictionC", "USA")],
      [
        at("jurisdictionC"),
        "a country has two letters in certificates (jurisdictionC)",
        "write its ISO 3166 code, for example US",
      ],
    );
    for (const [name, most] of Object.entries({
      CN: 64,
      O: 64,
      OU: 64,
      L: 128,
      ST: 128,
      serialNumber: 64,
      title: 64,
      emailAddress: 255,
    })) {
      const problem = `${name} has at most ${most} characters in certificates`;
      tells(fixtures, [inSubject(name, "字".repeat(most))]);
      tells(
        fixtures,
        [inSubject(name, "a".repeat(most + 1))],
        [at(name), problem, "compare it with the sender's certificate"],
      );
    }
    tells(fixtures, [inSubject("1.2.3.4", "a".repeat(1000))]);
    const subject = { CN: "a", cn: "b", O: ["a", "a\n"] };
    tells(
      fixtures,
      [inEntry("subject", subject)],
      [at("cn"), "is the same attribute as CN", "write the attribute once"],
      [at("O/1"), impossible, written],
    );
    tells(
      fixtures,
      [inEntry("issuer", { C: "USA" })],
      [`${AT}/0/issuer/C`, country, "write its ISO 3166 code, for example US"],
    );
  },
  "of an alternative name that no certificate has so": (fixtures) => {
    const names = (kind: string, rows: readonly (readonly [value: string, problem: string, remedy: string])[]) =>
      tells(
        fixtures,
        [inEntry("san", { [kind]: rows.map(([value]) => value) })],
        ...rows.flatMap(([, problem, remedy], index): Text[] =>
          problem === "" ? [] : [[`${AT}/0/san/${kind}/${index}`, problem, remedy]],
        ),
      );
    const ascii = "in certificates, such names are visible ASCII";
    const asItIs = "write it as the certificate has it";
    const noDns = "is not in the form of a dns name in certificates";
    names("dns", [
      ["müller.example", ascii, 'write "xn--mller-kva.example"'],
      ["https://x.example", noDns, "write the host name alone"],
      ["a@x.example", noDns, "write the host name alone"],
      ["x.example:443", noDns, "write the host name alone"],
      ["x.example?a", noDns, "write the host name alone"],
      ["x.example#a", noDns, "write the host name alone"],
      ["192.0.2.1", noDns, "write it under ip"],
      ["2001:db8::1", noDns, "write it under ip"],
      ["a.example", "", ""],
      ["a.example", "is listed twice", "remove one of them"],
      ["ä b", ascii, asItIs],
      ["ä/b", ascii, asItIs],
      ["ä@b", ascii, asItIs],
    ]);
    const noEmail = "is not in the form of a email name in certificates";
    const mailbox = "write one mailbox, for example name@example.com";
    names("email", [
      ["a@müller.example", ascii, 'write "a@xn--mller-kva.example"'],
      ["a@b@müller.example", ascii, 'write "a@b@xn--mller-kva.example"'],
      ["ä@x.example", ascii, asItIs],
      ["ä b@c d", ascii, asItIs],
      ["x", noEmail, mailbox],
      ["@x.example", noEmail, mailbox],
      ["x@", noEmail, mailbox],
      ["a@b@c", noEmail, mailbox],
      ["a@b", "", ""],
    ]);
    names("uri", [
      ["https://x.example/ä", ascii, 'write "https://x.example/%C3%A4"'],
      ["ä", ascii, asItIs],
      ["x.example", "is not in the form of a uri name in certificates", "write the whole URI with its scheme"],
      ["urn:a:b", "", ""],
    ]);
    names("ip", [
      ["192.0.2.1", "", ""],
      ["192.0.2.1", "is listed twice", "remove one of them"],
    ]);
  },
  "of entries that say what others say": (fixtures) => {
    const [wide, narrow] = [{ subject: { CN: "a" } }, { subject: { CN: "a", O: "o" } }];
    tells(fixtures, [entries(wide, { subject: { cn: "a" } })], [`${AT}/1`, `repeats ${AT}/0`, "remove one of them"]);
    tells(
      fixtures,
      [entries(narrow, wide)],
      [
        `${AT}/0`,
        `accepts nothing that ${AT}/1 does not accept`,
        "remove it, or remove the other entry if that one accepts too much",
      ],
    );
  },
  "of entries that have the digest of a CA of the policy": (fixtures) => {
    const { sha256, spkiSha256 } = parseCertificate(fixtures.certificates.root);
    const [certificateAt, keyAt] = [`${AT}/0/sha256`, `${AT}/0/spkiSha256`];
    const own = "write the digest of the sender's own certificate";
    const issuer = `${own}; or, if the sender presents the CA certificate itself, add a CA that certified it to the sender's anchors`;
    const noPath = (what: string) =>
      `is the digest of a CA ${what}, and no path leads from this CA to an anchor of the sender`;
    tells(fixtures, [[ENTRY, { sha256 }]], [certificateAt, noPath("certificate"), issuer]);
    tells(fixtures, [[ENTRY, { spkiSha256 }]], [keyAt, noPath("key"), issuer]);
    const named = (what: string) => `is the digest of a CA ${what}, and an entry with a name accepts no CA certificate`;
    const subject = { CN: "one.example" };
    tells(
      fixtures,
      [[ENTRY, { sha256, subject }]],
      [certificateAt, named("certificate"), `${own}, or remove the name`],
    );
    tells(fixtures, [[ENTRY, { spkiSha256, subject }]], [keyAt, named("key"), `${own}, or remove the name`]);
    const below = parseCertificate(fixtures.certificates.intermediate);
    const pinned = (what: string) =>
      `pins a CA ${what}: it accepts the CA certificate itself, and nothing that this CA issued`;
    const remedy = `if the sender presents a certificate that this CA issued, ${own}`;
    const intermediates: Change = [["intermediates"], { issuing: anchorOf(fixtures, "intermediate") }];
    tells(fixtures, [[ENTRY, { sha256: below.sha256 }], intermediates], [certificateAt, pinned("certificate"), remedy]);
    tells(fixtures, [[ENTRY, { spkiSha256: below.spkiSha256 }], intermediates], [keyAt, pinned("key"), remedy]);
  },
  "of entries that the sender's trust cannot prove": (fixtures) => {
    const problem = "is not one of the sender's anchors, and no other CA may issue certificates";
    const issuer = inEntry("issuer", { CN: "I" });
    tells(
      fixtures,
      [[[...ONE, "trust", "maxChainDepth"], 1], issuer],
      [
        `${AT}/0/issuer`,
        problem,
        "write the anchor's subject, or set maxChainDepth to 2 if an intermediate CA issues the certificates",
      ],
    );
    tells(
      fixtures,
      [anchor(fixtures, "limited"), issuer],
      [`${AT}/0/issuer`, problem, "write the anchor's subject: its path length constraint allows no CA below it"],
    );
    tells(
      fixtures,
      [inEntry("from", "2031-01-01")],
      [
        `${AT}/0/from`,
        "begins when every anchor of the sender has expired, the last on 2030-01-01T00:00:00Z",
        "add a CA certificate that is valid at that time, or write an earlier from",
      ],
      [
        `${AT}/0/from`,
        "nobody is accepted from this sender before 2031-01-01T00:00:00Z",
        "write an earlier from if the sender already sends events",
      ],
    );
    tells(
      fixtures,
      [anchor(fixtures, "dnsCa"), inEntry("san", { dns: ["evil.example"] })],
      [
        `${AT}/0`,
        "the name constraints of every anchor of the sender exclude this name",
        "correct the name, or add the CA that may certify it",
      ],
    );
  },
  "of windows": (fixtures) => {
    const ended = (date: string): Text => [
      `${AT}/0/until`,
      `ended on ${date}T00:00:00Z: the entry matches nothing any more`,
      "remove the entry",
    ];
    const gap = (what: string, end: string, begin: string): Text => [
      `${AT}/1/from`,
      `${what} from ${end}T00:00:00Z (the end of ${AT}/0) until ${begin}T00:00:00Z`,
      `set the from of this entry to ${end}T00:00:00Z or earlier, or the until of the other entry to ${begin}T00:00:00Z or later`,
    ];
    tells(fixtures, [windows({ until: "2026-06-01" }, { from: "2026-06-01" })], ended("2026-06-01"));
    tells(
      fixtures,
      [windows({ until: "2026-11-01" }, { CN: "b", until: "2026-12-01" })],
      [
        AT,
        "every window has ended, the last on 2026-12-01T00:00:00Z: nobody is accepted",
        "add an entry for the certificate that the sender uses now, or remove the sender",
      ],
    );
    const refused = "the sender is refused";
    const later = windows({ until: "2028-01-01" }, { from: "2028-01-02" });
    tells(fixtures, [later], gap(refused, "2028-01-01", "2028-01-02"));
    const current = windows({ until: "2026-12-01" }, { from: "2027-02-01" });
    tells(fixtures, [current], ended("2026-12-01"), gap(refused, "2026-12-01", "2027-02-01"));
    const partial = windows({ until: "2028-01-01" }, { from: "2028-02-01" }, { CN: "other" });
    tells(fixtures, [partial], gap("certificates of this name are refused", "2028-01-01", "2028-02-01"));
  },
  "of senders": (fixtures) => {
    const remedy = "add it to the senders of a route, or remove it";
    tells(fixtures, [[["routes", "/hooks", "senders"], ["two"]]], ["/senders/one", "no route names it", remedy]);
    tells(
      fixtures,
      [[[...ONE, "basic"], ["P", "P"].map((secret) => ({ username: "u", secret }))]],
      ["/senders/one/basic/1", "repeats /senders/one/basic/0", "remove one of them, or correct the name of the secret"],
    );
    tells(
      fixtures,
      [[[...ONE, "signature"], { scheme: "docusign", accounts: { A: ["K"], a: ["L"] } }]],
      [
        "/senders/one/signature/accounts/a",
        'is the same account as "A": case makes no difference',
        "list the secrets of both under one spelling",
      ],
    );
  },
  "of senders on the same route": (fixtures) => {
    const never = "is never chosen on /hooks: one comes first and accepts the same requests";
    const list = "list two before one if it is the special case, or remove what both accept from one of them";
    const [same, narrow] = [subjectOfTwo({ CN: "one.example" }), subjectOfTwo({ CN: "one.example", O: "Example" })];
    tells(fixtures, [same], ["/senders/two/certificates/0", `${never} because of ${AT}/0`, list]);
    tells(
      fixtures,
      [...signedAlone(ONE), ...signedAlone(TWO), [["anchors"], {}]],
      ["/senders/two/signature", never, list],
    );
    const require =
      "require it of two as well, change the two so that they accept different certificates, or remove one of them from /hooks";
    const without = "on /hooks two accepts without it";
    tells(
      fixtures,
      [same, signed],
      [
        "/senders/one/signature",
        `${without} every certificate that ${AT}/0 accepts, because of /senders/two/certificates/0`,
        require,
      ],
    );
    tells(
      fixtures,
      [narrow, signed],
      ["/senders/one/signature", `${without} the certificates of /senders/two/certificates/0`, require],
    );
    tells(
      fixtures,
      [...signedAlone(TWO), signed],
      ["/senders/one/certificates", "on /hooks two accepts the same requests without it", require],
    );
  },
  "of a shadow list that never differs": (fixtures) => {
    const problem = "lists the same senders as the route, so the verdicts never differ";
    const shadow = (...names: string[]): Change => [["routes", "/hooks", "shadow"], names];
    const place = "/routes/~1hooks/shadow";
    const add = "add the sender that you want to try and list it here, or remove shadow";
    tells(fixtures, [shadow("two", "one")], [place, problem, add]);
    const third: Change = [["senders", "three"], signature("A")];
    const used: Change = [["routes", "/other"], { senders: ["three"], methods: ["POST"] }];
    const name = "list the senders that you want to try, or remove shadow";
    tells(fixtures, [third, used, shadow("one", "two")], [place, problem, name]);
  },
  "of denied serial numbers and digests": (fixtures) => {
    const issuer = "CN=x";
    const copy = "copy it from openssl x509 -noout -serial";
    tells(
      fixtures,
      [deny(...["1".repeat(42), "01", "1", "12345678901234567890"].map((serial) => ({ serial, issuer })))],
      ["/deny/0/serial", "no certificate has a serial number of more than 20 octets", copy],
      ["/deny/2", "repeats /deny/1", "remove one of them"],
      ["/deny/3/serial", "denies nothing if the number is decimal: it is read as hex", copy],
    );
    const alone: Text = [
      "/deny/0/sha256",
      "denies only one certificate: its owner may have another certificate with the same key",
      "deny the key as well: countersign policy deny FILE",
    ];
    const { sha256, spkiSha256 } = parseCertificate(fixtures.certificates.root);
    const command = "let countersign policy deny FILE write the entry from the certificate";
    tells(
      fixtures,
      [deny({ sha256: DIGEST }, { sha256: spkiSha256 }, { spkiSha256: sha256 }, { sha256: OF_NOTHING })],
      alone,
      [
        "/deny/1/sha256",
        "denies nothing: elsewhere in this policy, this digest is a spkiSha256",
        'write { "spkiSha256": "…" }',
      ],
      [
        "/deny/2/spkiSha256",
        "denies nothing: elsewhere in this policy, this digest is a sha256",
        'write { "sha256": "…" }',
      ],
      ["/deny/3/sha256", "denies nothing: it is the digest of an empty input", command],
    );
    const remedy = "remove the entry, or remove the entry in /deny if that entry is a mistake";
    tells(
      fixtures,
      [[ENTRY, { sha256: DIGEST }], deny({ sha256: DIGEST })],
      [`${AT}/0/sha256`, "is denied by /deny/0", remedy],
      alone,
    );
    tells(
      fixtures,
      [[ENTRY, { spkiSha256: DIGEST }], deny({ spkiSha256: DIGEST })],
      [`${AT}/0/spkiSha256`, "is denied by /deny/0", remedy],
    );
    tells(
      fixtures,
      [...signedAlone(ONE), ...signedAlone(TWO, "OTHER"), [["anchors"], {}], deny({ sha256: DIGEST })],
      ["/deny/0", "denies nothing: no sender presents a certificate", "remove it"],
    );
  },
  "of a denied issuer that issues nothing (Denied in vain)": (fixtures) => {
    const command = "let countersign policy deny FILE write the entry from the certificate";
    const issuers = (changes: readonly Change[], issuer: string, problem: string, remedy: string, serial = "0a") =>
      tells(fixtures, [...changes, deny({ serial, issuer })], ["/deny/0/issuer", `denies nothing: ${problem}`, remedy]);
    const root = "CN=Root,O=Countersign Tests,C=US";
    const order =
      "the policy has a CA with a similar name: the same attributes in another order, or more or fewer attributes";
    issuers([], "CN=Root", order, `write ${root} if you mean that CA`);
    const reverse = "its attributes seem to be in reverse order";
    issuers([], "C=US,O=Somebody,CN=Other", reverse, "write CN=Other,O=Somebody,C=US");
    const sender = inEntry("subject", "CN=one.example,O=One");
    issuers(
      [sender],
      "CN=one.example,O=One",
      "this is the name of a sender, and a sender issues no certificates",
      command,
    );
    const { serial, subjectText } = parseCertificate(fixtures.certificates.intermediate);
    const own = "this is the name of the certificate itself, not of its issuer";
    issuers([anchor(fixtures, "intermediate")], subjectText, own, `write ${root}`, serial);
    const direct = "it is not an anchor, and no other CA may issue certificates";
    issuers([anchor(fixtures, "limited")], "CN=Other,O=Somebody", direct, command);
  },
};

await runInNode(cases);
