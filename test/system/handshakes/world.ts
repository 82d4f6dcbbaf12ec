// Starts the programs that answer challenges: the deployed bundle of the edge, and an origin with its own TLS listener and without
// an edge.

import { publicJwk } from "../../../core/assertion/keys.ts";
import type { LogLine } from "../../../core/log-line.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { HeaderList, RawAnswer } from "../../support/http.ts";
import type { LogLines } from "../../support/log-lines.ts";
import { readEvents, startTestOrigin } from "../../support/origin.ts";
import { ACME, createSenders, HOST, type Senders } from "../../support/senders.ts";
import { SECRETS } from "../../support/signed-senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { NO_CERTIFICATE, tlsClientAuth } from "../../support/tls-client-auth.ts";
import { issueServers, startTlsOrigin } from "../../support/tls-origin.ts";
import { type DeployedEdge, startWorkerd } from "../../support/workerd.ts";

export const HANDSHAKE_SECRETS = {
  ...SECRETS,
  META_VERIFY_TOKEN: "a verify+token & more",
  CLIENT_ID: "CBJCHBCAABAAo8FZcAEmo",
  EBAY_TOKEN: "71745723-d031-455c-bfa5-f90d11b4f20a",
} as const;

export interface Sent {
  readonly target: string;
  readonly method?: string;
  readonly headers?: HeaderList;
  readonly body?: string;
  /** True if the sender presents the certificate of acme. */
  readonly isCertified?: boolean;
}

/** A program that answers challenges. */
export interface Place {
  readonly lines: LogLines;
  /** Sends one request. Resolves to the answer and to the log line of the request. */
  send(sent: Sent): Promise<{ readonly answer: RawAnswer; readonly line: LogLine }>;
  /** The number of events that are stored. */
  stored(): number;
}

/** Returns the time that is `seconds` from now, in the form that a policy has. */
const isoIn = (seconds: number) => `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z`;

/** Returns a policy with a sender for each handshake. Each sender has its own route, `/NAME`. Every route lists only POST. */
function policyOf({ policy: { anchors, senders } }: Senders): PolicyDocument {
  const acme = senders[ACME] as PolicyDocument["senders"][string];
  const github = { signature: { scheme: "github" as const, secrets: ["HUB_SECRET"] } };
  const named: PolicyDocument["senders"] = {
    meta: {
      ...acme,
      signature: { scheme: "meta", secrets: ["HUB_SECRET"] },
      handshake: { scheme: "meta", secret: "META_VERIFY_TOKEN" },
    },
    slack: { signature: { scheme: "slack", secrets: ["SLACK_SECRET"] }, handshake: { scheme: "slack" } },
    zoom: {
      signature: { scheme: "zoom", secrets: ["ZOOM_SECRET"] },
      handshake: { scheme: "zoom", secret: "ZOOM_SECRET" },
    },
    graph: { ...acme, handshake: { scheme: "microsoft-graph" } },
    grid: { ...acme, handshake: { scheme: "event-grid" } },
    cloudevents: { ...acme, handshake: { scheme: "cloudevents" } },
    okta: { ...github, handshake: { scheme: "okta" } },
    dropbox: { ...github, handshake: { scheme: "dropbox" } },
    adobe: { ...github, handshake: { scheme: "adobe-io" } },
    acrobat: { ...github, handshake: { scheme: "acrobat-sign", secret: "CLIENT_ID" } },
    x: { signature: { scheme: "x", secrets: ["X_SECRET"] }, handshake: { scheme: "x", secret: "X_SECRET" } },
    twitch: { signature: { scheme: "twitch", secrets: ["TWITCH_SECRET"] }, handshake: { scheme: "twitch" } },
    discord: { signature: { scheme: "discord", secrets: ["DISCORD_PUBLIC_KEY"] }, handshake: { scheme: "discord" } },
    ebay: { ...github, handshake: { scheme: "ebay", secret: "EBAY_TOKEN" } },
    monday: { ...acme, handshake: { scheme: "monday" } },
    smartsheet: { ...acme, handshake: { scheme: "smartsheet" } },
    asana: {
      signature: { scheme: "asana", secrets: ["HUB_SECRET"] },
      handshake: { scheme: "asana", until: isoIn(3600) },
    },
    "asana-closed": {
      signature: { scheme: "asana", secrets: ["HUB_SECRET"] },
      handshake: { scheme: "asana", until: isoIn(-1) },
    },
    plain: github,
    second: { signature: { scheme: "slack", secrets: ["SLACK_SECRET"] } },
    observed: {
      ...acme,
      signature: { scheme: "meta", secrets: ["HUB_SECRET"] },
      handshake: { scheme: "meta", secret: "META_VERIFY_TOKEN" },
    },
    guarded: {
      ...acme,
      ...github,
      basic: { username: "docusign", secret: "DOCUSIGN_BASIC_PASSWORD" },
      handshake: { scheme: "dropbox" },
    },
  };
  const routes = Object.keys(named).map((name) => [`/${name}`, { senders: [name], methods: ["POST"] }]);
  const observed = { senders: ["observed"], methods: ["POST"], mode: "observe" as const, shadow: ["plain", "dropbox"] };
  const beside = { senders: ["zoom", "plain"], methods: ["POST"] };
  return {
    anchors,
    senders: named,
    routes: { ...Object.fromEntries(routes), "/observed": observed, "/beside": beside },
  };
}

