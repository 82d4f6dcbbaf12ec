// Describes a text that a policy has instead of a CA certificate. The compiler only says that the text is not a certificate,
// because the compiler is part of the worker, which has to stay small.

import { parsePointer } from "../../core/configuration-error.ts";
import { describeContents, readContents } from "../../origin/contents/file.ts";
import type { Finding } from "./check/finding.ts";

const MADE_BY = "countersign policy add --anchor NAME=FILE";

/**
 * If the finding says that an anchor is not a certificate, adds a description of the anchor's content. Returns other findings
 * unchanged.
 */
export function nameContents(finding: Finding, document: unknown): Finding {
  if (finding.code !== "not_one_certificate") return finding;
  const text = certificateAt(document, parsePointer(finding.pointer));
  if (text === undefined) return finding;
  const items = readContents(Buffer.from(text));
  const what = /-----\\+[rn]/.test(text) ? "one whose line ends are escaped twice" : describeContents(items);
  if (items.length > 1 && items.every(({ kind }) => kind === "certificate"))
    return {
      ...finding,
      problem: `${finding.problem}, but ${what}`,
      remedy: `give each certificate its own name, as ${MADE_BY} does`,
    };
  if (items.some(({ kind }) => kind === "other") && isPath(text))
    return {
      ...finding,
      problem: `${finding.problem}, but what seems to be a path`,
      remedy: `remove it, and write the file's content here with ${MADE_BY}`,
    };
  return { ...finding, problem: `${finding.problem}, but ${what}` };
}

function isPath(text: string): boolean {
  return /^[^\n]{1,4096}$/.test(text) && /[./\\]/.test(text);
}

/** Returns the text of the certificate. An anchor is either this text, or an object with the member `certificate`. */
function certificateAt(document: unknown, path: readonly string[]): string | undefined {
  const [anchors, name] = path;
  const anchor = memberOf(memberOf(document, anchors), name);
  const certificate = typeof anchor === "string" ? anchor : memberOf(anchor, "certificate");
  return typeof certificate === "string" ? certificate : undefined;
}

function memberOf(value: unknown, name = ""): unknown {
  const isHolder = typeof value === "object" && value !== null && Object.hasOwn(value, name);
  return isHolder ? (value as Record<string, unknown>)[name] : undefined;
}
