// `countersign policy expiring` lists everything that expires within some days, whether requests will then be refused, and what to
// do.

import { describeExpiry, sendersInUse } from "../../core/policy/expiry.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { systemClock } from "../../origin/clock.ts";
import { listExpiries } from "../../origin/expiry.ts";
import type { SeenCertificate } from "../../origin/inbox/inbox.ts";
import { readInbox } from "../../origin/inbox/open.ts";
import { listenerExpiry } from "../../origin/service/listener-certificate.ts";
import { parseWhole } from "../arguments/values.ts";
import { parseOptions } from "../command.ts";
import { readCertificatesAsPem } from "../files/certificates.ts";
import { namingInbox } from "../inbox/options.ts";
import { type Line, print, printJson } from "../output.ts";
import { bad, good, tabulate } from "../table.ts";
import { compilePolicyFile } from "./load.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  inbox: { type: "string" },
  certificate: { type: "string", multiple: true },
  within: { type: "string", default: "90" },
  json: { type: "boolean", default: false },
} as const;

const DAY_SECONDS = 86_400;

/** Returns 1 if something that has expired, or will expire within the given number of days, causes refusals. */
export async function showExpiring(args: string[]): Promise<number> {
  const { policy: file, inbox, certificate = [], within, json } = parseOptions(args, OPTIONS).values;
  const days = parseWhole("--within", within, 0, 99_999);
  const now = systemClock();
  const listeners = certificate.map((name) => listenerExpiry(readCertificatesAsPem(name).join(""), name));
  const policy = compilePolicyFile(file);
  const seen = inbox === undefined ? [] : await readSeen(inbox, policy);
  const expiries = listExpiries(policy, now, seen, listeners)
    .filter(({ notAfter }) => notAfter <= now + days * DAY_SECONDS)
    .map((ending) => describeExpiry(ending, now));
  const isRefusing = expiries.some(({ refuses }) => refuses);
  if (json) printJson({ ok: !isRefusing, within: days, endings: expiries });
  else print(formatExpiries(expiries, days));
  return isRefusing ? 1 : 0;
}

async function readSeen(location: string, policy: Policy): Promise<SeenCertificate[]> {
  const senders = sendersInUse(policy).map(({ name }) => name);
  return await namingInbox(location, () => readInbox(location, (reader) => reader.latestCertificates(senders)));
}

function formatExpiries(expiries: readonly ReturnType<typeof describeExpiry>[], days: number): Line[] {
  if (expiries.length === 0) return [`nothing ends within ${days} days`];
  return tabulate(
    expiries.flatMap(({ what, name, pointer = "", sha256, notAfter, days: left, refuses, remedy }) => [
      [
        notAfter,
        left < 0 ? "ended" : `${left} days`,
        refuses ? bad("REFUSES") : good("harmless"),
        `${what} ${name} ${pointer}${sha256 === undefined ? "" : ` sha256 ${sha256}`}`,
      ],
      [`    ${remedy}`],
    ]),
  );
}
