// Says for each refusal who has to act, and what to do. docs/troubleshooting.md and the console show this advice. In contrast,
// core/refusal.ts says what each refusal means. This file is not part of the worker.

import type { Explanation } from "../core/log-words.ts";
import type { RefusalCode } from "../core/refusal.ts";

type Advice = readonly [who: Explanation["who"], what: string];

const RENEW = "Present a current certificate.";
const SUITABLE = "Get a certificate for TLS clients (extended key usage clientAuth, key usage digitalSignature).";
const CHAIN =
  "Present the whole chain: the certificate and its intermediates. If that is done, the operator compares the CAs of the chain with `/anchors`.";
const OTHER_CHAIN = "Get a certificate from a CA that follows RFC 5280. Otherwise the operator may add another anchor.";
const CLOCKS = "Set the clocks by NTP.";
const NOT_JSON = "Send JSON in UTF-8, with a Content-Type that says so.";
const ONE_READING = "Send JSON that every program reads in the same way.";
const OTHER_TENANT =
  "Compare the pointer in `body` or `token` with an event of this sender. It must lead to a string, in every element of an array.";
const SAME_POLICY = "Deploy the same policy to edge and origin.";
const BETWEEN =
  "Find what changes requests between edge and origin (a proxy, another Worker), and make it pass them unchanged.";
const NOT_FROM_EDGE =
  "The request did not come from your edge. If your edge did send it, find what changes its headers on the way to the origin.";
const READ_ORIGIN_LOG = "Look at the origin's log at that time.";

