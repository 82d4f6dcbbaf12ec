// Tests the data of the presets. Each preset is complete and makes a sound policy. Node's store has the public roots of the
// presets.

import { describe, expect, it, onTestFinished } from "vitest";
import { findPublicRoot } from "../../../cli/policy/preset/root-store.ts";
import { PRESETS } from "../../../cli/presets/presets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { anchorOption, chainOption, makeAuthority, presetDocument, replaceAnchor } from "./world.ts";

const EFI_ANCHOR = "efi-pay-root";

/** The anchors that an operator must give as files. */
const PRIVATE_ANCHORS: Readonly<Record<string, string>> = {
  meta: "meta-outbound-api-ca-2025-12",
  pix: "psp-ca",
  salesforce: "own-ca",
  "kubernetes-admission": "cluster-ca",
  alertmanager: "own-ca",
  grafana: "own-ca",
  "private-ca": "partner-ca",
};

async function write(name: string) {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  const authority = await makeAuthority("Private Root", "Private Issuing CA");
  if (name === "pix-efi") {
    stack.use(replaceAnchor(name, EFI_ANCHOR, authority.root));
    return presetDocument(name, { anchors: [chainOption(temporaryDirectory(stack), EFI_ANCHOR, authority)] });
  }
  const anchor = PRIVATE_ANCHORS[name];
  if (anchor === undefined) return presetDocument(name);
  return presetDocument(name, { anchors: [anchorOption(temporaryDirectory(stack), anchor, authority)] });
}

describe.each(Object.entries(PRESETS))("preset %s", (name, preset) => {
  it("compiles into a policy with all members of the preset", async () => {
    const document = await write(name);
    const policy = compilePolicy(JSON.parse(JSON.stringify(document)));
    const sender = policy.senders.find((one) => one.name === name);
    expect(sender?.certificate?.allowlist.matchers.length).toBe(preset.sender.certificates?.length);
    expect(sender?.signature?.scheme).toBe(preset.sender.signature?.scheme);
    const members = { methods: ["POST"], maxBodyBytes: preset.route.maxBodyBytes };
    expect(policy.routes).toMatchObject(
      ["", ...(preset.suffixes ?? [])].map((suffix) => ({ path: `/hooks/${name}${suffix}`, ...members })),
    );
    expect(document.senders[name]?.about).toMatchObject({ preset: name, checked: preset.checked });
    const values = Object.entries(preset.values ?? {});
    expect(sender?.body.map(({ pointer }) => pointer)).toEqual(values.map(([, { pointer }]) => pointer));
    expect(policy.senders.map((one) => one.name)).toEqual(values.length === 0 ? [name] : [name, `${name}-other`]);
  });

  it("has its public roots in Node's store, with the subjects that the preset names", () => {
    for (const source of Object.values(preset.anchors)) {
      if ("subject" in source) expect(findPublicRoot(source.sha256)?.subjectText).toBe(source.subject);
    }
  });

  it("has a source for each anchor and a description of each secret", () => {
    expect(Object.keys(preset.anchors)).toEqual(preset.sender.trust?.anchors ?? []);
    const { signature, token, handshake } = preset.sender;
    const named = [...(signature?.secrets ?? []), ...(token?.secrets ?? []), handshake?.secret ?? []].flat();
    expect(Object.keys(preset.secrets)).toEqual([...new Set(named)]);
  });

  it("says where it comes from, when that was read, and what is not known", () => {
    expect(preset.sources.length).toBeGreaterThan(0);
    expect(new Date(preset.checked).toISOString()).toBe(`${preset.checked}T00:00:00.000Z`);
    expect(preset.notes.length).toBeGreaterThan(0);
  });

  it("observes while it accepts no certificate", async () => {
    const { mode } = (await write(name)).routes[`/hooks/${name}`] ?? {};
    expect(mode).toBe(preset.sender.certificates?.length === 0 ? "observe" : (preset.route.mode ?? "enforce"));
  });
});

it.each(["docusign", "docusign-demo"])("%s accepts no certificate, because no subject is published", (name) => {
  expect(PRESETS[name]?.sender.certificates).toEqual([]);
  expect(PRESETS[name]?.route).toEqual({ methods: ["POST"], maxBodyBytes: 25 * 1024 * 1024, mode: "observe" });
});

it("the roots that public-roots.ts says Node lacks are really missing", async () => {
  const { rootCertificates } = await import("node:tls");
  const { X509Certificate } = await import("node:crypto");
  const subjects = rootCertificates.map((pem) => new X509Certificate(pem).subject);
  for (const name of ["Global Root CA", "High Assurance EV Root CA", "Assured ID Root CA"])
    expect(subjects.filter((subject) => subject.endsWith(`CN=DigiCert ${name}`))).toEqual([]);
  expect(subjects.filter((subject) => subject.endsWith("CN=GTS Root R2"))).toEqual([]);
});
