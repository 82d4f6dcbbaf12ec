// Checks that docs/start/behind-a-proxy.md is complete. A test in test/documents compares the configurations in this document with
// the files that the tests use.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FORWARDED_FORMATS } from "../../../origin/forwarded/certificate.ts";
import { ROOT } from "../../support/running.ts";

const document = readFileSync(join(ROOT, "docs/start/behind-a-proxy.md"), "utf8");

test("docs/start/behind-a-proxy.md names every file and every format", () => {
  for (const file of readdirSync(join(ROOT, "docs/proxies"))) expect(document).toContain(`proxies/${file}`);
  for (const name of ["apache.conf", "haproxy.cfg", "nginx.conf"])
    expect(document).toContain(`<!-- is docs/proxies/${name} -->`);
  for (const format of FORWARDED_FORMATS) expect(document).toContain(`| \`${format}\` |`);
});
