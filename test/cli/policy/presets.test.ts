// Tests `countersign policy presets` and `countersign policy add --preset` with the real program.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { PRESETS } from "../../../cli/presets/presets.ts";
import { runHere } from "../../support/command.ts";

const directory = mkdtempSync(join(tmpdir(), "countersign-presets-"));
const file = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });
const client = await issueCertificate({ subject: [{ O: ["Partner"] }, { CN: ["webhooks.partner.example"] }] }, ca);
writeFileSync(file("ca.pem"), ca.pem);
writeFileSync(file("client.pem"), client.pem);
writeFileSync(file("client.field"), `:${client.base64}:\n`);

const add = (policy: string, ...args: string[]) => runHere(["policy", "add", "--policy", file(policy), ...args]);
const read = (policy: string) => JSON.parse(readFileSync(file(policy), "utf8"));

describe("countersign policy presets", () => {
  it("lists them all, as text and as JSON", async () => {
    const [text, json] = await Promise.all([runHere(["policy", "presets"]), runHere(["policy", "presets", "--json"])]);
    const { presets } = JSON.parse(json.stdout) as { presets: { name: string; title: string }[] };
    expect(presets.map(({ name }) => name)).toEqual(Object.keys(PRESETS));
    for (const { name, title } of presets)
      expect(text.stdout.replaceAll(/ {2,}/g, "  ")).toContain(`${name}  ${title}\n`);
  });

  it("says what one preset accepts, what it needs, and what is not known", async () => {
    const { code, stdout } = await runHere(["policy", "presets", "docusign"]);
    expect(code).toBe(0);
    for (const part of [
      "none is known",
      "DigiCert Global Root G2",
      "wrangler secret put DOCUSIGN_HMAC_KEY",
      "2026-11-23",
    ])
      expect(stdout).toContain(part);
    for (const text of [...(PRESETS["docusign"]?.notes ?? []), ...(PRESETS["docusign"]?.sources ?? [])])
      expect(stdout).toContain(text);
  });

  it("says in JSON where each anchor comes from", async () => {
    const { stdout } = await runHere(["policy", "presets", "meta", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      name: "meta",
      sender: { signature: { scheme: "meta", secrets: ["META_APP_SECRET"] } },
      anchors: [{ name: "meta-outbound-api-ca-2025-12", from: "file" }],
    });
    const dialogflow = await runHere(["policy", "presets", "dialogflow", "--json"]);
    const { anchors } = JSON.parse(dialogflow.stdout) as { anchors: { from: string }[] };
    expect(new Set(anchors.map(({ from }) => from))).toEqual(new Set(["node"]));
  });

  it("lists the existing presets if one does not exist", async () => {
    const { code, stderr } = await runHere(["policy", "presets", "bitbucket"]);
    expect(code).toBe(2);
    expect(stderr).toContain('no preset "bitbucket": there are docusign, docusign-demo, meta');
  });
});

