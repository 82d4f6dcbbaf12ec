// Tests what an installation contains: only packages of the registry, each with its hash and a known licence, and few packages that
// run a script. docs/design/dependencies.md says the same.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: true;
  readonly link?: true;
  readonly inBundle?: true;
  readonly hasInstallScript?: true;
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
const manifest = read("package.json");
const locked = Object.entries<Locked>(read("package-lock.json").packages).filter(([place]) => place !== "");
const nameOf = (place: string) => place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);

const REGISTRY = "https://registry.npmjs.org/";
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.-]+)?$/;
/** The licences of packages that run in production. */
const LICENCES = new Set(["MIT", "Apache-2.0", "BSD-3-Clause", "ISC", "0BSD"]);
/** The licences of packages for development. Neither the worker nor an installation for production contains such a package. */
const LICENCES_OF_TOOLS = new Set([
  ...LICENCES,
  "MIT OR Apache-2.0",
  "BlueOak-1.0.0",
  "CC-BY-4.0",
  "CC0-1.0",
  "MPL-2.0",
  "LGPL-3.0-or-later",
  "Apache-2.0 AND LGPL-3.0-or-later",
  "Apache-2.0 AND LGPL-3.0-or-later AND MIT",
]);
/** The script of each of these packages installs a program. */
const WITH_INSTALL_SCRIPT = ["esbuild", "node", "workerd"];

/** Returns the places of the packages that do not pass the check. */
const strays = (isRight: (entry: Locked) => boolean) =>
  locked.filter(([, entry]) => !isRight(entry)).map(([place]) => place);

test("the lock file is read", () => {
  expect(locked.map(([place]) => nameOf(place))).toEqual(
    expect.arrayContaining([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]),
  );
});

test("every package has a hash of SHA-512 (Packages without a hash)", () => {
  expect(strays(({ integrity = "" }) => /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))).toEqual([]);
});

test("every package comes from the registry, not from a repository, a file or another package", () => {
  // If the lock file has no `resolved` for a package, npm takes the package from the registry.
  expect(
    strays(
      ({ resolved = REGISTRY, version = "", link, inBundle }) =>
        resolved.startsWith(REGISTRY) && EXACT.test(version) && link === undefined && inBundle === undefined,
    ),
  ).toEqual([]);
});

/**
 * The form of an alias in package.json. With an alias, a project can install two versions of a package, one of them under a
 * different name.
 */
const ALIAS = /^npm:(?:@[\w-]+\/)?[\w-]+@/;

test("package.json asks for exact versions", () => {
  const asked = Object.entries<string>({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(asked.filter(([, version]) => !EXACT.test(version.replace(ALIAS, "")))).toEqual([]);
  expect(Object.values<string>(manifest.dependencies).filter((version) => ALIAS.test(version))).toEqual([]);
});

test("every package has an allowed licence", () => {
  expect(strays(({ dev, license = "" }) => (dev ? LICENCES_OF_TOOLS : LICENCES).has(license))).toEqual([]);
});

test("only three packages run a script when they are installed", () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => nameOf(place));
  expect(scripted.sort()).toEqual(WITH_INSTALL_SCRIPT);
  expect(Object.entries(manifest.allowScripts).sort()).toEqual(WITH_INSTALL_SCRIPT.map((name) => [name, true]));
});