function withoutHandshakes(policy: PolicyDocument): PolicyDocument {
  const senders = Object.entries(policy.senders).map(([name, { handshake: _, ...sender }]) => [name, sender]);
  return { ...policy, senders: Object.fromEntries(senders) };
}

type PlaceName = "edge" | "listener" | "secretless" | "older";

/**
 * Starts an edge, an origin without an edge, an edge without the verify token of Meta, and an edge whose policy is older and has no
 * handshakes.
 */
export async function startPlaces(stack: AsyncDisposableStack): Promise<Record<PlaceName, Place>> {
  const senders = await createSenders();
  const policy = policyOf(senders);
  const key = await newSigningKey();
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const bindings = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  const { META_VERIFY_TOKEN: _, ...incomplete } = HANDSHAKE_SECRETS;
  const edges = await startWorkerd(stack, policy, {
    edge: { ...HANDSHAKE_SECRETS, ...bindings },
    secretless: { ...incomplete, ...bindings },
  });
  const { older } = await startWorkerd(stack, withoutHandshakes(policy), {
    older: { ...HANDSHAKE_SECRETS, ...bindings },
  });
  const servers = await issueServers(HOST);
  const listener = await startTlsOrigin(stack, { policy, servers, secrets: HANDSHAKE_SECRETS });
  const atEdge = (edge: DeployedEdge): Place => ({
    lines: edge.lines,
    stored: () => readEvents(origin.inboxFile).length,
    async send({ isCertified = false, ...sent }) {
      const start = edge.lines.all.length;
      const answer = await edge.send({ ...sent, tls: isCertified ? tlsClientAuth(senders.acme) : NO_CERTIFICATE });
      return { answer, line: await edge.lines.with({ method: sent.method ?? "POST" }, start) };
    },
  });
  return {
    edge: atEdge(edges.edge),
    secretless: atEdge(edges.secretless),
    older: atEdge(older),
    listener: {
      lines: listener.lines,
      stored: () => readEvents(listener.inboxFile).length,
      async send({ isCertified = false, body = "", ...sent }) {
        const start = listener.lines.all.length;
        const answer = await sendOnce(listener.at(HOST), isCertified ? senders.acme : undefined, { ...sent, body });
        return { answer, line: await listener.lines.with({ method: sent.method ?? "POST" }, start) };
      },
    },
  };
}
