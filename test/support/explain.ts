// Explains requests in this process. A test passes the policy document and the certificates as arguments.

import { loadCrls } from "../../cli/explain/crls.ts";
import { type Explanation, explain } from "../../cli/explain/explanation.ts";
import { type AskOpenssl, askOpenssl, type OpensslVerdict } from "../../cli/explain/openssl.ts";
import { readAvailableSecrets } from "../../core/admission/secrets.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { Chain } from "../../origin/explain/question.ts";

export interface Asked {
  readonly policy: PolicyDocument;
  readonly chain?: Chain | undefined;
  readonly route: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly platform?: string;
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * Runs `openssl` only once for all questions that differ only in the time, because a run is slow. This is possible because every
 * question is about the present, and the verdict does not change while the tests run.
 */
function remember(ask: AskOpenssl): AskOpenssl {
  const verdicts = new Map<string, Promise<OpensslVerdict>>();
  return (question) => {
    const { at: _, ...timeless } = question;
    const key = JSON.stringify(timeless);
    const verdict = verdicts.get(key) ?? ask(question);
    verdicts.set(key, verdict);
    return verdict;
  };
}

const remembering = remember(askOpenssl);

export async function explainHere(asked: Asked): Promise<Explanation> {
  const { policy: document, chain, route, method = "POST", headers = {}, body, secrets = {} } = asked;
  const policy = compilePolicy(document);
  const at = Math.floor(Date.now() / 1000);
  return await explain({
    document,
    policy,
    chain,
    request: {
      method,
      url: `https://host.invalid${route}`,
      headers: new Headers(headers),
      body: body === undefined ? undefined : new TextEncoder().encode(body),
    },
    at,
    unknown: {},
    passedBefore: undefined,
    platform: asked.platform,
    lists: await loadCrls(policy, { policyFile: "policy.json", directory: "none", isFetching: false, at }),
    available: readAvailableSecrets(policy, (name) => secrets[name]),
    askOpenssl: remembering,
  });
}
