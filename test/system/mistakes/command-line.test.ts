// Tests command lines with a typing mistake or a missing part. One sentence must say what is wrong, and what the user probably
// meant.

import { expect, test } from "vitest";
import { askWhether } from "../../../cli/arguments/nearest.ts";
import { runCountersign } from "../../support/running.ts";
import { tellOf } from "./told.ts";

test.each<readonly [line: string, told: string]>([
  ["policy chek", 'policy has no "chek": did you mean check?'],
  ["policy frobnicate", /^policy has no "frobnicate": it has check, show, .*; see countersign policy --help$/.source],
  ["inbox lst", 'inbox has no "lst": did you mean list?'],
  ["keys jwk", 'keys has no "jwk": did you mean jwks?'],
  ["keys --file x", "keys needs an action: new, rotate, jwks; see countersign keys --help"],
  ["policy check --polcy x", "there is no option --polcy here: did you mean --policy?"],
  ["policy check --frobnicate=HUSH", "there is no option --frobnicate here"],
  ["policy check -p x", "there is no option -p here"],
  ["policy check --policy", "--policy needs a value after it"],
  ["policy check --policy=", "--policy has an empty value: write a value, or leave the option out"],
  ["policy check --policy --json", "--policy has no value; if --json is the value, write --policy=--json"],
  ["policy check --json=yes", "--json takes no value"],
  ["policy check extra", '"extra" belongs to no option, and this command takes nothing else'],
  [
    "policy check --polcy x --jsn extra more",
    'options: 3 problems\n  - there is no option --polcy here: did you mean --policy?\n  - there is no option --jsn here: did you mean --json?\n  - "more" belongs to no option, and this command takes nothing else',
  ],
  ["inbox list --state ded", "--state ded is none of waiting, leased, done, dead: did you mean dead?"],
  ["inbox list --limit 0x5", "--limit 0x5 is not a whole number from 1 to 999999"],
  ["keys rotate --file x --step publsh", "--step publsh is none of publish, sign, retire: did you mean publish?"],
  [
    "origin --tls --client-certificates requst",
    "--client-certificates requst is none of request, require, none: did you mean request?",
  ],
  ["origin --port 0x50", "--port 0x50 is not a port (0 to 65535)"],
  ["origin --port=", "--port has an empty value: write a value, or leave the option out"],
  ["send", "send needs a URL to send to: see countersign send --help"],
  [
    "send localhost:8443",
    "localhost:8443 is no URL to send to: https://HOST:PORT/PATH, or http:// for a server without TLS",
  ],
  ["send https://a.example https://u:HUSH@b.example", 'send takes one URL, and "https://b.example/" is a second one'],
  ["policy presets Docusgn", 'there is no preset "Docusgn": did you mean docusign?'],
  [
    "policy add --sender a --certificate b --match nam",
    "--match nam is none of name, key, certificate: did you mean name?",
  ],
  [
    "policy add --sender a --route /a --mode observ",
    "--mode observ is none of observe, enforce: did you mean observe?",
  ],
  ["policy deny x --match digest", "--match digest is none of key, certificate"],
  ["init --mode egde", "--mode egde is none of both, edge, origin: did you mean edge?"],
  ["init a b", 'init takes one folder, and "b" is a second one'],
])("%s", async (line, told) => {
  const { code, text } = await tellOf(line.split(" "));
  if (told.startsWith("^")) expect(text).toMatch(new RegExp(told));
  else expect(text).toBe(told);
  expect(code).toBe(2);
  expect(text).not.toContain("HUSH");
});

test("a command that does not exist", async () => {
  const runs = ["orign", "--versoin", "frobnicate"].map((word) => runCountersign([word]));
  expect(await Promise.all(runs)).toEqual(
    [": did you mean origin?", ": did you mean --version?", ": see countersign --help"].map((end, index) => ({
      code: 2,
      stdout: "",
      stderr: `countersign: there is no command ${JSON.stringify(["orign", "--versoin", "frobnicate"][index])}${end}\n`,
    })),
  );
});

test("a word is near if it differs by one slip for each three letters, or if it is the only one with that beginning", () => {
  const near = (text: string) => askWhether(text, ["check", "show", "presets", "behind-proxy"]);
  expect(["chekc", "hceck", "chck", "checkk", "SHOW", "shwo", "preset", "behind"].map(near)).toEqual(
    ["check", "check", "check", "check", "show", "show", "presets", "behind-proxy"].map(
      (one) => `: did you mean ${one}?`,
    ),
  );
  expect(["", "x", "trust", "p", "hdeck!"].map(near)).toEqual(["", "", "", "", ""]);
});
