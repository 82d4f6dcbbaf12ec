// Checks that docs/start/behind-a-proxy.md prints exactly the configurations that the other tests use.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FORWARDED_FORMATS } from "../../../origin/forwarded/certificate.ts";
import { ROOT } from "../../support/running.ts";

const document = readFileSync(join(ROOT, "docs/start/behind-a-proxy.md"), "utf8");
const printed = new Map(
  [...document.matchAll(/<!-- (docs\/proxies\/\S+) -->\n```\w+\n(.*?)```\n/gs)].map(([, file = "", text = ""]) => [
    file,
    text,
  ]),
);

test("docs/start/behind-a-proxy.md prints the files of docs/proxies", () => {
  expect([...printed.keys()].sort()).toEqual([
    "docs/proxies/apache.conf",
    "docs/proxies/haproxy.cfg",
    "docs/proxies/nginx.conf",
  ]);
  for (const [file, text] of printed) expect(text, file).toBe(readFileSync(join(ROOT, file), "utf8"));
});

test("docs/start/behind-a-proxy.md names every file and every format", () => {
  for (const file of readdirSync(join(ROOT, "docs/proxies"))) expect(document).toContain(`proxies/${file}`);
  for (const format of FORWARDED_FORMATS) expect(document).toContain(`| \`${format}\` |`);
});
