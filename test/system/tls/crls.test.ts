// Tests revocation lists of a running listener. A request on a kept-alive connection must be judged by the current list. If the
// source of a list is missing after a restart, the copy of the list that was kept must be used.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type Identity, issueCrl } from "../../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { sendOnce, TlsSender } from "../../support/tls-client.ts";
import { startTlsProcess, type TlsFiles, type TlsProcess, writeTlsFiles } from "../../support/tls-process.ts";

const LIST = "root.crl";

function requireList(policy: PolicyDocument): PolicyDocument {
  const [[name, certificate] = ["", ""]] = Object.entries(policy.anchors);
  const crls = { sources: [LIST], freshness: "require" as const };
  return { ...policy, anchors: { [name]: { certificate: certificate as string, crls } } };
}

/** Writes a revocation list into the folder of the policy. */
async function writeList(files: TlsFiles, number: number, revoked: readonly Identity[]): Promise<string> {
  const file = join(dirname(files.policy), LIST);
  const serials = revoked.map(({ certificate }) => certificate.serialNumber);
  const thisUpdate = new Date(Date.now() - 60_000 + number * 1000);
  writeFileSync(file, await issueCrl({ number, thisUpdate, revoked: serials }, files.senders.root));
  return file;
}

async function reload(process: TlsProcess): Promise<void> {
  const known = process.lines.length;
  process.process.kill("SIGHUP");
  await process.line({ decision: "reloaded" }, known);
}

test("Cloudflare, December 2022: a revoked certificate is refused on the connection that it was accepted on, and after a restart", async () => {
  await using own = new AsyncDisposableStack();
  const files = await writeTlsFiles(own, requireList);
  const file = await writeList(files, 1, []);
  const process = await startTlsProcess(own, files);
  const sender = new TlsSender(process.server, files.senders.acme);
  own.defer(() => sender.close());
  expect((await sender.send()).status).toBe(202);

  await writeList(files, 2, [files.senders.acme]);
  await reload(process);
  const refused = await sender.send();
  expect([refused.status, refused.isKeptAlive]).toEqual([403, true]);
  expect(await process.line({ id: refused.problem.decision })).toMatchObject({ code: "certificate_revoked" });
  expect((await sendOnce(process.server, files.senders.acmeToo)).status).toBe(202);
  expect(await process.stop()).toBe(0);

  rmSync(file);
  expect(existsSync(join(dirname(files.inbox), "crls"))).toBe(true);
  const again = await startTlsProcess(own, files);
  expect((await sendOnce(again.server, files.senders.acme)).status).toBe(403);
  expect((await sendOnce(again.server, files.senders.acmeToo)).status).toBe(202);
});

test("without the required list nothing is accepted, probes and metrics tell it, and --crls says where lists are kept", async () => {
  await using own = new AsyncDisposableStack();
  const files = await writeTlsFiles(own, requireList);
  const directory = join(dirname(files.policy), "kept", "lists");
  const process = await startTlsProcess(own, files, "--crls", directory, "--metrics", "0");
  const fetched = async (path: string) => {
    const response = await fetch(new URL(path, process.ready["metrics"]));
    return `${response.status} ${await response.text()}`;
  };
  const listEnd = async () =>
    /^countersign_crl_end_timestamp_seconds\{source="root\.crl"\} (\d+)$/m.exec(await fetched("/metrics"))?.[1];
  await expect.poll(() => fetched("/readyz")).toBe(`503 no current list of ${LIST}\n`);
  await expect.poll(listEnd).toBe("0");
  const unknown = await sendOnce(process.server, files.senders.acme);
  expect([unknown.status, unknown.headers["retry-after"]]).toEqual([503, "30"]);
  expect(await process.line({ id: unknown.problem.decision })).toMatchObject({
    code: "revocation_unknown",
    list: expect.stringMatching(/^missing list of CN=/),
  });
  await writeList(files, 1, []);
  await reload(process);
  expect((await sendOnce(process.server, files.senders.acme)).status).toBe(202);
  expect(existsSync(directory)).toBe(true);
  await expect.poll(() => fetched("/readyz")).toBe("200 ok\n");
  await expect.poll(listEnd).toMatch(/^\d{10}$/);
});
