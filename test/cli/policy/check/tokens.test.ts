// Tests the findings about tokens: senders that prove themselves with a token alone, and secrets that are used in two places.

import { runInNode } from "../../../support/in-node.ts";
import type { Cases } from "../../../support/scenes/certificates.ts";
import { type Change, expectFindings, ONE, ROUTE, TWO } from "../../../support/scenes/inspection.ts";
import type { Json } from "../../../support/scenes/policy.ts";

const TOKEN = { header: "X-Token", secrets: ["A_TOKEN", "AN_OLD_TOKEN"] };
const token = (sender: readonly string[], value: Json = TOKEN): Change => [[...sender, "token"], value];
const alone = (sender: readonly string[]): Change[] => [
  [[...sender, "certificates"], undefined],
  [[...sender, "trust"], undefined],
];
const same: Change = [[...TWO, "certificates", 0, "subject"], { CN: "one.example" }];
const other: Change = [["routes", "/other"], { senders: ["two"], methods: ["POST"] }];
const apart: Change[] = [[[...ROUTE, "senders"], ["one"]], other];

const cases: Cases = {
  "inspectPolicy() warns of a sender that proves nothing but a token": (fixtures) => {
    expectFindings(fixtures, [token(ONE)]);
    expectFindings(fixtures, [token(ONE), ...alone(ONE)], "warning /senders/one/token");
    const signature: Change = [[...ONE, "signature"], { scheme: "github", secrets: ["KEY"] }];
    expectFindings(fixtures, [token(ONE), ...alone(ONE), signature]);
  },
  "inspectPolicy() refuses a secret of a token that is used elsewhere": (fixtures) => {
    const found = "error /senders/one/token/secrets/1";
    const signature = { scheme: "github", secrets: ["AN_OLD_TOKEN"] };
    expectFindings(fixtures, [token(ONE), [[...ONE, "signature"], signature]], found);
    expectFindings(
      fixtures,
      [token(ONE), [[...TWO, "signature"], { ...signature, secrets: ["A"], retired: ["AN_OLD_TOKEN"] }]],
      found,
    );
    expectFindings(fixtures, [token(ONE), [[...TWO, "basic"], { username: "u", secret: "AN_OLD_TOKEN" }]], found);
    const shared = token(TWO, { header: "X-Other", secrets: ["AN_OLD_TOKEN"] });
    expectFindings(fixtures, [token(ONE), shared, ...apart], found, "error /senders/two/token/secrets/0");
    expectFindings(fixtures, [token(ONE), shared]);
  },
  "inspectPolicy() does not take a sender without a route for another user of its own token": (fixtures) => {
    const unrouted: Change[] = [[[...ROUTE, "senders"], ["one"]]];
    expectFindings(fixtures, [token(TWO), ...unrouted], "warning /senders/two");
  },
  "inspectPolicy() refuses a key that is read from the header of a token of the same route": (fixtures) => {
    const key = (sender: readonly string[], member: string): Change => [[...sender, member], { header: "x-token" }];
    expectFindings(fixtures, [token(ONE), key(ONE, "eventKey")], "error /senders/one/eventKey");
    expectFindings(fixtures, [token(ONE), key(TWO, "orderKey")], "error /senders/two/orderKey");
    expectFindings(fixtures, [token(ONE), key(TWO, "orderKey"), ...apart]);
    expectFindings(fixtures, [token(ONE), [[...TWO, "orderKey"], { pointers: ["/a"] }]]);
  },
  "inspectPolicy() refuses a key that is read from the place of a token in the body": (fixtures) => {
    const inBody = token(ONE, { pointer: "/value/*/state", secrets: ["A_TOKEN"] });
    const key = (...pointers: string[]): Change => [[...ONE, "eventKey"], { pointers }];
    expectFindings(fixtures, [inBody, key("/id", "/value/0/state")], "error /senders/one/eventKey");
    expectFindings(fixtures, [inBody, key("/value/0/id", "/value/0", "/value/0/state/a", "/state")]);
    expectFindings(fixtures, [inBody, ...alone(ONE)], "warning /senders/one/token");
    expectFindings(fixtures, [inBody, [[...ONE, "eventKey"], { header: "X-Token" }]]);
  },
  "inspectPolicy() compares the tokens of senders on one route": (fixtures) => {
    expectFindings(fixtures, [same, token(ONE)], "error /senders/one/token");
    expectFindings(fixtures, [same, token(ONE), token(TWO)], "error /senders/two/certificates/0");
    expectFindings(fixtures, [same, token(ONE), token(TWO, { ...TOKEN, header: "X-Other" })]);
    expectFindings(fixtures, [same, token(ONE), token(TWO, { pointer: "/X-Token", secrets: TOKEN.secrets })]);
    expectFindings(fixtures, [same, token(ONE), token(TWO, { ...TOKEN, secrets: ["ANOTHER"] })]);
    expectFindings(fixtures, [same, token(ONE, { ...TOKEN, secrets: ["A_TOKEN"] }), token(TWO)]);
    const never = ["warning /senders/one/token", "warning /senders/two/token", "error /senders/two/token"];
    expectFindings(fixtures, [...alone(ONE), ...alone(TWO), token(ONE), token(TWO), [["anchors"], {}]], ...never);
    const signature: Change = [[...ONE, "signature"], { scheme: "github", secrets: ["KEY"] }];
    const weak = "error /senders/one/signature";
    expectFindings(fixtures, [same, token(ONE), token(TWO), signature], weak);
    expectFindings(fixtures, [same, token(ONE), token(TWO, { ...TOKEN, header: "X-Other" }), signature]);
    expectFindings(fixtures, [same, token(ONE), token(TWO, { ...TOKEN, secrets: ["ANOTHER"] }), signature]);
  },
};

await runInNode(cases);
