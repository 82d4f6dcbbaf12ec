# frozen_string_literal: true

# Verifies a request that a Countersign edge forwarded, in the steps of docs/assertion.md.
# Needs Ruby 3.0 or newer and no gem (Debian: ruby).

require "digest"
require "json"
require "openssl"

# The code is the reason, for the log. Answer as docs/assertion.md says, without the code.
class Refused < StandardError
  alias code message
end

class Receiver
  LONGEST_TOKEN = 24 * 1024
  LIFETIME = 60
  CLOCK_SKEW = 10
  LONGEST_WAIT = 30 * 86_400
  # The SubjectPublicKeyInfo of a key on P-256, up to the point.
  P256_PREFIX = ["3059301306072a8648ce3d020106082a8648ce3d03010703420004"].pack("H*").freeze

  STRING = ->(value) { value.is_a?(String) }
  TEXT = ->(value) { value.is_a?(String) && value != "" }
  SECONDS = ->(value) { value.is_a?(Integer) && value.abs < 2**53 }
  MATCHES = ->(pattern) { ->(value) { value.is_a?(String) && pattern.match?(value) } }
  LIST_OF = ->(check) { ->(value) { value.is_a?(Array) && !value.empty? && value.all?(&check) } }

  # A member whose name ends in ? may be missing.
  HEADER = { "alg" => TEXT, "kid" => STRING, "typ" => TEXT }.freeze
  CLAIMS = {
    "iss" => TEXT,
    "aud" => TEXT,
    "iat" => SECONDS,
    "exp" => SECONDS,
    "rcv?" => SECONDS,
    "jti" => MATCHES[/\A[A-Za-z0-9_-]{22}\z/],
    "sender" => TEXT,
    "sub?" => STRING,
    "cnf?" => { "x5t#S256" => MATCHES[/\A[A-Za-z0-9_-]{43}\z/] },
    "crt?" => {
      "issuer" => STRING,
      "serial" => TEXT,
      "notBefore" => SECONDS,
      "notAfter" => SECONDS,
      "anchor?" => TEXT,
      "platform?" => { "verified" => STRING, "revoked" => ->(value) { [true, false].include?(value) } }
    },
    "req" => { "method" => TEXT, "target" => TEXT, "type" => STRING, "digest" => TEXT },
    "hdr?" => { "names" => LIST_OF[MATCHES[/\A[!#$%&'*+.^_`|~0-9a-z-]+\z/]], "digest" => TEXT },
    "amr" => LIST_OF[TEXT],
    "pol" => MATCHES[/\A[0-9a-f]{64}\z/],
    "txn" => TEXT
  }.freeze

  # remember.call(issuer, jti, expires) records an assertion in one atomic step. It returns false if it was recorded before.
  def initialize(issuer:, audience:, jwks:, remember:)
    @issuer = issuer
    @audience = audience
    @remember = remember
    @keys = jwks["keys"].to_h do |jwk|
      raise ArgumentError, "a key that is none of an edge" unless jwk.values_at("kty", "crv") == %w[EC P-256]

      [jwk["kid"], OpenSSL::PKey.read(P256_PREFIX + decode(jwk["x"]) + decode(jwk["y"]))]
    end
  end

  # Returns the claims, the signed headers and the body of a genuine request. Use no other header. Raises Refused.
  # target is path and query as they arrived, not decoded. headers are pairs of a name in lower case and a value.
  # The block reads the body. Set your own limit there. now is in Unix seconds.
  def verify(method:, target:, headers:, now:)
    claims = verify_token(field(headers, "countersign-assertion"), now)
    body = yield
    digest = digest_of(body)
    request = claims["req"]
    refuse "body_mismatch" if field(headers, "content-digest") != digest
    received = [method, target, field(headers, "content-type") || ""]
    refuse "request_mismatch" if received != request.values_at("method", "target", "type")
    refuse "body_mismatch" if request["digest"] != digest
    signed = match_headers(headers, claims["hdr"])
    verify_certificate(field(headers, "client-cert"), claims["cnf"])
    refuse "replayed" unless @remember.call(claims["iss"], claims["jti"], claims["exp"] + CLOCK_SKEW)
    [claims, signed, body]
  end

  private

  def refuse(code) = raise(Refused, code)

  # Joins several fields of one name, which gives a text that no edge sends.
  def field(headers, name)
    values = headers.filter_map { |other, value| value if other == name }
    values.empty? ? nil : values.join(", ")
  end

  def verify_token(token, now)
    refuse "assertion_missing" if token.nil?
    segments = token.split(".", -1)
    refuse "assertion_malformed" unless token.size <= LONGEST_TOKEN && segments.size == 3 && segments.all? { |s| base64url?(s) }
    key = @keys[read_key_id(segments[0])] or refuse "assertion_key_unknown"
    refuse "assertion_signature_invalid" unless verifies?(segments[0..1].join("."), decode(segments[2]), key)
    claims = read_json(decode(segments[1]))
    refuse "assertion_claims_invalid" unless claims?(claims)
    refuse "assertion_wrong_issuer" if claims["iss"] != @issuer
    refuse "assertion_wrong_audience" if claims["aud"] != @audience
    refuse "assertion_not_yet_valid" if claims["iat"] > now + CLOCK_SKEW
    refuse "assertion_expired" if claims["exp"] + CLOCK_SKEW <= now
    claims
  end

  # Returns the kid. The header must be exactly the one that an edge writes.
  def read_key_id(segment)
    header = read_json(decode(segment))
    is_ours = fits?(header, HEADER) && header["alg"] == "ES256" && header["typ"] == "countersign+jwt"
    is_ours ? header["kid"] : refuse("assertion_malformed")
  end

  # OpenSSL needs the two numbers of a signature in ASN.1.
  def verifies?(input, signature, key)
    return false if signature.bytesize != 64

    numbers = [signature[0, 32], signature[32, 32]].map { |octets| OpenSSL::ASN1::Integer(OpenSSL::BN.new(octets, 2)) }
    key.verify("SHA256", OpenSSL::ASN1::Sequence(numbers).to_der, input)
  rescue OpenSSL::PKey::PKeyError
    false
  end

  # Returns the headers that the edge signed, as the claim names them. Their values must have no white space around them, which most
  # servers ensure.
  def match_headers(headers, hdr)
    return {} if hdr.nil?

    signed = hdr["names"].to_h { |name| [name, field(headers, name)] }
    lines = hdr["names"].map { |name| "#{name}: #{signed[name]}\n" }.join
    refuse "headers_mismatch" if signed.value?(nil) || digest_of(lines) != hdr["digest"]
    signed
  end

  def digest_of(octets) = "sha-256=:#{Digest::SHA256.base64digest(octets)}:"

  def verify_certificate(value, cnf)
    return value && refuse("certificate_mismatch") if cnf.nil?

    refuse "certificate_mismatch" if value.nil?
    base64 = value[%r{\A:([A-Za-z0-9+/]+={0,2}):\z}, 1] || ""
    der = base64.unpack1("m")
    refuse "certificate_malformed" if base64.empty? || [der].pack("m0") != base64
    refuse "certificate_mismatch" if encode(Digest::SHA256.digest(der)) != cnf["x5t#S256"]
  end

  def claims?(claims)
    return false unless fits?(claims, CLAIMS)

    iat, exp = claims.values_at("iat", "exp")
    rcv = claims.fetch("rcv", iat - 1)
    has_certificate = claims["amr"].include?("mtls")
    %w[sub cnf crt].all? { |name| claims.key?(name) == has_certificate } &&
      (1..LIFETIME).cover?(exp - iat) && (1..LONGEST_WAIT).cover?(iat - rcv)
  end

  # True if an object has the members of the form and no others.
  def fits?(value, form)
    return form.call(value) if form.respond_to?(:call)

    names = form.keys.map { |name| name.delete_suffix("?") }
    value.is_a?(Hash) && (value.keys - names).empty? && form.all? do |name, part|
      own = name.delete_suffix("?")
      value.key?(own) ? fits?(value[own], part) : name.end_with?("?")
    end
  end

  def read_json(octets)
    text = octets.dup.force_encoding(Encoding::UTF_8)
    text.valid_encoding? ? JSON.parse(text) : nil
  rescue JSON::ParserError
    nil
  end

  def base64url?(segment) = segment.match?(/\A[A-Za-z0-9_-]+\z/) && encode(decode(segment)) == segment

  def decode(segment) = segment.tr("-_", "+/").unpack1("m")

  def encode(octets) = [octets].pack("m0").tr("+/", "-_").delete("=")
end
