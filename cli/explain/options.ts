// The options of `countersign explain`.

import { parseOptions, UsageError } from "../command.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  certificate: { type: "string" },
  route: { type: "string" },
  url: { type: "string" },
  method: { type: "string" },
  header: { type: "string", multiple: true },
  body: { type: "string" },
  at: { type: "string" },
  platform: { type: "string" },
  crls: { type: "string" },
  "fetch-crls": { type: "boolean", default: false },
  event: { type: "string" },
  inbox: { type: "string" },
  decision: { type: "string" },
  log: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export type Values = ReturnType<typeof parse>;

export function parse(args: string[]) {
  const { values } = parseOptions(args, OPTIONS);
  const { event, inbox, decision, log, url, route, body } = values;
  if (event !== undefined && decision !== undefined) throw new UsageError("--event or --decision, not both");
  if (event !== undefined && inbox === undefined) throw new UsageError("--event needs --inbox");
  if (inbox !== undefined && (event ?? decision) === undefined)
    throw new UsageError("--inbox goes with --event or --decision");
  if (decision === undefined ? log !== undefined : (log ?? inbox) === undefined)
    throw new UsageError("--decision and --log go together, or --decision and --inbox");
  if (url !== undefined && route !== undefined) throw new UsageError("--route or --url, not both");
  if (body === "-" && log === "-") throw new UsageError("--body and --log cannot both be standard input");
  return values;
}
