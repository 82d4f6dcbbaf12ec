// Tests who can read the files that the commands write, and to which files the commands do not write.

import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { writeWhole } from "../../../cli/files/write.ts";
import { openCrlDirectory } from "../../../origin/node/crl-directory.ts";
import { run, runCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let folder: string;
const file = (name: string) => join(folder, name);
const modeOf = (name: string) => statSync(file(name)).mode & 0o777;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  folder = temporaryDirectory(stack);
  const umask = process.umask(0);
  stack.defer(() => void process.umask(umask));
});
afterEach(() => stack.disposeAsync());

/** Runs `prepare` in a shell, and then the program in the same process. So `prepare` can use the process id of the program. */
const runAs = (prepare: string, ...args: string[]) =>
  run("bash", ["-c", `${prepare}; exec "$0" cli/main.ts "$@"`, process.execPath, ...args]);

describe("keys new", () => {
  test("writes a file that only its owner can read, whatever the umask is", async () => {
    expect(await runCountersign(["keys", "new", "--file", file("keys.json")])).toMatchObject({ code: 0 });
    expect(modeOf("keys.json")).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["keys.json"]);
  });

  test("writes through nothing that somebody else put beside it, by whatever name (Draft through a link)", async () => {
    writeFileSync(file("victim"), "precious");
    const plant = `ln -s ${file("victim")} ${file("keys.json")}.$$.tmp; touch ${file("keys.json")}.tmp`;
    const { code } = await runAs(plant, "keys", "new", "--file", file("keys.json"));
    expect(code).toBe(0);
    expect(readFileSync(file("victim"), "utf8")).toBe("precious");
    expect(modeOf("keys.json")).toBe(0o600);
  });

  test("names the file that cannot be written, and leaves no draft", async () => {
    mkdirSync(file("keys.json.d"));
    const { code, stderr } = await runCountersign(["keys", "new", "--file", file("missing/keys.json")]);
    const told = `cannot write ${file("missing/keys.json")}: the folder ${file("missing")} does not exist\n`;
    expect([code, stderr]).toEqual([2, `countersign: ${told}`]);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

test("policy add does not make a policy readable that its owner had closed to others", async () => {
  const { pem } = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  writeFileSync(file("root.pem"), pem);
  for (const mode of [0o644, 0o640, 0o600]) {
    writeFileSync(file("policy.json"), readFileSync("policy.json"));
    chmodSync(file("policy.json"), mode);
    const args = ["policy", "add", "--policy", file("policy.json"), "--anchor", `other=${file("root.pem")}`];
    expect(await runCountersign(args)).toMatchObject({ code: 0 });
    expect(modeOf("policy.json")).toBe(mode);
  }
});

test("policy add keeps a policy readable for a service of another user, whatever the umask is", async () => {
  const { pem } = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
  writeFileSync(file("root.pem"), pem);
  for (const mode of [0o644, 0o640]) {
    writeFileSync(file("policy.json"), readFileSync("policy.json"));
    chmodSync(file("policy.json"), mode);
    const args = ["policy", "add", "--policy", file("policy.json"), "--anchor", `other=${file("root.pem")}`];
    expect((await runAs("umask 077", ...args)).code).toBe(0);
    expect(modeOf("policy.json")).toBe(mode);
  }
});

describe.skipIf(process.geteuid?.() !== 0)("as root", () => {
  const [user, group] = [12_345, 23_456];
  const write = (mode: number) => {
    writeFileSync(file("policy.json"), "{}");
    chownSync(file("policy.json"), user, group);
    chmodSync(file("policy.json"), mode);
  };
  const accessOf = (name: string) => {
    const { uid, gid, mode } = statSync(file(name));
    return [uid, gid, mode & 0o777];
  };

  test("a file keeps its owner and its group", () => {
    for (const mode of [0o640, 0o600, 0o664]) {
      write(mode);
      writeWhole(file("policy.json"), "[]");
      expect(accessOf("policy.json")).toEqual([user, group, mode & 0o644]);
    }
  });

  test("if a user may not keep the group, the new group gets no rights", () => {
    write(0o664);
    chmodSync(folder, 0o777);
    process.seteuid?.(user + 1);
    try {
      writeWhole(file("policy.json"), "[]");
    } finally {
      process.seteuid?.(0);
    }
    const [uid, gid, mode] = accessOf("policy.json");
    expect([uid, mode]).toEqual([user + 1, 0o604]);
    expect(gid).not.toBe(group);
  });
});

describe("a link instead of a file", () => {
  const add = () =>
    runCountersign(["policy", "add", "--policy", file("policy.json"), "--anchor", `other=${file("root.pem")}`]);
  beforeEach(async () => {
    const { pem } = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
    writeFileSync(file("root.pem"), pem);
    mkdirSync(file("shared"));
  });

  test("stays, and its target is replaced, with the same mode", async () => {
    writeFileSync(file("shared/real.json"), readFileSync("policy.json"), { mode: 0o640 });
    symlinkSync("shared/real.json", file("second"));
    symlinkSync("second", file("policy.json"));
    expect(await add()).toMatchObject({ code: 0 });
    expect(lstatSync(file("policy.json")).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(file("shared/real.json"), "utf8")).anchors).toHaveProperty("other");
    expect(modeOf("shared/real.json")).toBe(0o640);
    expect(readdirSync(file("shared"))).toEqual(["real.json"]);

    await runCountersign(["keys", "new", "--file", file("shared/keys.json")]);
    symlinkSync("shared/keys.json", file("keys.json"));
    const rotate = ["keys", "rotate", "--file", file("keys.json"), "--step", "publish"];
    expect(await runCountersign(rotate)).toMatchObject({ code: 0 });
    expect(lstatSync(file("keys.json")).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(file("shared/keys.json"), "utf8")).keys).toHaveLength(2);
    expect(modeOf("shared/keys.json")).toBe(0o600);
  });

  test("is not followed if its target is missing, the link itself, or not a file", () => {
    for (const [target, why] of [
      ["nowhere", /cannot write .*: it is a link to .*nowhere, which is not there/],
      ["keys.json", /cannot write .*: its links lead in a circle/],
      ["/dev/null", /cannot write .*: it is not a file that can be replaced/],
    ] as const) {
      symlinkSync(target, file("keys.json"));
      expect(() => writeWhole(file("keys.json"), "{}")).toThrow(why);
      expect(lstatSync(file("keys.json")).isSymbolicLink()).toBe(true);
      unlinkSync(file("keys.json"));
    }
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test.runIf(process.getuid?.() === 0)("is not followed when another user made it", () => {
    writeFileSync(file("precious"), "precious");
    symlinkSync("precious", file("policy.json"));
    lchownSync(file("policy.json"), 12_345, 12_345);
    expect(() => writeWhole(file("policy.json"), "{}")).toThrow(/policy\.json is a link of another user/);
    expect(readFileSync(file("precious"), "utf8")).toBe("precious");
  });
});

test("only the owner can read a kept revocation list", async () => {
  const storage = openCrlDirectory(file("crls"), folder);
  await storage.write("https://ca.example.com/list.crl", Buffer.from("list"));
  const [name = ""] = readdirSync(file("crls"));
  expect([modeOf("crls"), modeOf(join("crls", name))]).toEqual([0o700, 0o600]);
});
