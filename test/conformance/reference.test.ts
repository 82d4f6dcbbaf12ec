// Sends the corpus in real handshakes to nginx and Apache from the Linux distribution, configured as in Docusign's guides, and to
// our own listener. docs/design/reference-verdicts.md explains each difference.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askShared } from "../support/ask-shared.ts";
import { presentRaw } from "../support/raw-tls-client.ts";
import { ROOT } from "../support/running.ts";
import { A, issueServers, type ServerCertificates, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { reasonToSkip } from "../system/proxy/programs.ts";
import type { CorpusEntry } from "./corpus.ts";
import { DIFFERENCES } from "./reference-differences.ts";
import { type Reference, type ReferenceProgram, startReference } from "./reference-programs.ts";

type Verdicts = Readonly<Record<string, "accepted" | "refused">>;

const stack = new AsyncDisposableStack();
const { policy, corpus } = await askShared("corpus");
const routes = Object.keys(policy.routes);
const short = (route: string) => route.slice("/hooks/".length);
const PROGRAMS = ["nginx", "apache2"] as const;

let servers: ServerCertificates;
let origin: TestTlsOrigin;
beforeAll(async () => {
  servers = await issueServers(A);
  origin = await startTlsOrigin(stack, { policy, servers });
});
afterAll(() => stack.disposeAsync());

/** Makes a request. Returns the verdict that its status shows. A failed handshake counts as refused. */
async function verdict({ leaf, keyPem, intermediates }: CorpusEntry, port: number, name: string, target: string) {
  const chain = [leaf, ...intermediates].map((base64) => Buffer.from(base64, "base64"));
  const request = `POST ${target} HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
  const { status } = await presentRaw({ port, name, chain, keyPem, request });
  return status !== undefined && status >= 200 && status < 300 ? "accepted" : "refused";
}

async function verdicts(entry: CorpusEntry, port: number, siteOf: (route: string) => readonly [string, string]) {
  const decided = await Promise.all(
    routes.map(async (route) => [short(route), await verdict(entry, port, ...siteOf(route))] as const),
  );
  return Object.fromEntries(decided) as Verdicts;
}

const ours = new Map<CorpusEntry, Promise<Verdicts>>();

/**
 * Returns the verdicts of our listener on an entry of the corpus. The verdicts are cached, because the test compares them with
 * those of several programs.
 */
function ourVerdicts(entry: CorpusEntry): Promise<Verdicts> {
  const known = ours.get(entry) ?? verdicts(entry, origin.port, (route) => [A, route]);
  ours.set(entry, known);
  return known;
}

/**
 * Returns the verdicts that this program must give: those of our listener, with the differences that the table lists for the
 * program.
 */
function expected(ours: Verdicts, name: string, program: ReferenceProgram): Verdicts {
  const changed = Object.values(DIFFERENCES).flatMap(({ accepts, entries }) =>
    (entries[name]?.[program] ?? []).map((route) => [route, accepts === "reference" ? "accepted" : "refused"] as const),
  );
  for (const [route, theirs] of changed)
    expect(theirs, `a row of the table that does not differ: ${route}`).not.toBe(ours[route]);
  return { ...ours, ...Object.fromEntries(changed) };
}

for (const program of PROGRAMS) {
  const reason = reasonToSkip(program);
  describe.skipIf(reason !== undefined)(`${program}${reason ? `: ${reason}` : ""}`, () => {
    let reference: Reference;
    beforeAll(async () => {
      const [host] = servers.hosts;
      if (host === undefined) throw new Error("no server certificate");
      reference = await startReference(stack, program, policy, host);
    });

    test.each(Object.entries(corpus))(
      "decides like Countersign, or differs as in the table: %s",
      async (name, entry) => {
        const theirs = await verdicts(entry, reference.port, (route) => [reference.nameOf(route), "/event"]);
        expect(theirs).toEqual(expected(await ourVerdicts(entry), name, program));
      },
    );
  });
}

test("our listener accepts an entry on some routes and refuses it on others", async () => {
  const verdicts = await ourVerdicts(corpus["direct"] as CorpusEntry);
  expect(new Set(Object.values(verdicts))).toEqual(new Set(["accepted", "refused"]));
});

test("the table names only certificates and routes of the corpus", () => {
  for (const { entries } of Object.values(DIFFERENCES)) {
    for (const [name, difference] of Object.entries(entries)) {
      expect(Object.keys(corpus)).toContain(name);
      for (const program of PROGRAMS)
        expect(routes.map(short)).toEqual(expect.arrayContaining([...difference[program]]));
    }
  }
});

test("docs/design/reference-verdicts.md prints the table, row by row, under the same headings", () => {
  const sections = readFileSync(join(ROOT, "docs/design/reference-verdicts.md"), "utf8").split(/^### /m).slice(1);
  const printed = sections.map((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    const rows = [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].slice(1).map(([, ...cells]) => cells);
    const accepts = /^Accepted by (the reference|Countersign) alone\.$/m.exec(section)?.[1]?.replace("the ", "");
    return [heading, { accepts, rows: rows.filter(([name]) => !name?.startsWith("-")) }];
  });
  const cell = (list: readonly string[]) => (list.length === 0 ? "–" : list.join(", "));
  const wanted = Object.entries(DIFFERENCES).map(([heading, { accepts, entries }]) => {
    const rows = Object.entries(entries).map(([name, { nginx, apache2 }]) => [name, cell(nginx), cell(apache2)]);
    return [heading, { accepts, rows }];
  });
  expect(Object.fromEntries(printed)).toEqual(Object.fromEntries(wanted));
});
