// Sends the challenges of senders to the deployed edge and to an origin without an edge. Compares each answer octet by octet.

import { createHash, createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HandshakeSchemeName } from "../../../core/handshake/schemes.ts";
import { HOST } from "../../support/senders.ts";
import { SIGNED_SENDERS } from "../../support/signed-senders.ts";
import { HANDSHAKE_SECRETS, type Sent, startPlaces } from "./world.ts";

const stack = new AsyncDisposableStack();
let places: Awaited<ReturnType<typeof startPlaces>>;

beforeAll(async () => {
  places = await startPlaces(stack);
});
afterAll(() => stack.disposeAsync());

const signed = (scheme: string, body: string) => ({
  body,
  headers: SIGNED_SENDERS[scheme]?.sign(Buffer.from(body)) ?? [],
});
const json = (value: unknown) => JSON.stringify(value);
const hmac = (key: string, text: string) => createHmac("sha256", key).update(text);

interface AnsweredCase {
  readonly name: string;
  readonly scheme: HandshakeSchemeName;
  readonly sent: Sent;
  readonly type?: string;
  readonly body?: string;
  readonly status?: number;
  /** Headers that only the answer of this handshake has. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly factors?: readonly string[];
}

const GRAPH_TOKEN = "Validation: Testing client application reachability for subscription Request-Id: 1f8ca2e8-0b1c";
const ASANA_KEY = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";
const SLACK_CHALLENGE = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
const ZOOM = json({ event: "endpoint.url_validation", payload: { plainToken: "qgg8vlvZRS6UYooatFL8Aw" }, event_ts: 1 });
const META = new URLSearchParams({
  "hub.mode": "subscribe",
  "hub.verify_token": HANDSHAKE_SECRETS.META_VERIFY_TOKEN,
  "hub.challenge": "1158201444",
});
const GRID = [
  {
    id: "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    topic: "/subscriptions/00000000",
    subject: "",
    data: { validationCode: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" },
    eventType: "Microsoft.EventGrid.SubscriptionValidationEvent",
    eventTime: "2026-11-30T22:12:19.4556811Z",
    metadataVersion: "1",
    dataVersion: "1",
  },
];
const zoomAnswer = json({
  plainToken: "qgg8vlvZRS6UYooatFL8Aw",
  encryptedToken: hmac(HANDSHAKE_SECRETS.ZOOM_SECRET, "qgg8vlvZRS6UYooatFL8Aw").digest("hex"),
});

const TEXT = { type: "text/plain" };
const JSON_TYPE = { type: "application/json" };

const ANSWERED: readonly AnsweredCase[] = [
  { name: "Meta", scheme: "meta", sent: { target: `/meta?${META}`, method: "GET" }, ...TEXT, body: "1158201444" },
  {
    name: "Slack",
    scheme: "slack",
    sent: {
      target: "/slack",
      ...signed("slack", json({ token: "Jhj5dZ", challenge: SLACK_CHALLENGE, type: "url_verification" })),
    },
    ...TEXT,
    body: SLACK_CHALLENGE,
    factors: ["hmac"],
  },
  {
    name: "Zoom without a signature",
    scheme: "zoom",
    sent: { target: "/zoom", body: ZOOM },
    ...JSON_TYPE,
    body: zoomAnswer,
  },
  {
    name: "Zoom with a timestamp, without a signature",
    scheme: "zoom",
    sent: { target: "/zoom", body: ZOOM, headers: [["x-zm-request-timestamp", "1700000000"]] },
    ...JSON_TYPE,
    body: zoomAnswer,
  },
  {
    name: "Zoom with a signature",
    scheme: "zoom",
    sent: { target: "/zoom", ...signed("zoom", ZOOM) },
    ...JSON_TYPE,
    body: zoomAnswer,
    factors: ["hmac"],
  },
  {
    name: "Microsoft Graph",
    scheme: "microsoft-graph",
    sent: {
      target: `/graph?${new URLSearchParams({ validationToken: GRAPH_TOKEN })}`,
      headers: [["Content-Type", "text/plain; charset=utf-8"]],
      isCertified: true,
    },
    ...TEXT,
    body: GRAPH_TOKEN,
    factors: ["mtls"],
  },
  {
    name: "Azure Event Grid",
    scheme: "event-grid",
    sent: {
      target: "/grid",
      headers: [["aeg-event-type", "SubscriptionValidation"]],
      body: json(GRID),
      isCertified: true,
    },
    ...JSON_TYPE,
    body: json({ validationResponse: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" }),
    factors: ["mtls"],
  },
  {
    name: "CloudEvents",
    scheme: "cloudevents",
    sent: {
      target: "/cloudevents",
      method: "OPTIONS",
      headers: [["WebHook-Request-Origin", "eventgrid.azure.net"]],
      isCertified: true,
    },
    body: "",
    headers: { "webhook-allowed-origin": "eventgrid.azure.net", "webhook-allowed-rate": "*", allow: "POST" },
    factors: ["mtls"],
  },
  {
    name: "Okta",
    scheme: "okta",
    sent: { target: "/okta", method: "GET", headers: [["X-Okta-Verification-Challenge", "Y4bJPV5tGq-a_1"]] },
    ...JSON_TYPE,
    body: json({ verification: "Y4bJPV5tGq-a_1" }),
  },
  {
    name: "Dropbox",
    scheme: "dropbox",
    sent: { target: "/dropbox?challenge=abc-123_X", method: "GET" },
    ...TEXT,
    body: "abc-123_X",
  },
  {
    name: "Dropbox, with all factors but the signature",
    scheme: "dropbox",
    sent: {
      target: "/guarded?challenge=abc",
      method: "GET",
      isCertified: true,
      headers: [
        [
          "Authorization",
          `Basic ${Buffer.from(`docusign:${HANDSHAKE_SECRETS.DOCUSIGN_BASIC_PASSWORD}`).toString("base64")}`,
        ],
      ],
    },
    ...TEXT,
    body: "abc",
    factors: ["mtls", "basic"],
  },
  {
    name: "Adobe I/O",
    scheme: "adobe-io",
    sent: { target: "/adobe?challenge=8ec8d794-e0ab-42df-9017-e3dada8e84f7", method: "GET" },
    ...TEXT,
    body: "8ec8d794-e0ab-42df-9017-e3dada8e84f7",
  },
  {
    name: "Adobe Acrobat Sign",
    scheme: "acrobat-sign",
    sent: { target: "/acrobat", method: "GET", headers: [["X-AdobeSign-ClientId", HANDSHAKE_SECRETS.CLIENT_ID]] },
    body: "",
    headers: { "x-adobesign-clientid": HANDSHAKE_SECRETS.CLIENT_ID },
  },
  {
    name: "X",
    scheme: "x",
    sent: { target: "/x?crc_token=NzQwNjk0MTktNzk0Mi00&nonce=1", method: "GET" },
    ...JSON_TYPE,
    body: json({
      response_token: `sha256=${hmac(HANDSHAKE_SECRETS.X_SECRET, "NzQwNjk0MTktNzk0Mi00").digest("base64")}`,
    }),
  },
  {
    name: "Twitch",
    scheme: "twitch",
    sent: {
      target: "/twitch",
      ...signed("twitch", json({ challenge: SLACK_CHALLENGE, subscription: { id: "f1c2a387" } })),
    },
    ...TEXT,
    body: SLACK_CHALLENGE,
    factors: ["hmac"],
  },
  {
    name: "Discord, for interactions",
    scheme: "discord",
    sent: { target: "/discord", ...signed("discord", json({ application_id: "12345", id: "1", type: 1, version: 1 })) },
    ...JSON_TYPE,
    body: json({ type: 1 }),
    factors: ["ed25519"],
  },
  {
    name: "Discord, for events",
    scheme: "discord",
    sent: { target: "/discord", ...signed("discord", json({ version: 1, application_id: "12345", type: 0 })) },
    body: "",
    status: 204,
    factors: ["ed25519"],
  },
  {
    name: "eBay",
    scheme: "ebay",
    sent: { target: "/ebay?challenge_code=a8628072-3d33-45ee-9004-bee86830a22d", method: "GET" },
    ...JSON_TYPE,
    body: json({
      challengeResponse: createHash("sha256")
        .update("a8628072-3d33-45ee-9004-bee86830a22d")
        .update(HANDSHAKE_SECRETS.EBAY_TOKEN)
        .update(`https://${HOST}/ebay`)
        .digest("hex"),
    }),
  },
  {
    name: "monday.com",
    scheme: "monday",
    sent: { target: "/monday", body: json({ challenge: SLACK_CHALLENGE }), isCertified: true },
    ...JSON_TYPE,
    body: json({ challenge: SLACK_CHALLENGE }),
    factors: ["mtls"],
  },
  {
    name: "Smartsheet",
    scheme: "smartsheet",
    sent: {
      target: "/smartsheet",
      headers: [["Smartsheet-Hook-Challenge", "d78dd1d3-01ce-4481-81de-92b4f3aa5ab1"]],
      body: json({ challenge: "d78dd1d3-01ce-4481-81de-92b4f3aa5ab1", webhookId: 4503604829677444 }),
      isCertified: true,
    },
    body: "",
    headers: { "smartsheet-hook-response": "d78dd1d3-01ce-4481-81de-92b4f3aa5ab1" },
    factors: ["mtls"],
  },
  {
    name: "Asana",
    scheme: "asana",
    sent: { target: "/asana", headers: [["X-Hook-Secret", ASANA_KEY]] },
    body: "",
    headers: { "x-hook-secret": ASANA_KEY },
  },
];

describe.each(["edge", "listener"] as const)("%s", (name) => {
  test.each(ANSWERED)(
    "answers the challenge of $name",
    async ({ scheme, sent, type, body, status = 200, headers, factors = [] }) => {
      const before = places[name].stored();
      const { answer, line } = await places[name].send(sent);
      expect(answer.body.toString("latin1")).toBe(body ?? "");
      expect(answer.status).toBe(status);
      expect(answer.headers["content-type"]).toBe(type);
      expect(answer.headers).toMatchObject({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        ...headers,
      });
      expect(line).toMatchObject({ decision: "challenge", handshake: scheme, status, factors });
      // If the request passed no factor, the log line names the sender as `askedFor`, not as `sender`.
      const asked = /^\/(\w+)/.exec(sent.target)?.[1];
      const named = factors.length > 0 ? { sender: asked } : { askedFor: asked };
      expect({ sender: line["sender"], askedFor: line["askedFor"] }).toEqual({
        sender: undefined,
        askedFor: undefined,
        ...named,
      });
      expect(places[name].stored()).toBe(before);
    },
  );
});
