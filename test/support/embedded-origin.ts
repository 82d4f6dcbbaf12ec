// A user's own worker that runs behind the edge. This worker uses `authenticate` on workerd. It keeps the ids of accepted
// assertions in memory, to refuse replays.

import { Hono } from "hono";
import { formatLogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { Refusal } from "../../core/refusal.ts";
import { type AuthenticatedEnv, authenticate } from "../../origin/authenticate.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";

export interface EmbeddedOriginBindings {
  readonly POLICY: unknown;
  readonly JWKS: unknown;
  readonly ISSUER: string;
  readonly AUDIENCE: string;
}

const accepted = new Set<string>();
let handled = 0;

export default {
  async fetch(request: Request, { POLICY, JWKS, ISSUER, AUDIENCE }: EmbeddedOriginBindings): Promise<Response> {
    const guard = authenticate({
      servesEveryRoute: true,
      policy: compilePolicy(POLICY),
      findKey: await pinnedKeys(JWKS),
      issuer: ISSUER,
      audience: AUDIENCE,
      accept(_, { issuer, jti }) {
        const id = `${issuer} ${jti}`;
        if (accepted.has(id)) throw new Refusal("replayed");
        accepted.add(id);
      },
      log: (line) => console.log(formatLogLine(line)),
    });
    const app = new Hono<AuthenticatedEnv>();
    app.get("/handled", (c) => c.json({ handled, accepted: accepted.size }));
    app.post("/hooks/*", guard, (c) => {
      handled += 1;
      const { sender, certificate, body, request: facts } = c.var.delivery;
      return c.json({
        sender,
        subject: certificate?.subject,
        body: new TextDecoder().decode(body),
        target: facts.target,
      });
    });
    return app.fetch(request);
  },
};
