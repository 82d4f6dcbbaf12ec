// Sends tokens in headers from the sender to the inbox: through the deployed bundle, and to an origin without an edge.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicJwk } from "../../core/assertion/keys.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { HeaderList, RawAnswer } from "../support/http.ts";
import type { LogLines } from "../support/log-lines.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../support/origin.ts";
import { ACME, createSenders, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { TlsSender } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const SECRETS = {
  GITLAB_TOKEN: "quillon-token-of-gitlab",
  GITLAB_TOKEN_OLD: "quillon-old-token-of-gitlab",
  WORKFRONT_TOKEN: "quillon-token-of-workfront",
} as const;
const GITLAB: HeaderList[number] = ["X-Gitlab-Token", SECRETS.GITLAB_TOKEN];
const WORKFRONT: HeaderList[number] = ["Authorization", `Bearer ${SECRETS.WORKFRONT_TOKEN}`];

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestOrigin;
let direct: TestTlsOrigin;
let edges: Record<"complete" | "secretless", DeployedEdge>;

function tokenPolicy({ anchors, senders: known }: PolicyDocument): PolicyDocument {
  return {
    anchors,
    senders: {
      gitlab: { token: { header: "X-Gitlab-Token", secrets: ["GITLAB_TOKEN", "GITLAB_TOKEN_OLD"] } },
      workfront: { ...known[ACME], token: { header: "Authorization", secrets: ["WORKFRONT_TOKEN"] } },
    },
    routes: {
      "/hooks/gitlab": { senders: ["gitlab"], methods: ["POST"], headers: ["X-Gitlab-Event"] },
      "/hooks/workfront": { senders: ["workfront"], methods: ["POST"] },
    },
  };
}

beforeAll(async () => {
  senders = await createSenders();
  const policy = tokenPolicy(senders.policy);
  const key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)], secrets: SECRETS });
  direct = await startTlsOrigin(stack, { policy, secrets: SECRETS });
  const { GITLAB_TOKEN_OLD: _, ...incomplete } = SECRETS;
  const shared = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  edges = await startWorkerd(stack, policy, {
    complete: { ...SECRETS, ...shared },
    secretless: { ...incomplete, ...shared },
  });
});
afterAll(() => stack.disposeAsync());

const BODY = '{"object_kind":"push"}';

interface Way {
  send(target: string, headers: HeaderList): Promise<RawAnswer>;
  lines(): LogLines;
  inboxFile(): string;
  relies: boolean;
}

const ways: Readonly<Record<string, Way>> = {
  "the deployed edge": {
    send: (target, headers) =>
      edges.complete.send({
        target,
        headers,
        body: BODY,
        tls: target === "/hooks/workfront" ? tlsClientAuth(senders.acme) : null,
      }),
    lines: () => edges.complete.lines,
    inboxFile: () => origin.inboxFile,
    relies: true,
  },
  "an origin without an edge": {
    send: async (target, headers) => {
      const sender = new TlsSender(direct.at(A), target === "/hooks/workfront" ? senders.acme : undefined);
      try {
        return await sender.send({ target, headers, body: BODY });
      } finally {
        sender.close();
      }
    },
    lines: () => direct.lines,
    inboxFile: () => direct.inboxFile,
    relies: false,
  },
};

