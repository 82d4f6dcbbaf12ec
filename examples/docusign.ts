// A handler for Docusign Connect (JSON, "eventData": restv2.1). It is called for every stored event. Set it up so:
//
//   countersign policy add --policy docusign.json --preset docusign          (says what to switch on at Docusign)
//   DOCUSIGN_HMAC_KEY=… countersign origin --tls --certificate server.pem --key server.key \
//       --client-certificates request --policy docusign.json --handler docusign.ts
//   countersign policy add --policy docusign.json --sender docusign --certificate docusign.pem \
//       --route /hooks/docusign --mode enforce                               (after you have compared it: docs/senders/docusign.md)

import { type Handler, PermanentFailure } from "countersign";

/** The members that this handler reads. Docusign also sends other objects on this channel: templates have no envelopeId. */
interface ConnectEvent {
  readonly event: string;
  readonly data: { readonly accountId: string; readonly envelopeId?: string };
}

const handler: Handler = ({ body, eventKey }, { id }) => {
  const { event, data } = readEvent(body);
  if (event !== "envelope-completed" || data.envelopeId === undefined) return;
  // Put your own code here, for a signed envelope. Your code must act only once for each `eventKey ?? id`. The body of a retry by
  // Docusign differs from the first body, because it says how often the event was sent. Therefore, a retry is stored as a separate
  // event, with the same key and a different id.
  console.log(JSON.stringify({ completed: data.envelopeId, account: data.accountId, id, eventKey }));
};

function readEvent(body: Uint8Array): ConnectEvent {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as ConnectEvent;
  } catch {
    throw new PermanentFailure("the body is no JSON: choose JSON, not XML, in the Connect configuration");
  }
}

export default handler;