describe("countersign policy add --preset", () => {
  it("writes the sender, its route and its anchor in full, and says what is left to do", async () => {
    const { code, stdout, stderr } = await add("new.json", "--preset", "docusign");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(read("new.json")).toMatchObject({
      anchors: { "digicert-global-root-g2": expect.stringContaining("-----BEGIN CERTIFICATE-----\n") },
      senders: {
        docusign: {
          about: {
            preset: "docusign",
            checked: "2026-11-23",
            note: expect.stringContaining("We do not publish the subject"),
          },
          ...PRESETS["docusign"]?.sender,
        },
      },
      routes: { "/hooks/docusign": { senders: ["docusign"], ...PRESETS["docusign"]?.route } },
    });
    for (const part of ["next steps", "wrangler secret put DOCUSIGN_HMAC_KEY", "Enable Mutual TLS", "--mode enforce"])
      expect(stdout).toContain(part);
    expect((await runHere(["policy", "check", "--policy", file("new.json")])).code).toBe(0);
  });

  it("adds to an existing policy, under another name and path, and uses its anchor", async () => {
    writeFileSync(file("repository.json"), readFileSync("policy.json"));
    const before = read("repository.json");
    const args = ["--preset", "workfront", "--sender", "adobe", "--route", "/in/adobe", "--json"];
    const { code, stdout } = await add("repository.json", ...args);
    expect(code).toBe(0);
    const after = read("repository.json");
    expect(after.anchors).toEqual(before.anchors);
    expect(after.senders).toMatchObject({ ...before.senders, adobe: { about: { preset: "workfront" } } });
    expect(after.routes["/in/adobe"]).toMatchObject({ senders: ["adobe"], mode: "enforce" });
    expect(JSON.parse(stdout).next).toEqual([
      expect.stringContaining("Set the secret WORKFRONT_AUTH_TOKEN"),
      ...(PRESETS["workfront"]?.steps ?? []),
      expect.stringMatching(/^After a refusal: .*retries for 48 hours, 11 times at most/),
    ]);
  });

  it("writes a route for each suffix that the sender appends, and refuses a certificate of a sender that presents none", async () => {
    const pix = ["--preset", "pix", "--anchor", `psp=${file("ca.pem")}`, "--route", "/in/pix", "--host", "pix.example"];
    const { stdout } = await add("pix.json", ...pix, "--value", "chave=+5511999999999", "--value", "chave=a@b.example");
    const paths = ["", "/pix", "/rec", "/cobr"].map((suffix) => `pix.example/in/pix${suffix}`);
    const { routes, senders } = read("pix.json");
    expect(Object.keys(routes)).toEqual(paths);
    const senderLists = Object.values<{ senders: string[] }>(routes).map((route) => route.senders.join());
    expect(senderLists).toEqual(["pix-other", "pix", "pix-other", "pix-other"]);
    expect(senders.pix.body).toEqual([{ pointer: "/pix/*/chave", in: ["+5511999999999", "a@b.example"] }]);
    expect(senders["pix-other"].body).toBeUndefined();
    expect(senders["pix-other"].about.note).toContain("must never book a payment of this sender");
    expect((await runHere(["policy", "check", "--strict", "--policy", file("pix.json")])).stderr).toBe("");
    for (const path of paths) expect(stdout).toContain(`--route ${path} --mode enforce`);
    const stripe = await add("stripe.json", "--preset", "stripe", "--certificate", file("client.pem"));
    expect(stripe.code).toBe(2);
    expect(stripe.stderr).toContain("Stripe webhooks presents no certificate");
  });

  it("asks for the values of the body that only the operator knows, and for no others", async () => {
    const pix = ["--preset", "pix", "--anchor", `psp=${file("ca.pem")}`];
    const refused = async (...args: string[]) => {
      const { code, stderr } = await add("values.json", ...args);
      expect(code).toBe(2);
      expect(existsSync(file("values.json"))).toBe(false);
      return stderr;
    };
    expect(await refused(...pix)).toMatch(/needs what only you know, .*: --value chave=VALUE: each of your Pix keys/);
    expect(await refused(...pix, "--value", "key=x")).toContain("asks for no --value key=…: chave");
    for (const value of ["chave", "chave=", "=x"])
      expect(await refused(...pix, "--value", value)).toContain(`--value ${value} is not NAME=VALUE`);
    expect(await refused("--preset", "slack", "--value", "chave=x")).toContain("it asks for none");
    expect(await refused("--sender", "x", "--value", "chave=x")).toContain("no effect without --preset");
  });

  it.each(["slack", "asana"])("changes nothing when %s is added again", async (preset) => {
    await add(`${preset}.json`, "--preset", preset);
    const policy = read(`${preset}.json`);
    // Adding the preset again does not change the `until` of a handshake that is already in the policy.
    if (preset === "asana") policy.senders.asana.handshake.until = "2026-01-01";
    const before = JSON.stringify(policy, null, 2);
    writeFileSync(file(`${preset}.json`), `${before}\n`);
    expect((await add(`${preset}.json`, "--preset", preset)).code).toBe(0);
    expect(readFileSync(file(`${preset}.json`), "utf8").trim()).toBe(before);
  });

  it("does not overwrite a sender that has changed", async () => {
    await add("changed.json", "--preset", "docusign");
    const learned = ["--sender", "docusign", "--certificate", file("client.field"), "--anyway"];
    const added = await add("changed.json", ...learned);
    expect(added.stdout).toContain("only observes: when its events are admitted correctly, run countersign policy add");
    const before = readFileSync(file("changed.json"), "utf8");
    expect(read("changed.json").senders.docusign.certificates).toEqual([
      { subject: "CN=webhooks.partner.example,O=Partner", issuer: "CN=Partner CA" },
    ]);
    const { code, stderr } = await add("changed.json", "--preset", "docusign");
    expect(code).toBe(2);
    expect(stderr).toContain("a sender docusign already, with another certificates; nothing was changed");
    expect(readFileSync(file("changed.json"), "utf8")).toBe(before);
  });

  it("keeps the settings of an existing route, and says so", async () => {
    await add("shared.json", "--preset", "pagerduty", "--route", "/hooks");
    const { stdout } = await add(
      "shared.json",
      "--preset",
      "docusign",
      "--route",
      "/hooks",
      "--certificate",
      file("client.pem"),
      "--anyway",
    );
    expect(read("shared.json").routes["/hooks"]).toMatchObject({ senders: ["pagerduty", "docusign"], mode: "enforce" });
    expect(stdout).toContain("/hooks existed already and keeps maxBodyBytes 262144; the preset has 26214400");
  });

  it("refuses a sender without an accepted certificate on a route that enforces", async () => {
    await add("enforced.json", "--preset", "pagerduty", "--route", "/hooks");
    const before = readFileSync(file("enforced.json"), "utf8");
    const { code, stderr } = await add("enforced.json", "--preset", "docusign", "--route", "/hooks");
    expect(code).toBe(2);
    expect(stderr).toContain("/senders/docusign/certificates");
    expect(readFileSync(file("enforced.json"), "utf8")).toBe(before);
  });
});