/** The type requires an entry for every refusal. */
export const REFUSAL_ADVICE: Readonly<Record<RefusalCode, Advice>> = {
  plain_http: ["sender", "Call the URL with https://."],
  unknown_host: [
    "operator",
    "If senders call this host: at the edge, add it to HOSTS and switch on mTLS for it; at an origin, give the server a certificate with this name.",
  ],
  unknown_route: ["sender", "Call the path that you were given. The operator compares it with `/routes`."],
  method_not_allowed: ["sender", "Use the method that the header Allow names."],
  challenge_unexpected: [
    "operator",
    "If the sender of this route should be answered, give it the `handshake` that the line names. Otherwise do nothing.",
  ],
  route_mismatch: ["operator", "Mount the guard on the path that the policy has."],
  malformed_target: [
    "sender",
    "Write the URL as a browser would normalise it: no `..`, no `//`, escapes in upper case.",
  ],
  malformed_host: ["sender", "Send one Host header with the host name of the URL."],
  malformed_headers: [
    "sender",
    "Send a Content-Type in ASCII, and fewer or shorter headers of those that the route forwards.",
  ],
  body_too_large: ["operator", "Raise `maxBodyBytes` of the route, if the sender's events are that large."],
  body_in_pieces: ["sender", "Write the body in larger pieces, or switch on buffering in the proxy on the way."],
  bodies_full: [
    "nobody",
    "The sender gets 503 and sends again. If this continues, require a certificate from these senders, or limit the rate of the client that floods you.",
  ],
  body_incomplete: ["sender", "Send the event again. If this continues, look for a timeout on the way."],

  no_client_auth: [
    "operator",
    "At Cloudflare, switch on client certificates for this host (SSL/TLS, Client Certificates, Hosts). In an app of your own with `throughTls`, the request came over another listener than `listenTls`.",
  ],
  no_certificate: ["sender", "Switch on mutual TLS. If it is on, the operator checks that mTLS is on for this host."],
  certificate_elsewhere: [
    "operator",
    "Let `--behind-proxy` and `--certificate-header` name the field that the proxy sends.",
  ],
  certificate_too_large: ["sender", "Send fewer intermediates, without the root."],
  certificate_malformed: ["sender", "Get another certificate. `cause` names what is wrong with this one."],
  certificate_inconsistent: [
    "operator",
    "Report this to Cloudflare: its fingerprint does not match the certificate that it passed on.",
  ],
  certificate_not_yet_valid: ["sender", "Present the certificate after its validity has begun; compare clocks."],
  certificate_expired: ["sender", RENEW],
  certificate_is_ca: [
    "sender",
    "Present the client's certificate, not that of the CA. If the sender has no other, accept it by an entry with `sha256` or `spkiSha256` and no name.",
  ],
  wrong_key_usage: ["sender", SUITABLE],
  wrong_extended_key_usage: ["sender", SUITABLE],
  unknown_critical_extension: ["sender", OTHER_CHAIN],
  algorithm_not_accepted: [
    "sender",
    "Get a certificate with RSA of at least 2048 bits, ECDSA P-256/384/521 or Ed25519, signed with SHA-256 or better.",
  ],
  platform_not_verified: [
    "operator",
    "Upload the sender's CA to Cloudflare, or trust it by `anchors` instead of `platform`.",
  ],
  platform_disagrees: [
    "sender",
    "Present a certificate without the fault that `verdict` names. Cloudflare found it: the certificate is self-signed, out of date, malformed, or its chain does not verify.",
  ],
  platform_revoked: ["sender", RENEW],
  certificate_revoked: ["sender", RENEW],
  revocation_unknown: [
    "operator",
    "Look at the lines `revocation_list_missing` and `revocation_list_kept` of this list. The sender gets 503 and sends again.",
  ],
  listener_disagrees: [
    "nobody",
    "The handshake was checked with older anchors than the policy has now. The sender's next connection is checked with the current ones. If this continues, report it as SECURITY.md says.",
  ],
  issuer_unknown: [
    "sender",
    `${CHAIN} A proxy may not forward the intermediates: nginx does not. Then add them with \`countersign policy add --intermediate NAME=FILE\`.`,
  ],
  too_many_intermediates: ["sender", "Send only the intermediates of the certificate's own path."],
  chain_too_deep: ["operator", "Raise `maxChainDepth` of the sender, or trust a CA nearer to the certificate."],
  signature_invalid: ["sender", CHAIN],
  issuer_not_ca: ["sender", CHAIN],
  path_length_exceeded: ["sender", OTHER_CHAIN],
  issuer_not_in_date: [
    "operator",
    "Put the current certificate of the CA into `/anchors`. If the CA is an intermediate, the sender must present the current one.",
  ],
  name_not_permitted: ["sender", OTHER_CHAIN],

  certificate_denied: [
    "operator",
    "If the entry in `/deny` is intended, do nothing: the sender needs a new certificate. Otherwise remove the entry.",
  ],
  sender_not_allowed: [
    "operator",
    "Compare the nearest entry with the certificate. If you know the caller, `countersign policy add --certificate FILE` writes an entry for it. If you do not, leave the policy as it is.",
  ],

  signature_missing: ["sender", "Switch on signing for this URL. If it is on, find what drops the header on the way."],
  signature_malformed: ["sender", "Sign by the scheme that the policy names. `cause` says what differs."],
  signature_stale: ["sender", CLOCKS],
  signature_key_unknown: [
    "operator",
    "Add the secret of this account, or of this kind of key, to the sender's `signature`.",
  ],
  signature_mismatch: [
    "operator",
    "Compare the secret with the sender's. `wouldMatch` says what would have matched: often a body that a proxy changed.",
  ],
  basic_missing: ["sender", "Send user name and password with the request, without waiting for a challenge."],
  basic_malformed: ["sender", "Send one Authorization header by RFC 7617, in UTF-8."],
  basic_mismatch: [
    "sender",
    "Use the user name and password that you were given. The operator compares them with the secret.",
  ],
  token_missing: [
    "sender",
    "Set the token in the settings of the webhook. If it is set, find what drops the header on the way.",
  ],
  token_malformed: ["sender", "Send the header once. In Authorization, the token stands after `Bearer`."],
  token_mismatch: [
    "operator",
    "Compare the token in the sender's settings with the secrets. During a rotation, name the old and the new secret.",
  ],

  challenge_malformed: [
    "sender",
    "Nothing, unless it is a sender of yours: then report it, with the sender's documentation.",
  ],
  challenge_too_long: [
    "sender",
    "Nothing, unless it is a sender of yours: then report it, with the sender's documentation.",
  ],
  challenge_is_event: [
    "nobody",
    "Somebody tried to get the signature of an event that they made up. They got no answer.",
  ],
  challenge_closed: [
    "operator",
    "If you register the endpoint with the sender now, set `until` of the handshake to a later time. Otherwise do nothing.",
  ],
  challenge_token_mismatch: [
    "operator",
    "Compare the token that you gave to the sender with the secret that `handshake` names.",
  ],
  content_not_json: ["sender", NOT_JSON],
  content_encoded: ["sender", "Send the body without compression."],
  json_too_large: ["sender", "Send smaller events. In a larger body, values are not matched."],
  json_not_utf8: ["sender", NOT_JSON],
  json_with_bom: ["sender", "Send the JSON without a byte order mark."],
  json_malformed: ["sender", NOT_JSON],
  json_repeated_name: ["sender", ONE_READING],
  json_lone_surrogate: ["sender", ONE_READING],
  json_too_deep: ["sender", "Send events that are nested less deep."],
  json_too_many_matches: ["sender", "Send fewer elements in one event."],
  json_value_missing: ["operator", OTHER_TENANT],
  json_not_text: ["operator", OTHER_TENANT],
  json_value_not_listed: [
    "nobody",
    "The event is another customer's of the same vendor. If it is yours, add its value to the list in `body`.",
  ],

  assertion_missing: ["nobody", NOT_FROM_EDGE],
  assertion_malformed: ["nobody", NOT_FROM_EDGE],
  assertion_key_unknown: [
    "operator",
    "Publish the new key, wait until origins have loaded it, and only then sign with it.",
  ],
  assertion_signature_invalid: ["operator", "Compare the keys of the edge with the key set that the origin loads."],
  assertion_claims_invalid: ["operator", "Upgrade the origin before the edge."],
  assertion_wrong_issuer: ["operator", "Give edge and origin the same ISSUER."],
  assertion_wrong_audience: ["operator", "Give edge and origin the same AUDIENCE. Each origin needs a different one."],
  assertion_expired: ["operator", CLOCKS],
  assertion_not_yet_valid: ["operator", CLOCKS],
  request_mismatch: ["operator", BETWEEN],
  body_mismatch: ["operator", BETWEEN],
  headers_mismatch: ["operator", BETWEEN],
  certificate_mismatch: ["operator", BETWEEN],
  sender_mismatch: ["operator", SAME_POLICY],
  factor_missing: ["operator", SAME_POLICY],
  replayed: ["nobody", "The event was stored when it was first received."],
  keys_unavailable: ["operator", "Make the JWKS URL reachable from the origin. Senders get 503 and send again."],
  store_unavailable: ["operator", "Look at the inbox's database or disk. Senders get 503 and send again."],

  queue_unavailable: ["operator", "Look at the queue EVENTS and the bucket BODIES. Senders get 503 and send again."],
  origin_refused: ["operator", `Compare keys, issuer, audience and policy of both. ${READ_ORIGIN_LOG}`],
  origin_unreachable: ["operator", "Check whether the origin runs, and whether ORIGIN_URL leads to it."],
  origin_timeout: ["operator", `Make the handler faster, or let it answer \`accepted\` first. ${READ_ORIGIN_LOG}`],
  origin_unavailable: ["operator", READ_ORIGIN_LOG],
  origin_malformed: ["operator", READ_ORIGIN_LOG],
  origin_redirected: ["operator", "Set ORIGIN_URL to the address to which it redirects."],
  misconfigured: ["operator", "Set what `problems` lists."],
  internal_error: ["operator", "Report `cause` as an issue: it is a fault of Countersign."],
};
