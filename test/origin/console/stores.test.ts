// Tests the console with each store. Every page can be made, even if the inbox is empty.

import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { createConsole } from "../../../origin/console/index.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";
import { ACME, createSenders } from "../../support/senders.ts";

const PAGES = [
  "/",
  "/events",
  "/events?state=waiting&sender=Quillon-acme&route=/hooks/*&text=o&since=1h&conflict=1",
  "/events?state=dead",
  "/events/one",
  "/events/one/body",
  "/refusals?code=no_certificate&sender=x&route=y&since=1h",
  "/refusals/1",
  "/senders",
  "/actions/retry",
  "/actions/run?text=one",
];

describeOnStores("the console", (given) => {
  test("makes every page, and finds what is stored", async () => {
    const senders = await createSenders();
    const inbox = await openTestInbox(given.stack, given.location);
    const policy = compilePolicy(senders.policy);
    const app = createConsole({ inbox, policy, hosts: ["console"], visitor: () => ({ role: "operator" }), log() {} });
    const statuses = async () => {
      const found: Record<string, number> = {};
      for (const path of PAGES) found[path] = (await app.request(`http://console${path}`)).status;
      return found;
    };
    const missing = ["/events/one", "/events/one/body", "/refusals/1"];
    const expected = (isThere: boolean) =>
      Object.fromEntries(PAGES.map((path) => [path, isThere || !missing.includes(path) ? 200 : 404]));
    expect(await statuses()).toEqual(expected(false));
    const delivery = deliveryOf({ id: "one", sender: ACME, identity: senders.acme, eventKey: '["key"]' });
    await inbox.accept(delivery, { issuer: "direct", jti: "one", expires: 0 });
    const certificate = { sha256: hash("sha256", "x"), der: senders.acme.base64, intermediates: [] };
    const line = { decision: "refused", code: "no_certificate" } as const;
    const facts = { id: "a", code: line.code, route: "", sender: "", peer: "::1", method: "POST", target: "/" };
    const refused = [{ ...facts, at: Date.now(), line, certificate }];
    await inbox.refusals.add({ refused, counts: [] }, { refusals: 10, bytes: 100_000, certificateBytes: 100_000 });
    expect(await statuses()).toEqual(expected(true));
    const body = await app.request("http://console/events/one/body");
    expect(await body.text()).toBe('{"event":"one"}');
  });
});
