// Runs each receiver of examples/receivers in its own language, with the cases of vectors/assertion.json. For each case, the
// receiver must give the verdict and the code that the file states.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AssertionCase, AssertionVectors } from "../../cli/vectors/assertion-vectors.ts";
import { ROOT } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const VECTORS = join(ROOT, "vectors/assertion.json");
const vectors = JSON.parse(readFileSync(VECTORS, "utf8")) as AssertionVectors;
const folder = (language: string) => join(ROOT, "examples/receivers", language);

type CommandLine = readonly [program: string, ...args: string[]];

interface Language {
  /** The Debian packages that this language needs, separated by spaces. */
  readonly packages: string;
  /** Commands that check whether the packages are installed. If they are, each command ends with 0. */
  readonly probes: readonly CommandLine[];
  /** Compiles the receiver, if its language needs a compiler. @returns the command that runs the receiver */
  prepare(): CommandLine;
}

/**
 * The path of Debian's Python. The Debian packages are installed for this Python, but another Python may come first in `PATH`.
 */
const PYTHON = "/usr/bin/python3";
const JACKSON = ["core", "annotations", "databind"].map((part) => `/usr/share/java/jackson-${part}.jar`);

const LANGUAGES: Readonly<Record<string, Language>> = {
  python: {
    packages: "python3-jwt python3-cryptography",
    probes: [[PYTHON, "-c", "import jwt, cryptography"]],
    prepare: () => [PYTHON, "-B", join(folder("python"), "vectors.py")],
  },
  go: {
    packages: "golang-go",
    probes: [["go", "version"]],
    prepare() {
      const program = join(temporaryDirectory(stack), "receiver");
      call(["go", "build", "-o", program, "."], folder("go"));
      return [program];
    },
  },
  java: {
    packages: "default-jdk-headless libjackson2-databind-java",
    probes: [
      ["javac", "-version"],
      ["ls", ...JACKSON],
    ],
    prepare() {
      const classes = temporaryDirectory(stack);
      const classPath = [classes, ...JACKSON].join(":");
      call(
        ["javac", "-Xlint:all", "-Werror", "-cp", classPath, "-d", classes, "Receiver.java", "Vectors.java"],
        folder("java"),
      );
      return ["java", "-cp", classPath, "Vectors"];
    },
  },
  ruby: {
    packages: "ruby",
    probes: [["ruby", "-ropenssl", "-rjson", "-e", ""]],
    prepare: () => ["ruby", "-W", join(folder("ruby"), "vectors.rb")],
  },
  php: {
    packages: "php-cli",
    probes: [["php", "-r", 'exit(extension_loaded("openssl") ? 0 : 1);']],
    prepare: () => [
      "php",
      "-d",
      "error_reporting=-1",
      "-d",
      "display_errors=stderr",
      join(folder("php"), "vectors.php"),
    ],
  },
};

/** With these settings, Go runs without a C compiler, and does not load a newer toolchain from the network. */
const ENVIRONMENT = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "" };

function call([program, ...args]: CommandLine, cwd = ROOT): string {
  return execFileSync(program, args, { cwd, env: ENVIRONMENT, encoding: "utf8", stdio: "pipe" });
}

/** Returns why the tests of a language cannot run here. In CI they are never skipped, so that missing packages fail the tests. */
function reasonToSkip({ packages, probes }: Language): string | undefined {
  if (process.env["CI"] === "true") return undefined;
  try {
    for (const probe of probes) call(probe);
    return undefined;
  } catch {
    const reason = `its tests are skipped (apt-get install ${packages})`;
    console.warn(reason);
    return reason;
  }
}

interface Judged {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function judge([program, ...args]: CommandLine, file: string): Judged {
  try {
    return { status: 0, stdout: call([program, ...args, file]), stderr: "" };
  } catch (error) {
    return error as Judged;
  }
}

const line = (mark: string, { expect: verdict, reason = "", name }: AssertionCase) =>
  `${mark} ${verdict} ${reason} | ${name}`.replaceAll(/ +/g, " ");

const linesOf = ({ stdout }: Judged) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((text) => text.replaceAll(/ +/g, " "));

test("every language of examples/receivers is tried", () => {
  expect(Object.keys(LANGUAGES).sort()).toEqual(readdirSync(join(ROOT, "examples/receivers")).sort());
});

for (const [name, language] of Object.entries(LANGUAGES)) {
  describe.skipIf(reasonToSkip(language) !== undefined)(`the receiver in ${name}`, () => {
    let command: CommandLine;
    beforeAll(() => {
      command = language.prepare();
    });

    test("reaches every verdict of the vectors, with its code", () => {
      const judged = judge(command, VECTORS);
      expect(judged).toMatchObject({ status: 0, stderr: "" });
      expect(linesOf(judged)).toEqual([
        ...vectors.cases.map((one) => line("ok", one)),
        `${vectors.cases.length} passed, 0 failed`,
      ]);
    });

    test("has a runner that says which verdict is wrong, and ends with 1", () => {
      const cases = vectors.cases.slice(0, 40);
      const wrong = cases.map((one): AssertionCase => {
        if (one.expect === "accept") return { ...one, expect: "reject", reason: "replayed" };
        return { ...one, reason: "body_mismatch" };
      });
      const file = join(temporaryDirectory(stack), "wrong.json");
      writeFileSync(file, JSON.stringify({ ...vectors, cases: wrong }));
      const judged = judge(command, file);
      expect(judged.status).toBe(1);
      expect(linesOf(judged)).toEqual([...cases.map((one) => line("WRONG", one)), "0 passed, 40 failed"]);
    });

    test("has a runner that reports a failure for a file without cases", () => {
      const file = join(temporaryDirectory(stack), "empty.json");
      writeFileSync(file, JSON.stringify({ ...vectors, cases: [] }));
      expect(judge(command, file)).toMatchObject({ status: 1, stdout: "0 passed, 0 failed\n" });
    });
  });
}