describe.each(Object.entries(ways))("at %s", (_, way) => {
  const accept = async (target: string, headers: HeaderList) => {
    const answer = await way.send(target, headers);
    expect([answer.status, answer.body.toString()]).toEqual([202, expect.stringContaining("event")]);
    const { event: id } = JSON.parse(answer.body.toString());
    const stored = readEvents(way.inboxFile()).find((event) => event["id"] === id);
    return { line: await way.lines().of(id), stored };
  };
  const refuse = async (target: string, headers: HeaderList) => {
    const { status, headers: answered, body } = await way.send(target, headers);
    const { decision, code } = JSON.parse(body.toString());
    expect([status, code]).toEqual([401, "credentials-required"]);
    const line = await way.lines().of(decision);
    return [line["code"], answered["www-authenticate"]];
  };

  test.each([SECRETS.GITLAB_TOKEN, SECRETS.GITLAB_TOKEN_OLD])("each token of a rotation admits", async (token) => {
    const { line, stored } = await accept("/hooks/gitlab", [
      ["X-Gitlab-Token", token],
      ["X-Gitlab-Event", "Push Hook"],
    ]);
    expect(line).toMatchObject({ sender: "gitlab", factors: ["token"] });
    expect(JSON.parse(String(stored?.["factors"]))).toEqual(["token"]);
    expect(JSON.parse(String(stored?.["relied_on_edge"]))).toEqual(way.relies ? ["token"] : []);
    expect(String(stored?.["headers"])).toContain("x-gitlab-event");
    expect(String(stored?.["headers"])).not.toContain("x-gitlab-token");
  });

  test("a Bearer token is required beside the certificate", async () => {
    const { line, stored } = await accept("/hooks/workfront", [WORKFRONT]);
    expect(line).toMatchObject({ sender: "workfront", factors: ["mtls", "token"] });
    expect(String(stored?.["headers"])).not.toContain("authorization");
    expect(await refuse("/hooks/workfront", [])).toEqual(["token_missing", 'Bearer realm="webhooks"']);
  });

  test.each<[code: string, name: string, headers: HeaderList]>([
    ["token_missing", "no header", []],
    ["token_missing", "another header", [["X-Token", SECRETS.GITLAB_TOKEN]]],
    ["token_malformed", "an empty header", [["X-Gitlab-Token", ""]]],
    ["token_malformed", "two lines with the right token", [GITLAB, GITLAB]],
    ["token_malformed", "a second line that is empty", [GITLAB, ["X-Gitlab-Token", ""]]],
    ["token_malformed", "a scheme before the token", [["X-Gitlab-Token", `Bearer ${SECRETS.GITLAB_TOKEN}`]]],
    ["token_mismatch", "another token", [["X-Gitlab-Token", "a-guess-of-the-token"]]],
    ["token_mismatch", "another sender's token", [["X-Gitlab-Token", SECRETS.WORKFRONT_TOKEN]]],
    ["token_mismatch", "a token that is cut", [["X-Gitlab-Token", SECRETS.GITLAB_TOKEN.slice(0, -1)]]],
  ])("%s: %s", async (code, _name, headers) => {
    expect(await refuse("/hooks/gitlab", headers)).toEqual([code, "Countersign"]);
  });

  test.each<[code: string, value: string]>([
    ["token_malformed", `Basic ${Buffer.from("a:b").toString("base64")}`],
    ["token_malformed", SECRETS.WORKFRONT_TOKEN],
    ["token_mismatch", `Bearer ${SECRETS.GITLAB_TOKEN}`],
  ])("%s: in Authorization", async (code, value) => {
    expect(await refuse("/hooks/workfront", [["Authorization", value]])).toEqual([code, 'Bearer realm="webhooks"']);
  });

  test("no token is in the log or in the inbox", () => {
    const kept = JSON.stringify(way.lines().all) + readFileSync(way.inboxFile(), "latin1");
    expect(kept).toContain("gitlab");
    for (const secret of [...Object.values(SECRETS), "a-guess-of-the-token"]) expect(kept).not.toContain(secret);
  });
});

test("an edge that lacks one of the tokens refuses on its route, and on no other", async () => {
  const send = (target: string, headers: HeaderList, tls: ReturnType<typeof tlsClientAuth> | null) =>
    edges.secretless.send({ target, headers, body: BODY, tls });
  const answer = await send("/hooks/gitlab", [GITLAB], null);
  expect(answer.status).toBe(500);
  const line = await edges.secretless.lines.of(JSON.parse(answer.body.toString()).decision);
  expect(line).toMatchObject({
    code: "misconfigured",
    problems: ["/senders/gitlab/token: the secret GITLAB_TOKEN_OLD is not set"],
  });
  expect((await send("/hooks/workfront", [WORKFRONT], tlsClientAuth(senders.acme))).status).toBe(202);
});
