// Makes the files of a new project: those of template/, without the files that the project's mode does not need. If a preset is
// given, its policy replaces the policy of the template.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secretNames } from "../../core/admission/secrets.ts";
import { formatJson } from "../files/files.ts";
import { packageFolder, readVersion } from "../files/package-folder.ts";
import { extendPolicy } from "../policy/add.ts";

/** The programs that receive the senders' requests: the Worker, the origin, or the Worker in front of the origin. */
export type ProjectMode = "edge" | "origin" | "both";

export interface ProjectOptions {
  readonly mode: ProjectMode;
  /** The name of the preset. Undefined for the template's policy, which is an example. */
  readonly preset: string | undefined;
  /**
   * The anchors that the operator adds from files, each as NAME=FILE. The preset does not name such an anchor, or the certificate
   * of the anchor is in no public store.
   */
  readonly anchors: readonly string[];
  /** The values of the body that the preset asks for, each as NAME=VALUE. */
  readonly values: readonly string[];
}

export interface Project {
  /** Maps each path to the text of the file. Sorted by path. */
  readonly files: ReadonlyMap<string, string>;
  /** The steps that the operator must still do for the preset's sender. */
  readonly steps: readonly string[];
}

/** The text of .gitignore. It is not in template/, because npm removes a file with this name from packages. */
const GITIGNORE = `node_modules/
.wrangler/
# What countersign writes: signing keys, secrets of local runs, events and who sent them
.countersign/
.dev.vars*
keys.json
*.key
*privkey*.pem
*.sqlite
*.sqlite-*
crls/
observed.jsonl
`;

const EDGE_FILES = ["src/index.ts", "wrangler.jsonc"];
const ORIGIN_FILES = ["handler.ts"];

/** @throws UsageError or ConfigurationError if the preset cannot be written */
export function makeProject({ mode, preset, anchors, values }: ProjectOptions): Project {
  const { policy, secrets, steps } = makePolicy(preset, anchors, values);
  const files = new Map([...readTemplate(), [".gitignore", GITIGNORE]]);
  if (policy !== undefined) files.set("policy.json", policy);
  // Puts the names of the secrets into secrets.required, so that Cloudflare refuses a deployment if one of these secrets is
  // missing.
  const required = JSON.stringify(["SIGNING_KEYS", ...secrets]).replaceAll(",", ", ");
  if (policy !== undefined)
    replace(files, "wrangler.jsonc", (text) => text.replace(/\["SIGNING_KEYS"[^\]]*\]/, () => required));
  const unneeded = [...(mode === "edge" ? ORIGIN_FILES : []), ...(mode === "origin" ? EDGE_FILES : [])];
  for (const name of unneeded) files.delete(name);
  replace(files, "package.json", (text) => formatJson(manifestOf(JSON.parse(text), mode)));
  replace(files, "README.md", (text) => {
    const others = {
      both: ["The origin alone"],
      edge: ["The origin", "The origin alone"],
      origin: ["The edge", "The origin"],
    };
    return others[mode].reduce(dropSection, text);
  });
  return { files: new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))), steps };
}

function readTemplate(): [path: string, text: string][] {
  const folder = join(packageFolder(), "template");
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file.slice(folder.length + 1).replaceAll("\\", "/"), readFileSync(file, "utf8")]);
}

function replace(files: Map<string, string>, name: string, change: (text: string) => string): void {
  const text = files.get(name);
  if (text === undefined) throw new Error(`the template has no ${name}`);
  files.set(name, change(text));
}

interface Manifest {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
}

/** Returns the package.json of the project, which depends on the Countersign version that makes the project. */
function manifestOf(template: Manifest, mode: ProjectMode): object {
  const { deploy = "", ...scripts } = template.scripts;
  if (mode === "edge") scripts["dev"] = "countersign dev";
  return {
    ...template,
    scripts: { ...scripts, ...(mode !== "origin" && { deploy }) },
    dependencies: { ...template.dependencies, countersign: `^${readVersion()}` },
  };
}

function dropSection(text: string, heading: string): string {
  const sections = text.split(/^(?=## )/m);
  return sections.filter((section) => !section.startsWith(`## ${heading}\n`)).join("");
}

/** Makes a policy with only the preset. It is made in a temporary folder, so that no file is overwritten. */
function makePolicy(preset: string | undefined, anchors: readonly string[], values: readonly string[]) {
  if (preset === undefined) return { policy: undefined, secrets: [], steps: [] };
  const folder = mkdtempSync(join(tmpdir(), "countersign-init-"));
  try {
    const file = join(folder, "policy.json");
    writeFileSync(file, formatJson({ $schema: "./node_modules/countersign/policy.schema.json" }));
    const none = {
      intermediates: [],
      sender: undefined,
      certificates: [],
      match: undefined,
      route: undefined,
      mode: undefined,
    } as const;
    const { edit, next } = extendPolicy(file, { ...none, preset, anchors, values });
    return { policy: edit.after, secrets: secretNames(edit.policy), steps: next };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
