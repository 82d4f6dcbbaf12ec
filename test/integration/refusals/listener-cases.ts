// Refusals of the origin's own TLS listener: a sender's connection that was made before a reload.

import { issueCertificate } from "../../../cli/authority.ts";
import { ACME, MARKER, subjectOf } from "../../support/senders.ts";
import { TlsSender } from "../../support/tls-client.ts";
import { A, startTlsOrigin } from "../../support/tls-origin.ts";
import type { RefusalCase } from "./world.ts";

export const LISTENER_CASES: readonly RefusalCase[] = [
  {
    code: "listener_disagrees",
    name: "a connection that was made before its CA became an anchor",
    status: 403,
    problem: "certificate-not-proven",
    async provoke({ policy }) {
      await using stack = new AsyncDisposableStack();
      const root = await issueCertificate({ subject: subjectOf(`${MARKER} New Root`), ca: {} });
      const client = await issueCertificate({ subject: subjectOf(ACME) }, root);
      const origin = await startTlsOrigin(stack, { policy });
      const sender = new TlsSender(origin.at(A), client);
      stack.defer(() => sender.close());
      const before = await sender.send();
      if (before.status !== 403) throw new Error(`the stranger was answered with ${before.status}`);
      origin.reload({
        ...policy,
        anchors: Object.fromEntries(Object.keys(policy.anchors).map((name) => [name, root.pem])),
      });
      const answer = await sender.send();
      if (!answer.isKeptAlive) throw new Error("the connection was not kept alive");
      return { answer, lines: origin.lines };
    },
  },
];
