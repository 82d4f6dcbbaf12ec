// `countersign keys` makes and rotates the edge's signing keys.

import { existsSync } from "node:fs";
import { generateSigningKey, type PrivateJwk, parsePrivateKeySet, publicJwk } from "../core/assertion/keys.ts";
import { inFile } from "../origin/problems.ts";
import { parseAction, parseChoice } from "./arguments/values.ts";
import { type Command, parseOptions, refuseUnread, requireOption, UsageError } from "./command.ts";
import { formatJson } from "./files/files.ts";
import { readPrivateKeySet } from "./files/key-sets.ts";
import { writeWhole } from "./files/write.ts";
import { print, printJson, printText } from "./output.ts";
import { tabulate } from "./table.ts";

type RotationStep = "publish" | "sign" | "retire";

const NEXT: Readonly<Record<RotationStep, string>> = {
  publish:
    "Deploy this set. The new key is published and signs nothing yet. If the origin pins its JWKS, give it the new set.\nWhen every origin has the new set (if origins fetch it: 10 minutes after the deployment), run: keys rotate --step sign",
  sign: "Deploy this set. The new key signs, the old key stays published.\nWhen no old deployment runs any more and 2 minutes have passed, run: keys rotate --step retire\nIf a route has delivery: queue, also wait until the queue is empty and no dead letter is left (the log reports them),\nbecause queued events are sealed with the key that signed when they arrived.",
  retire: "Deploy this set. Only the new key is left. If the origin pins its JWKS, remove the old key there too.",
};

export const command: Command = {
  help: `
countersign keys new --file FILE          make a private JWK Set with one ES256 key
countersign keys rotate --file FILE --step publish|sign|retire
                                          do one step of a rotation; no event is refused during it
countersign keys jwks --file FILE         print the public JWK Set, to pin at the origin

The file is the value of the Worker's secret:  npx wrangler secret put SIGNING_KEYS < FILE
With --json, prints only the public JWK Set.
`,
  async run([word = "", ...args]) {
    const action = parseAction("keys", word, ["new", "rotate", "jwks"]);
    const { values, given } = parseOptions(args, {
      file: { type: "string" },
      step: { type: "string" },
      json: { type: "boolean" },
    });
    if (action !== "rotate") refuseUnread(given, ["file", "json"], `with keys ${action}`);
    const file = requireOption(values.file, "file", "where the private keys are kept");
    if (action === "new")
      return report(
        await create(file),
        file,
        `Made ${file}. Keep it secret: whoever has it can sign as the edge.`,
        values.json,
      );
    if (action === "rotate") {
      const step = parseStep(values.step);
      return report(await rotate(file, step), file, NEXT[step], values.json);
    }
    return report(load(file), file, undefined, true);
  },
};

function load(file: string): PrivateJwk[] {
  return inFile(file, () => parsePrivateKeySet(readPrivateKeySet(file)));
}

/** Makes a set with one key. Never overwrites an existing file. */
export async function create(file: string): Promise<PrivateJwk[]> {
  if (existsSync(file)) throw new UsageError(`${file} exists already: rotate it, or choose another name`);
  return save(file, [await newKey()]);
}

/**
 * Does one step of a rotation. The first key of the set signs, and all keys of the set are published. So origins know a new key
 * before it signs, and know the old key until it is retired.
 */
async function rotate(file: string, step: RotationStep): Promise<PrivateJwk[]> {
  const keys = load(file);
  const newest = keys.reduce((a, b) => ((b.iat ?? 0) >= (a.iat ?? 0) ? b : a));
  const isSigning = keys[0] === newest;
  if (step === "publish") {
    if (!isSigning) throw new UsageError(`${newest.kid} is published and does not sign yet: run --step sign first`);
    return save(file, [...keys, await newKey(newest.iat)]);
  }
  if (step === "sign") {
    if (isSigning) throw new UsageError(`${newest.kid} is the newest key and signs already: run --step publish first`);
    return save(file, [newest, ...keys.filter((key) => key !== newest)]);
  }
  if (keys.length === 1) throw new UsageError(`${file} holds one key only: there is nothing to retire`);
  if (!isSigning) throw new UsageError(`${newest.kid} does not sign yet: run --step sign first`);
  return save(file, [newest]);
}

/** Makes a key with a later time than the newest key, even in the same second or if the clock was set back. */
function newKey(newest = 0): Promise<PrivateJwk> {
  return generateSigningKey(Math.max(Math.floor(Date.now() / 1000), newest + 1));
}

function parseStep(text: string | undefined): RotationStep {
  const given = requireOption(text, "step", "publish, then sign, then retire");
  return parseChoice("--step", given, ["publish", "sign", "retire"]);
}

function save(file: string, keys: PrivateJwk[]): PrivateJwk[] {
  writeWhole(file, formatJson({ keys }), 0o600);
  return keys;
}

function report(keys: readonly PrivateJwk[], file: string, next: string | undefined, json = false): number {
  if (json) {
    printJson({ keys: keys.map(publicJwk) });
    return 0;
  }
  print([file, ...tabulate(keys.map(({ kid }, index) => [`  ${kid}`, index === 0 ? "signs" : "published"])), ""]);
  printText(`${next ?? ""}\n`);
  return 0;
}
