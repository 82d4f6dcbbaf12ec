"""Verifies a request that a Countersign edge forwarded, in the steps of docs/assertion.md.

Needs PyJWT with cryptography (Debian: python3-jwt, python3-cryptography).
"""

import base64
import binascii
import hashlib
import json
import re

import jwt

LONGEST_TOKEN = 24 * 1024
LIFETIME = 60
CLOCK_SKEW = 10
LONGEST_WAIT = 30 * 86_400


class Refused(Exception):
    """The code is the reason, for the log. Answer as docs/assertion.md says, without the code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Receiver:
    def __init__(self, issuer, audience, jwks, remember):
        """remember(issuer, jti, until) records an assertion in one atomic step. It returns False if it was recorded before."""
        for jwk in jwks["keys"]:
            if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
                raise ValueError("a key that is none of an edge")
        self._keys = {jwk["kid"]: jwt.PyJWK(jwk, algorithm="ES256").key for jwk in jwks["keys"]}
        self._issuer, self._audience, self._remember = issuer, audience, remember

    def verify(self, method, target, headers, read_body, now):
        """Returns the claims, the signed headers and the body of a genuine request. Use no other header. Raises Refused.

        target is path and query as they arrived, not decoded. headers are pairs of a name in lower case and a value.
        read_body() returns the bytes of the body. Set your own limit there. now is in Unix seconds.
        """
        claims = self._verify_token(field(headers, "countersign-assertion"), now)
        body = read_body()
        digest = digest_of(body)
        request = claims["req"]
        if field(headers, "content-digest") != digest:
            raise Refused("body_mismatch")
        if (method, target, field(headers, "content-type") or "") != (request["method"], request["target"], request["type"]):
            raise Refused("request_mismatch")
        if request["digest"] != digest:
            raise Refused("body_mismatch")
        signed = match_headers(headers, claims.get("hdr"))
        verify_certificate(field(headers, "client-cert"), claims.get("cnf"))
        if not self._remember(claims["iss"], claims["jti"], claims["exp"] + CLOCK_SKEW):
            raise Refused("replayed")
        return claims, signed, body

    def _verify_token(self, token, now):
        if token is None:
            raise Refused("assertion_missing")
        key = self._keys.get(read_key_id(token))
        if key is None:
            raise Refused("assertion_key_unknown")
        try:
            payload = jwt.PyJWS(algorithms=["ES256"]).decode_complete(token, key, algorithms=["ES256"])["payload"]
        except jwt.PyJWTError:
            raise Refused("assertion_signature_invalid") from None
        claims = read_json(payload)
        if not are_claims(claims):
            raise Refused("assertion_claims_invalid")
        if claims["iss"] != self._issuer:
            raise Refused("assertion_wrong_issuer")
        if claims["aud"] != self._audience:
            raise Refused("assertion_wrong_audience")
        if claims["iat"] > now + CLOCK_SKEW:
            raise Refused("assertion_not_yet_valid")
        if claims["exp"] + CLOCK_SKEW <= now:
            raise Refused("assertion_expired")
        return claims


def field(headers, name):
    """Returns the value of a header, or None. Joins several fields of one name, which gives a text that no edge sends."""
    values = [value for other, value in headers if other == name]
    return ", ".join(values) if values else None


def read_key_id(token):
    """Returns the kid. The token must be canonical, and its header must be exactly the one that an edge writes."""
    segments = token.split(".")
    if len(token) > LONGEST_TOKEN or len(segments) != 3 or not all(map(is_base64url, segments)):
        raise Refused("assertion_malformed")
    header = read_json(decode(segments[0]))
    if not fits(header, {"alg": is_text, "kid": is_string, "typ": is_text}):
        raise Refused("assertion_malformed")
    if (header["alg"], header["typ"]) != ("ES256", "countersign+jwt"):
        raise Refused("assertion_malformed")
    return header["kid"]


def match_headers(headers, hdr):
    """Returns the headers that the edge signed, as the claim names them.

    Their values must have no white space around them, which most servers ensure.
    """
    if hdr is None:
        return {}
    signed = {name: field(headers, name) for name in hdr["names"]}
    lines = "".join(f"{name}: {signed[name]}\n" for name in hdr["names"])
    if None in signed.values() or digest_of(lines.encode("utf-8", "surrogateescape")) != hdr["digest"]:
        raise Refused("headers_mismatch")
    return signed


def digest_of(octets):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(octets).digest()).decode() + ":"


def verify_certificate(value, cnf):
    if cnf is None:
        if value is not None:
            raise Refused("certificate_mismatch")
        return
    if value is None:
        raise Refused("certificate_mismatch")
    match = re.fullmatch(r":([A-Za-z0-9+/]+={0,2}):", value)
    try:
        der = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        der = b""
    if not match or base64.b64encode(der).decode() != match[1]:
        raise Refused("certificate_malformed")
    if encode(hashlib.sha256(der).digest()) != cnf["x5t#S256"]:
        raise Refused("certificate_mismatch")


def is_string(value):
    return isinstance(value, str)


def is_text(value):
    return is_string(value) and value != ""


def is_seconds(value):
    return type(value) is int and abs(value) < 2**53


def matches(pattern):
    return lambda value: is_string(value) and re.fullmatch(pattern, value) is not None


def is_list_of(check):
    return lambda value: isinstance(value, list) and value != [] and all(map(check, value))


def fits(value, form):
    """True if an object has the members of the form and no others. A member whose name ends in ? may be missing."""
    if callable(form):
        return form(value)
    names = {name.rstrip("?") for name in form}
    return (
        isinstance(value, dict)
        and names.issuperset(value)
        and all(fits(value[n.rstrip("?")], f) if n.rstrip("?") in value else n.endswith("?") for n, f in form.items())
    )


CLAIMS = {
    "iss": is_text,
    "aud": is_text,
    "iat": is_seconds,
    "exp": is_seconds,
    "rcv?": is_seconds,
    "jti": matches(r"[A-Za-z0-9_-]{22}"),
    "sender": is_text,
    "sub?": is_string,
    "cnf?": {"x5t#S256": matches(r"[A-Za-z0-9_-]{43}")},
    "crt?": {
        "issuer": is_string,
        "serial": is_text,
        "notBefore": is_seconds,
        "notAfter": is_seconds,
        "anchor?": is_text,
        "platform?": {"verified": is_string, "revoked": lambda value: isinstance(value, bool)},
    },
    "req": {"method": is_text, "target": is_text, "type": is_string, "digest": is_text},
    "hdr?": {"names": is_list_of(matches(r"[!#$%&'*+.^_`|~0-9a-z-]+")), "digest": is_text},
    "amr": is_list_of(is_text),
    "pol": matches(r"[0-9a-f]{64}"),
    "txn": is_text,
}


def are_claims(claims):
    if not fits(claims, CLAIMS):
        return False
    iat, exp, rcv = claims["iat"], claims["exp"], claims.get("rcv", claims["iat"] - 1)
    has_certificate = "mtls" in claims["amr"]
    return (
        all((name in claims) == has_certificate for name in ("sub", "cnf", "crt"))
        and 0 < exp - iat <= LIFETIME
        and 0 < iat - rcv <= LONGEST_WAIT
    )


def read_json(octets):
    try:
        return json.loads(octets.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def is_base64url(segment):
    return re.fullmatch(r"[A-Za-z0-9_-]+", segment) is not None and encode(decode(segment)) == segment


def decode(segment):
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        return b""


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
