// Azure Event Grid, which presents no certificate and signs nothing. It can send a secret header with each event.

import type { Preset } from "./preset.ts";

export const eventGrid: Preset = {
  title: "Azure Event Grid (Event Grid schema)",
  sender: {
    token: { header: "X-Event-Grid-Token", secrets: ["EVENT_GRID_TOKEN"] },
    handshake: { scheme: "event-grid" },
    eventKey: { pointers: ["/0/id"] },
  },
  route: { methods: ["POST"], maxBodyBytes: 1_048_576 },
  anchors: {},
  secrets: { EVENT_GRID_TOKEN: "a long random text of yours, which is the value of the header" },
  behaviour: {
    handshake:
      "a POST with one event of the type Microsoft.EventGrid.SubscriptionValidationEvent; the answer is JSON with its validationCode as validationResponse",
    afterRefusal: {
      isFinal: true,
      hours: 24,
      attempts: 30,
      also: "400, 401, 403 and 413 are not retried: the event is dropped, or dead-lettered if you configured that",
    },
    deadlineSeconds: 30,
  },
  steps: [
    "In the delivery properties of the event subscription, add the header X-Event-Grid-Token as a static secret with this value.",
    "Configure a dead-letter destination, because Event Grid drops what is refused.",
  ],
  notes: [
    "The token is sent as it is with each event, and signs nothing. Event Grid can send a token of Microsoft Entra instead, which Countersign does not verify.",
    "Each request has an array of one event, unless you configure batches: then remove the event key. CloudEvents have another handshake and another place of the id.",
  ],
  sources: [
    "https://learn.microsoft.com/azure/event-grid/delivery-and-retry",
    "https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
    "https://learn.microsoft.com/azure/event-grid/delivery-properties",
  ],
  checked: "2026-11-30",
};
