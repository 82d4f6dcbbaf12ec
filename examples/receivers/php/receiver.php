<?php

/**
 * Verifies a request that a Countersign edge forwarded, in the steps of docs/assertion.md.
 * Needs PHP 8.1 with ext-openssl and ext-json, and no library (Debian: php-cli).
 */

declare(strict_types=1);

/** The message is a code with the reason, for the log. Answer as docs/assertion.md says, without the code. */
final class Refused extends RuntimeException
{
}

final class Receiver
{
    private const LONGEST_TOKEN = 24 * 1024;
    private const LIFETIME = 60;
    private const CLOCK_SKEW = 10;
    private const LONGEST_WAIT = 30 * 86400;
    /** The SubjectPublicKeyInfo of a key on P-256, up to the point. */
    private const P256_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d030107034200' . '04';

    /** @var array<string, OpenSSLAsymmetricKey> */
    private array $keys = [];

    /**
     * @param callable(string, string, int): bool $remember records (issuer, jti, expires) in one atomic step; false if recorded
     * before
     */
    public function __construct(
        private string $issuer,
        private string $audience,
        stdClass $jwks,
        private $remember,
    ) {
        foreach ($jwks->keys as $jwk) {
            if ($jwk->kty !== 'EC' || $jwk->crv !== 'P-256') {
                throw new InvalidArgumentException('a key that is none of an edge');
            }
            $spki = hex2bin(self::P256_PREFIX) . self::decode($jwk->x) . self::decode($jwk->y);
            $pem = "-----BEGIN PUBLIC KEY-----\n" . base64_encode($spki) . "\n-----END PUBLIC KEY-----\n";
            $this->keys[$jwk->kid] = openssl_pkey_get_public($pem) ?: throw new InvalidArgumentException('no point of P-256');
        }
    }

    /**
     * Returns the claims, the signed headers and the body of a genuine request. Use no other header.
     *
     * @param string $target path and query as they arrived, not decoded: $_SERVER['REQUEST_URI']
     * @param list<array{string, string}> $headers pairs of a name in lower case and a value
     * @param callable(): string $readBody returns the bytes of the body; set your own limit there
     * @param int $now Unix seconds
     * @return array{stdClass, array<string, string>, string}
     * @throws Refused
     */
    public function verify(string $method, string $target, array $headers, callable $readBody, int $now): array
    {
        $claims = $this->verifyToken(self::field($headers, 'countersign-assertion'), $now);
        $body = $readBody();
        $digest = self::digestOf($body);
        self::check(self::field($headers, 'content-digest') === $digest, 'body_mismatch');
        $received = [$method, $target, self::field($headers, 'content-type') ?? ''];
        self::check($received === [$claims->req->method, $claims->req->target, $claims->req->type], 'request_mismatch');
        self::check($claims->req->digest === $digest, 'body_mismatch');
        $signed = self::matchHeaders($headers, $claims->hdr ?? null);
        self::verifyCertificate(self::field($headers, 'client-cert'), $claims->cnf ?? null);
        self::check(($this->remember)($claims->iss, $claims->jti, $claims->exp + self::CLOCK_SKEW), 'replayed');
        return [$claims, $signed, $body];
    }

    private function verifyToken(?string $token, int $now): stdClass
    {
        self::check($token !== null, 'assertion_missing');
        $segments = explode('.', $token);
        $isWellFormed = strlen($token) <= self::LONGEST_TOKEN && count($segments) === 3
            && array_filter($segments, self::isBase64url(...)) === $segments;
        self::check($isWellFormed, 'assertion_malformed');
        [$header, $payload, $signature] = $segments;
        $key = $this->keys[self::readKeyId($header)] ?? null;
        self::check($key !== null, 'assertion_key_unknown');
        self::check(self::verifies("$header.$payload", self::decode($signature), $key), 'assertion_signature_invalid');
        $claims = self::readJson(self::decode($payload));
        self::check(self::areClaims($claims), 'assertion_claims_invalid');
        self::check($claims->iss === $this->issuer, 'assertion_wrong_issuer');
        self::check($claims->aud === $this->audience, 'assertion_wrong_audience');
        self::check($claims->iat <= $now + self::CLOCK_SKEW, 'assertion_not_yet_valid');
        self::check($claims->exp + self::CLOCK_SKEW > $now, 'assertion_expired');
        return $claims;
    }

    /** Returns the kid. The header must be exactly the one that an edge writes. */
    private static function readKeyId(string $segment): string
    {
        $isString = is_string(...);
        $header = self::readJson(self::decode($segment));
        $isOurs = self::fits($header, ['alg' => $isString, 'kid' => $isString, 'typ' => $isString])
            && $header->alg === 'ES256' && $header->typ === 'countersign+jwt';
        self::check($isOurs, 'assertion_malformed');
        return $header->kid;
    }

    private static function verifies(string $input, string $signature, OpenSSLAsymmetricKey $key): bool
    {
        return strlen($signature) === 64 && openssl_verify($input, self::asn1($signature), $key, OPENSSL_ALGO_SHA256) === 1;
    }

    /** Encodes the two numbers of a signature in ASN.1, which OpenSSL needs. */
    private static function asn1(string $signature): string
    {
        $integers = '';
        foreach (str_split($signature, 32) as $number) {
            $number = ltrim($number, "\0");
            if ($number === '' || ord($number[0]) > 0x7f) {
                $number = "\0" . $number;
            }
            $integers .= "\x02" . chr(strlen($number)) . $number;
        }
        return "\x30" . chr(strlen($integers)) . $integers;
    }

