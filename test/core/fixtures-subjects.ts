// Clients of the root whose subjects and alternative names are near to, but not, the ones that a policy allows.

import { type EncodedAttribute, encodeName, FIELD, utf16 } from "./certificate-edit.ts";
import { TAG } from "./der-edit.ts";
import type { Hierarchy } from "./fixtures-hierarchy.ts";
import { base64Of, issueClient, ORGANIZATION, resign } from "./fixtures-issue.ts";

const C: EncodedAttribute = ["2.5.4.6", TAG.printable, "US"];
const O: EncodedAttribute = ["2.5.4.10", TAG.utf8, ORGANIZATION];
const CN = "2.5.4.3";
const OU = "2.5.4.11";
const commonName = (text: string): EncodedAttribute => [CN, TAG.utf8, text];

export async function makeSubjects({ root }: Pick<Hierarchy, "root">) {
  const plain = await issueClient(root);
  const named = (...rdns: (readonly EncodedAttribute[])[]) =>
    resign(plain, root, ({ tbs }) => {
      tbs[FIELD.subject] = encodeName(...rdns);
    });
  return {
    ...base64Of({
      sanOnly: await issueClient(root, {
        subject: [],
        subjectAltNames: [{ type: "dns", value: "client.example" }],
      }),
      emailLooksLikeDns: await issueClient(root, {
        subjectAltNames: [
          { type: "email", value: "client.example" },
          { type: "url", value: "dns:client.example" },
        ],
      }),
      wildcard: await issueClient(root, {
        subject: [{ CN: ["*.example"] }],
        subjectAltNames: [{ type: "dns", value: "*.example" }],
      }),
    }),
    named: named([C], [O], [commonName("client.example")]),
    namedReordered: named([O], [C], [commonName("client.example")]),
    namedPrintable: named([C], [["2.5.4.10", TAG.printable, ORGANIZATION]], [[CN, TAG.printable, "client.example"]]),
    namedUpperCase: named([C], [O], [commonName("Client.example")]),
    namedHomograph: named([C], [O], [commonName("сlient.example")]),
    namedWithMore: named([C], [O], [commonName("client.example")], [[OU, TAG.utf8, "More"]]),
    namedLonger: named([C], [O], [commonName("client.example.evil")]),
    namedPrefixed: named([C], [O], [commonName("evil.client.example")]),
    twoCommonNames: named([C], [O], [commonName("evil.example")], [commonName("client.example")]),
    injected: named([C], [["2.5.4.10", TAG.utf8, `${ORGANIZATION},CN=client.example`]], [commonName("evil.example")]),
    injectedPlus: named([C], [O], [commonName("evil.example+CN=client.example")]),
    units: named([O], [[OU, TAG.utf8, "One"]], [[OU, TAG.utf8, "Two"]], [commonName("client.example")]),
    unitsReordered: named([O], [[OU, TAG.utf8, "Two"]], [[OU, TAG.utf8, "One"]], [commonName("client.example")]),
    multiValued: named([C], [O, commonName("client.example")]),
    bmpCommonName: named([C], [O], [[CN, TAG.bmp, utf16("client.example")]]),
  };
}
