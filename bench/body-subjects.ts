// The functions that the bench of body matchers compares: the whole check of a Pix event, the same check without a rule, and
// JSON.parse of the same body.

import { listRule, MatchedBody } from "../core/admission/body.ts";

export const PARSE = "JSON.parse";
export const MATCH = "body matcher";
export const NO_RULE = "no matcher configured";

const KEY = "7c084cd4-54af-4172-a516-a7d1a12b75cc";
const RULES = [listRule({ pointer: "/pix/*/chave", path: ["pix", "*", "chave"], values: new Set([KEY]) })];
const HEADERS = new Headers({ "content-type": "application/json" });

/** Returns functions that do the work for one event with this number of payments. */
export function makeBodySubjects(payments: number): Record<string, () => unknown> {
  const pix = Array.from({ length: payments }, (_, index) => ({
    endToEndId: `E12345678202009091221${String(index).padStart(11, "0")}`,
    txid: "cd1fe328c875481285a6f233ae41b662",
    valor: "100.00",
    horario: "2020-09-10T13:03:33.902Z",
    chave: KEY,
    infoPagador: "Reforma da casa",
  }));
  const body = new TextEncoder().encode(JSON.stringify({ pix }));
  const decoder = new TextDecoder();
  const match = (rules: typeof RULES) => () => {
    if (!new MatchedBody(HEADERS, body).satisfies(rules)) throw new Error("the body does not match");
  };
  return { [PARSE]: () => JSON.parse(decoder.decode(body)), [MATCH]: match(RULES), [NO_RULE]: match([]) };
}