    /**
     * Returns the headers that the edge signed, as the claim names them. Their values must have no white space around them, which
     * most servers ensure.
     *
     * @return array<string, string>
     */
    private static function matchHeaders(array $headers, ?stdClass $hdr): array
    {
        $signed = [];
        $lines = '';
        foreach ($hdr->names ?? [] as $name) {
            $value = self::field($headers, $name);
            self::check($value !== null, 'headers_mismatch');
            $signed[$name] = $value;
            $lines .= "$name: $value\n";
        }
        self::check($hdr === null || self::digestOf($lines) === $hdr->digest, 'headers_mismatch');
        return $signed;
    }

    private static function digestOf(string $octets): string
    {
        return 'sha-256=:' . base64_encode(hash('sha256', $octets, true)) . ':';
    }

    private static function verifyCertificate(?string $value, ?stdClass $cnf): void
    {
        if ($cnf === null) {
            self::check($value === null, 'certificate_mismatch');
            return;
        }
        self::check($value !== null, 'certificate_mismatch');
        $der = preg_match('/^:([A-Za-z0-9+\/]+={0,2}):$/D', $value, $match) === 1 ? base64_decode($match[1], true) : false;
        self::check($der !== false && base64_encode($der) === $match[1], 'certificate_malformed');
        self::check(self::encode(hash('sha256', $der, true)) === $cnf->{'x5t#S256'}, 'certificate_mismatch');
    }

    private static function areClaims(mixed $claims): bool
    {
        if (!self::fits($claims, self::form())) {
            return false;
        }
        $hasCertificate = in_array('mtls', $claims->amr, true);
        foreach (['sub', 'cnf', 'crt'] as $name) {
            if (property_exists($claims, $name) !== $hasCertificate) {
                return false;
            }
        }
        $life = $claims->exp - $claims->iat;
        $wait = $claims->iat - ($claims->rcv ?? $claims->iat - 1);
        return $life > 0 && $life <= self::LIFETIME && $wait > 0 && $wait <= self::LONGEST_WAIT;
    }

    /** A member whose name ends in ? may be missing. */
    private static function form(): array
    {
        $string = is_string(...);
        $text = fn (mixed $value) => is_string($value) && $value !== '';
        $seconds = fn (mixed $value) => is_int($value) && abs($value) < 2 ** 53;
        $matches = fn (string $pattern) => fn (mixed $value) => is_string($value) && preg_match($pattern, $value) === 1;
        $listOf = fn (Closure $check) => fn (mixed $value) => is_array($value) && $value !== [] && array_filter($value, $check) === $value;
        return [
            'iss' => $text,
            'aud' => $text,
            'iat' => $seconds,
            'exp' => $seconds,
            'rcv?' => $seconds,
            'jti' => $matches('/^[A-Za-z0-9_-]{22}$/D'),
            'sender' => $text,
            'sub?' => $string,
            'cnf?' => ['x5t#S256' => $matches('/^[A-Za-z0-9_-]{43}$/D')],
            'crt?' => [
                'issuer' => $string,
                'serial' => $text,
                'notBefore' => $seconds,
                'notAfter' => $seconds,
                'anchor?' => $text,
                'platform?' => ['verified' => $string, 'revoked' => is_bool(...)],
            ],
            'req' => ['method' => $text, 'target' => $text, 'type' => $string, 'digest' => $text],
            'hdr?' => ['names' => $listOf($matches('/^[!#$%&\'*+.^_`|~0-9a-z-]+$/D')), 'digest' => $text],
            'amr' => $listOf($text),
            'pol' => $matches('/^[0-9a-f]{64}$/D'),
            'txn' => $text,
        ];
    }

    /** True if an object has the members of the form and no others. */
    private static function fits(mixed $value, array|Closure $form): bool
    {
        if ($form instanceof Closure) {
            return $form($value);
        }
        if (!$value instanceof stdClass) {
            return false;
        }
        $members = get_object_vars($value);
        foreach ($form as $name => $part) {
            $own = rtrim($name, '?');
            if (array_key_exists($own, $members) ? !self::fits($members[$own], $part) : $own === $name) {
                return false;
            }
            unset($members[$own]);
        }
        return $members === [];
    }

    /** Joins several fields of one name, which gives a text that no edge sends. */
    private static function field(array $headers, string $name): ?string
    {
        $values = array_column(array_filter($headers, fn (array $header) => $header[0] === $name), 1);
        return $values === [] ? null : implode(', ', $values);
    }

    private static function readJson(string $text): mixed
    {
        return json_decode($text, false, 32);
    }

    private static function isBase64url(string $segment): bool
    {
        return preg_match('/^[A-Za-z0-9_-]+$/D', $segment) === 1 && self::encode(self::decode($segment)) === $segment;
    }

    private static function decode(string $segment): string
    {
        return (string) base64_decode(strtr($segment, '-_', '+/'), true);
    }

    private static function encode(string $octets): string
    {
        return rtrim(strtr(base64_encode($octets), '+/', '-_'), '=');
    }

    private static function check(bool $isRight, string $code): void
    {
        if (!$isRight) {
            throw new Refused($code);
        }
    }
}
