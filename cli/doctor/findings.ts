// The table of everything that `countersign doctor` can find. Each code has a severity, a problem and a remedy. The evidence comes
// from the check.

export type Severity = "error" | "warning";

/**
 * An error means that events are lost, or that a request is accepted which must be refused. A warning means that this may happen
 * later, or for some senders.
 */
export const FINDINGS = {
  host_unknown: ["error", "the host name does not resolve", "publish a DNS record for it, or correct the URL"],
  no_connection: ["error", "nothing answers at this address", "start the server, or open the port to the internet"],
  not_tls: [
    "error",
    "the port does not speak TLS",
    "give the HTTPS port, or configure a certificate for it, because a client certificate can be presented only over TLS",
  ],
  handshake_failed: [
    "error",
    "the TLS handshake fails",
    "read the server's log, because senders fail in the same way, and their logs say no more than this",
  ],
  server_chain_incomplete: [
    "error",
    "the server's certificate cannot be verified: an intermediate is missing, or its CA is not public",
    "put the intermediate certificates after the server's own certificate, in the order of the chain",
  ],
  server_chain_unordered: [
    "warning",
    "the certificates of the server's chain are not in order",
    "put each certificate before the one that issued it, because strict senders refuse another order (RFC 5246 §7.4.2)",
  ],
  server_ca_unknown: [
    "error",
    "the CA of the server's certificate is not among the public roots",
    "use a certificate of a public CA, because a sender verifies the server before it presents its own certificate; if the sender knows your CA, give the CA here with --ca",
  ],
  server_self_signed: [
    "error",
    "the server's certificate is signed by itself",
    "use a certificate of a public CA, because a sender verifies the server before it presents its own certificate",
  ],
  server_other_host: [
    "error",
    "the server's certificate is for another host",
    "issue a certificate whose subject alternative names contain the host that senders call",
  ],
  server_expired: ["error", "a certificate of the server has expired", "renew it, and see that the server reloads it"],
  server_not_yet_valid: [
    "error",
    "a certificate of the server is not valid yet",
    "use the certificate that is valid now, or correct the clock",
  ],
  server_ends_soon: [
    "warning",
    "a certificate of the server expires soon",
    "renew it, and see that the server reloads it",
  ],
  server_not_for_servers: [
    "error",
    "the server's certificate is not for servers",
    "issue a certificate with serverAuth in its extended key usage",
  ],
  server_not_verified: ["error", "the server's certificate cannot be verified", "use another certificate"],
  tls_1_2_missing: [
    "warning",
    "the server does not speak TLS 1.2",
    "accept TLS 1.2 and 1.3, because some senders, for example PagerDuty, offer only 1.2",
  ],
  tls_outdated: [
    "warning",
    "the server accepts a TLS version that is deprecated",
    "accept only TLS 1.2 and 1.3 (RFC 8996)",
  ],
  certificate_not_requested: [
    "error",
    "the server does not ask for a client certificate",
    "switch mutual TLS on for this host, because no sender presents a certificate without a request",
  ],
  ca_name_missing: [
    "error",
    "the server does not name the CA of a sender",
    "add this CA to those that the server names, because Docusign and others present no certificate to a server that does not name their CA",
  ],
  ca_names_empty: [
    "warning",
    "the server names no CA in its request",
    "name the CAs of your senders, because some senders present no certificate to a server that names no CA",
  ],
  signature_algorithms_missing: [
    "warning",
    "the server accepts no signature with SHA-256 of a common kind of key",
    "accept rsa_pss_rsae_sha256, rsa_pkcs1_sha256 and ecdsa_secp256r1_sha256",
  ],
  certificate_not_needed: [
    "error",
    "a request without a client certificate and without a signature is accepted",
    "refuse such a request, because anybody can post events",
  ],
  stranger_accepted: [
    "error",
    "a certificate that no known CA signed is accepted",
    "verify the certificate against the CA of the sender, because anybody can make a certificate like this one",
  ],
  given_refused: [
    "error",
    "the given certificate is refused",
    "if the sender also signs, give --sign too; otherwise run countersign explain with the same certificate, because it names the rule",
  ],
  host_not_served: [
    "error",
    "the server does not serve this host",
    "add the host to HOSTS of the edge, or to the names of the origin's certificate",
  ],
  route_not_found: [
    "error",
    "there is no route for this path",
    "add the path to the policy's routes, or correct the URL",
  ],
  method_refused: ["error", "the route does not accept POST", "add POST to the route's methods"],
  server_failing: [
    "error",
    "the server cannot take events",
    "read its log, where the line of this request names the cause",
  ],
  redirected: [
    "error",
    "the server redirects",
    "give the sender the final URL, because a sender does not follow a redirect, or loses the body on the way",
  ],
  other_server: [
    "warning",
    "it is not Countersign that answers",
    "find out which server or firewall answers in front of it, because its refusal is in no log of Countersign",
  ],
  plain_http_accepted: [
    "error",
    "an event is accepted over plain HTTP",
    "close port 80 for this path, because nobody presents a certificate there",
  ],
  plain_http_redirects: [
    "warning",
    "plain HTTP is redirected",
    "refuse POST there instead, because a sender with an http:// URL sends its event in clear text before it is redirected",
  ],
  other_host_accepted: [
    "error",
    "the server answers for a host that is not its own",
    "refuse other hosts, because client certificates are switched on for each host separately, and another name bypasses this",
  ],
  dotted_host_accepted: [
    "error",
    "a request for the host with a dot at the end is accepted without a certificate",
    "refuse this form, because settings for each host, such as client certificates, need not apply to it",
  ],
  other_name_served: [
    "warning",
    "the server completes a handshake for a name that it does not have",
    "refuse it, because if several hosts share a server, the client certificate settings of one host must not apply to another",
  ],
  also_answers: [
    "error",
    "another address reaches the same code",
    "close it: workers_dev = false, preview_urls = false, no route on a host without mutual TLS",
  ],
  origin_open: [
    "error",
    "the origin accepts a request that no edge has signed",
    "verify the assertion at the origin before any handler runs",
  ],
  keys_unreachable: [
    "error",
    "the published keys cannot be fetched",
    "serve the JWK Set there, because without it the origin refuses all events",
  ],
  keys_malformed: [
    "error",
    "the published document is no JWK Set of public ES256 keys",
    "publish the output of countersign keys jwks",
  ],
  keys_private: [
    "error",
    "private keys are published",
    "remove them at once, make new keys (countersign keys new), and deploy edge and origin, because whoever read the keys can sign as the edge",
  ],
  keys_disjoint: [
    "error",
    "the origin knows none of the published keys",
    "give the origin the published set, which countersign keys jwks prints",
  ],
  clock_skew: [
    "warning",
    "the server's clock and the clock here differ",
    "synchronise both (NTP), because assertions and signatures contain times",
  ],
  ended: ["error", "something has expired, so that events are refused", "countersign policy expiring says more"],
  ends_soon: [
    "warning",
    "something expires soon, and events are refused from then on",
    "countersign policy expiring says more",
  ],
  handshake_secret_shared: [
    "error",
    "the secret of a handshake has the value of another secret",
    "give the handshake a secret of its own, because the sender may send it in clear, or ask for a signature with it",
  ],
  policy_drift: [
    "warning",
    "edge and origin have different policies",
    "deploy the same policy to both, because an event has to pass both",
  ],
  workers_dev_open: [
    "error",
    "the Worker answers on workers.dev, where nobody is asked for a certificate",
    "set workers_dev = false, because otherwise the next deploy may switch it on again",
  ],
  preview_urls_open: [
    "error",
    "versions of the Worker have preview URLs, where nobody is asked for a certificate",
    "set preview_urls = false, because workers_dev alone does not switch them off",
  ],
  previews_enabled: [
    "error",
    "a route has previews on hosts of their own, where nobody is asked for a certificate",
    "remove previews_enabled from the route",
  ],
  previews_configured: [
    "warning",
    "the file configures Worker Previews, which have public hosts, where nobody is asked for a certificate",
    "remove the member previews, and give no preview the signing keys",
  ],
  host_without_route: ["warning", "no route leads to a host of HOSTS", "add a route for it, or remove it from HOSTS"],
  route_without_host: [
    "error",
    "a route is on a host that is not in HOSTS, so that each of its requests is refused",
    "add the host to HOSTS, or remove the route",
  ],
  path_without_route: [
    "error",
    "no route leads to a path of the policy, so that its events reach the server behind the Worker",
    "add a route that covers the path",
  ],
  zone_route: [
    "warning",
    "a route lies before a server of the zone, which gets the request when the Worker is bypassed",
    "use a custom domain (custom_domain = true), because it has no other server behind it",
  ],
  fetch_not_public: [
    "warning",
    "a fetch of the Worker to a host of its own zone skips the firewall and other Workers",
    'add "global_fetch_strictly_public" to compatibility_flags',
  ],
  invocation_logs_kept: [
    "warning",
    "invocation logs are kept, and they contain request headers, which may contain tokens",
    "set observability.logs.invocation_logs = false",
  ],
  vars_wrong: [
    "error",
    "a variable of the Worker is missing or wrong",
    "correct vars, because the Worker refuses requests until they are complete",
  ],
  secret_in_clear: [
    "error",
    "a secret stands in the file in clear",
    "make a new one, and set it with npx wrangler secret put",
  ],
  secret_not_required: [
    "warning",
    "a secret that the Worker needs is not in secrets.required",
    "add it there, because then no deployment goes through without it",
  ],
  binding_missing: [
    "error",
    "a binding that the policy needs is missing",
    "add it: wrangler.toml of Countersign has each of them as a comment",
  ],
  queue_unconsumed: [
    "error",
    "events of the queue are lost, or reach no origin",
    "add the consumer: wrangler.toml of Countersign has both of them as a comment",
  ],
  cron_missing: [
    "warning",
    "the Worker has no cron trigger, so it fetches no revocation lists and does not report what expires",
    'add crons = ["17 * * * *"] to triggers',
  ],
} as const satisfies Readonly<Record<string, readonly [Severity, string, string]>>;

export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly problem: string;
  /** The observation of the check. It may contain text from the server, so it is escaped when it is printed. */
  readonly evidence: string;
  readonly remedy: string;
}

export function found(code: FindingCode, evidence: string): Finding {
  const [severity, problem, remedy] = FINDINGS[code];
  return { code, severity, problem, evidence, remedy };
}

/** The result of one check: its observations, what is wrong, or why the check was not made. */
export interface CheckReport {
  readonly check: string;
  readonly seen: readonly string[];
  readonly findings: readonly Finding[];
  readonly notChecked?: string;
}
