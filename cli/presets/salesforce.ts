// Salesforce's outbound messages, in SOAP. Salesforce counts a message as delivered only if the answer is `ACKNOWLEDGEMENT`.

import type { Preset } from "./preset.ts";

const ACKNOWLEDGEMENT =
  '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>';

export const salesforce: Preset = {
  title: "Salesforce outbound messages",
  sender: { certificates: [], trust: { anchors: [] } },
  route: {
    methods: ["POST"],
    maxBodyBytes: 1_048_576,
    mode: "observe",
    answer: { status: 200, type: "text/xml", body: ACKNOWLEDGEMENT },
  },
  anchors: {},
  secrets: {},
  behaviour: {
    handshake: "none",
    afterRefusal: { isFinal: false, hours: 24, also: "any answer that is not the acknowledgement is a failure" },
  },
  steps: [
    "Choose the client certificate in the settings of your organization, and give its CA as --anchor NAME=FILE and the certificate as --certificate FILE. A self-signed certificate has no CA: use one that a CA of yours signed.",
    "Compare OrganizationId in the message with your own in your handler. The body is XML, so Countersign does not compare it.",
  ],
  notes: [
    "The subject of Salesforce's own certificate is not known to us. In 2012 it was proxy.salesforce.com. So no certificate is accepted yet.",
    "There is no signature. Each notification in a message has an Id, which a retry repeats: let your handler recognise it. Sizes and the deadline are not in the sources.",
  ],
  sources: [
    "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm",
    "https://www.skills.sh/hookdeck/webhook-skills/salesforce-webhooks",
  ],
  checked: "2026-11-29",
};
