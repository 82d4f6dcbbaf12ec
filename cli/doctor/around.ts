// Checks ways to bypass the certificate check: plain HTTP, other host names, other addresses, the origin behind the edge.

import { type CheckReport, type Finding, type FindingCode, found } from "./findings.ts";
import { ask, describeReply, isAccepted, isRedirect, type Reply, type Subject, serverNameOf } from "./subject.ts";

/** Names in this top-level domain never exist (RFC 6761). */
const OTHER_HOST = "countersign-doctor.invalid";

export async function checkPlainHttp({ url, options: { httpPort } }: Subject): Promise<CheckReport> {
  const check = "plain HTTP";
  const reply = await ask(`http://${url.hostname}:${httpPort}${url.pathname}${url.search}`);
  const evidence = `POST to port ${httpPort}: ${describeReply(reply)}`;
  const findings: Finding[] = [];
  if (isAccepted(reply)) findings.push(found("plain_http_accepted", evidence));
  else if (isRedirect(reply))
    findings.push(found("plain_http_redirects", `${evidence} to ${reply.location ?? "nowhere"}`));
  return { check, seen: [evidence], findings };
}

/**
 * Sends requests for other hosts. The first has a nonexistent host in the header `Host`. Another has the host of the URL with a dot
 * at the end. The last has the nonexistent host as the server name in the handshake.
 */
export async function checkOtherHosts(subject: Subject, own: Reply): Promise<CheckReport> {
  const { url } = subject;
  const serverName = serverNameOf(subject);
  const dotted = `${url.hostname}.${url.port === "" ? "" : `:${url.port}`}`;
  const attempts: readonly (readonly [FindingCode, string, string, string])[] = [
    ["other_host_accepted", `Host: ${OTHER_HOST}`, OTHER_HOST, serverName],
    // An IP address has no name for the handshake, and no form with a dot at the end.
    ...(serverName === ""
      ? []
      : ([
          ["dotted_host_accepted", `Host: ${dotted}`, dotted, serverName],
          ["other_name_served", `server name ${OTHER_HOST} in the handshake`, url.host, OTHER_HOST],
        ] as const)),
  ];
  const seen: string[] = [];
  const findings: Finding[] = [];
  for (const [code, what, host, name] of attempts) {
    const reply = await ask(url.href, { headers: { host }, serverName: name });
    const line = `${what}: ${describeReply(reply)}`;
    seen.push(line);
    // With the dot, the host is still the host of the URL. So the same refusal as without the dot is correct.
    const isServed = code !== "dotted_host_accepted" && isSameRefusal(reply, own);
    if (isAccepted(reply) || isServed) findings.push(found(code, line));
  }
  return { check: "other host names", seen, findings };
}

/**
 * Returns true if the server refused this request at the same step as a request for the host of the URL, and not because of the
 * host. Returns false for a response that is not a refusal by Countersign, because a different server sent it.
 */
function isSameRefusal({ problem }: Reply, own: Reply): boolean {
  return problem !== undefined && problem !== "unknown-host" && problem === own.problem;
}

/** Checks addresses such as `NAME.workers.dev`, on which no certificate is requested. */
export async function checkAlso({ options: { also } }: Subject): Promise<CheckReport> {
  const check = "other addresses";
  if (also.length === 0)
    return {
      check,
      seen: [],
      findings: [],
      notChecked: "give --also with each other URL of the Worker, such as that on workers.dev",
    };
  const replies = await Promise.all(also.map(async (url) => [url, await ask(url)] as const));
  const seen = replies.map(([url, reply]) => `POST ${url}: ${describeReply(reply)}`);
  const findings = replies.flatMap(([, reply], index) => {
    const isReached = isAccepted(reply) || (reply.problem !== undefined && reply.problem !== "unknown-host");
    return isReached ? [found("also_answers", seen[index] as string)] : [];
  });
  return { check, seen, findings };
}

/** Forged requests that a stranger could send to the origin if the stranger knows its address. */
const FORGERIES: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["without an assertion", {}],
  ["with an assertion that nobody signed", { "countersign-assertion": "eyJhbGciOiJub25lIn0.e30." }],
  ["with a certificate in a header", { "client-cert": ":MAA=:", "x-client-cert": "-----BEGIN CERTIFICATE-----" }],
];

export async function checkOrigin(subject: Subject): Promise<CheckReport> {
  const check = "origin around the edge";
  const { origin } = subject.options;
  if (origin === undefined) return { check, seen: [], findings: [], notChecked: "give --origin with the origin's URL" };
  const target = new URL(subject.url.pathname + subject.url.search, origin).href;
  const replies = await Promise.all(
    FORGERIES.map(async ([what, headers]) => [what, await ask(target, { headers })] as const),
  );
  const seen = replies.map(([what, reply]) => `POST ${target} ${what}: ${describeReply(reply)}`);
  const findings = replies.flatMap(([, reply], index) =>
    isAccepted(reply) ? [found("origin_open", seen[index] as string)] : [],
  );
  return { check, seen, findings: findings.slice(0, 1) };
}
