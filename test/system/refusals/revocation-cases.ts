// Refusals because of revocation lists, at an edge that requires lists.

import { issueCertificate } from "../../../cli/dev/authority.ts";
import type { Problem, RefusalCode } from "../../../core/refusal.ts";
import { ACME, MARKER, subjectOf } from "../../support/senders.ts";
import { type TlsClientAuth, tlsClientAuth } from "../../support/tls-client-auth.ts";
import type { RefusalCase, World } from "./world.ts";

function listed(
  [code, status, problem]: readonly [RefusalCode, number, Problem],
  name: string,
  present: (world: World) => TlsClientAuth | Promise<TlsClientAuth>,
): RefusalCase {
  return {
    code,
    name,
    status,
    problem,
    async provoke(world) {
      const response = await world.listed.send({ tls: await present(world) });
      const body = Buffer.from(await response.arrayBuffer());
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
      return { answer, lines: world.listed.lines };
    },
  };
}

export const REVOCATION_CASES: readonly RefusalCase[] = [
  listed(["certificate_revoked", 403, "certificate-not-proven"], "a certificate that is on the list", ({ revoked }) =>
    tlsClientAuth(revoked),
  ),
  listed(["revocation_unknown", 503, "unavailable"], "a CA whose list nobody has", async ({ root }) => {
    const ca = await issueCertificate({ subject: subjectOf(`${MARKER} Unlisted`), ca: {} }, root);
    return tlsClientAuth(await issueCertificate({ subject: subjectOf(ACME) }, ca), [ca]);
  }),
];