describe("countersign policy add --preset with files", () => {
  it("says what the file is and where to get it when an anchor is in no public store", async () => {
    const { code, stderr } = await add("meta.json", "--preset", "meta");
    expect(code).toBe(2);
    expect(stderr).toContain("--anchor meta-outbound-api-ca-2025-12=FILE: Meta's own CA");
    expect(stderr).toContain("no fingerprint is published");
    expect(existsSync(file("meta.json"))).toBe(false);
    expect(
      (await add("meta.json", "--preset", "meta", "--anchor", `meta-outbound-api-ca-2025-12=${file("ca.pem")}`)).code,
    ).toBe(0);
  });

  it("refuses a file that is not the anchor", async () => {
    const { code, stderr } = await add(
      "wrong.json",
      "--preset",
      "pagerduty",
      "--anchor",
      `digicert-global-root-g2=${file("ca.pem")}`,
    );
    expect(code).toBe(2);
    expect(stderr).toContain("the anchor digicert-global-root-g2 must be CN=DigiCert Global Root G2");
    expect(stderr).toContain("not CN=Partner CA (SHA-256 ");
    expect(existsSync(file("wrong.json"))).toBe(false);
  });

  it("refuses to use an anchor of the policy with the same name and another certificate", async () => {
    await add(
      "taken.json",
      "--anchor",
      `digicert-global-root-g2=${file("ca.pem")}`,
      "--sender",
      "a",
      "--certificate",
      file("client.pem"),
      "--route",
      "/a",
    );
    const { code, stderr } = await add("taken.json", "--preset", "pagerduty");
    expect(code).toBe(2);
    expect(stderr).toContain("the anchor digicert-global-root-g2 must be CN=DigiCert Global Root G2");
  });

  it("adds further anchors and certificates to those of the preset", async () => {
    const { code } = await add(
      "more.json",
      "--preset",
      "pagerduty",
      "--anchor",
      `partner-ca=${file("ca.pem")}`,
      "--certificate",
      file("client.pem"),
      "--match",
      "key",
    );
    expect(code).toBe(0);
    const { certificates, trust } = read("more.json").senders.pagerduty;
    expect(trust.anchors).toEqual(["digicert-global-root-g2", "partner-ca"]);
    expect(certificates).toHaveLength(3);
    expect(certificates[2]).toHaveProperty("spkiSha256");
  });

  it("requires the CA of a private preset, observes without a certificate and enforces with one", async () => {
    const missing = await add("private.json", "--preset", "private-ca", "--sender", "partner");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("has no anchor: give");
    const anchor = ["--preset", "private-ca", "--anchor", `partner-ca=${file("ca.pem")}`];
    await add("private.json", ...anchor, "--sender", "unseen");
    await add("private.json", ...anchor, "--sender", "partner", "--certificate", file("client.pem"));
    const { routes } = read("private.json");
    expect(routes["/hooks/unseen"].mode).toBe("observe");
    expect(routes["/hooks/partner"].mode).toBe("enforce");
  });
});
