// Verifies a request that a Countersign edge forwarded, in the steps of docs/assertion.md. Needs only the standard library.

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	longestToken = 24 * 1024
	lifetime     = 60
	clockSkew    = 10
	longestWait  = 30 * 86400
)

// Refused is a code with the reason, for the log. Answer as docs/assertion.md says, without the code.
type Refused string

func (code Refused) Error() string { return string(code) }

// Header is one field of a request. Its name is in lower case.
type Header [2]string

// Request is a request as it arrived.
type Request struct {
	Method string
	// Target is path and query as they arrived, not decoded: (*http.Request).RequestURI.
	Target  string
	Headers []Header
	// ReadBody returns the bytes of the body. Set your own limit there.
	ReadBody func() ([]byte, error)
}

// Receiver knows the issuer and the keys of the edge, and its own name as audience.
type Receiver struct {
	Issuer, Audience string
	Keys             map[string]*ecdsa.PublicKey
	// Remember records an assertion in one atomic step. It returns false if the assertion was recorded before.
	Remember func(issuer, jti string, until int64) bool
}

// ReadKeys reads the JWK Set of an edge.
func ReadKeys(document []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, jwk := range set.Keys {
		key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(decode(jwk.X)), Y: number(decode(jwk.Y))}
		if jwk.Kty != "EC" || jwk.Crv != "P-256" || !key.IsOnCurve(key.X, key.Y) {
			return nil, errors.New("a key that is none of an edge")
		}
		keys[jwk.Kid] = key
	}
	return keys, nil
}

// Event is a request that was verified.
type Event struct {
	Claims map[string]any
	// Headers are the headers that the edge signed. Use no other header.
	Headers map[string]string
	Body    []byte
}

// Verify returns the event if the request is genuine. now is in Unix seconds.
func (r *Receiver) Verify(request Request, now int64) (*Event, error) {
	token, isThere := field(request.Headers, "countersign-assertion")
	if !isThere {
		return nil, Refused("assertion_missing")
	}
	claims, err := r.verifyToken(token, now)
	if err != nil {
		return nil, err
	}
	body, err := request.ReadBody()
	if err != nil {
		return nil, err
	}
	if err := matchRequest(claims["req"].(map[string]any), request, body); err != nil {
		return nil, err
	}
	signed, err := matchHeaders(claims, request.Headers)
	if err != nil {
		return nil, err
	}
	if err := verifyCertificate(claims, request.Headers); err != nil {
		return nil, err
	}
	if !r.Remember(claims["iss"].(string), claims["jti"].(string), seconds(claims["exp"])+clockSkew) {
		return nil, Refused("replayed")
	}
	return &Event{claims, signed, body}, nil
}

func (r *Receiver) verifyToken(token string, now int64) (map[string]any, error) {
	segments := strings.Split(token, ".")
	if len(token) > longestToken || len(segments) != 3 {
		return nil, Refused("assertion_malformed")
	}
	for _, segment := range segments {
		if segment == "" || encode(decode(segment)) != segment {
			return nil, Refused("assertion_malformed")
		}
	}
	header := readJSON(decode(segments[0]))
	if !fits(header, headerForm) {
		return nil, Refused("assertion_malformed")
	}
	key := r.Keys[header.(map[string]any)["kid"].(string)]
	if key == nil {
		return nil, Refused("assertion_key_unknown")
	}
	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	signature := decode(segments[2])
	if len(signature) != 64 || !ecdsa.Verify(key, digest[:], number(signature[:32]), number(signature[32:])) {
		return nil, Refused("assertion_signature_invalid")
	}
	document := readJSON(decode(segments[1]))
	if !areClaims(document) {
		return nil, Refused("assertion_claims_invalid")
	}
	claims := document.(map[string]any)
	switch {
	case claims["iss"] != r.Issuer:
		return nil, Refused("assertion_wrong_issuer")
	case claims["aud"] != r.Audience:
		return nil, Refused("assertion_wrong_audience")
	case seconds(claims["iat"]) > now+clockSkew:
		return nil, Refused("assertion_not_yet_valid")
	case seconds(claims["exp"])+clockSkew <= now:
		return nil, Refused("assertion_expired")
	}
	return claims, nil
}

func matchRequest(req map[string]any, request Request, body []byte) error {
	digest := digestOf(body)
	if declared, _ := field(request.Headers, "content-digest"); declared != digest {
		return Refused("body_mismatch")
	}
	contentType, _ := field(request.Headers, "content-type")
	if req["method"] != request.Method || req["target"] != request.Target || req["type"] != contentType {
		return Refused("request_mismatch")
	}
	if req["digest"] != digest {
		return Refused("body_mismatch")
	}
	return nil
}

// matchHeaders returns the headers that the edge signed, as the claim names them. Their values must have no white space around
// them, which most servers ensure.
func matchHeaders(claims map[string]any, headers []Header) (map[string]string, error) {
	hdr, isThere := claims["hdr"].(map[string]any)
	if !isThere {
		return nil, nil
	}
	signed := map[string]string{}
	var lines strings.Builder
	for _, name := range hdr["names"].([]any) {
		value, isThere := field(headers, name.(string))
		if !isThere {
			return nil, Refused("headers_mismatch")
		}
		signed[name.(string)] = value
		lines.WriteString(name.(string) + ": " + value + "\n")
	}
	if hdr["digest"] != digestOf([]byte(lines.String())) {
		return nil, Refused("headers_mismatch")
	}
	return signed, nil
}

func digestOf(octets []byte) string {
	sum := sha256.Sum256(octets)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

var byteSequence = regexp.MustCompile(`^:([A-Za-z0-9+/]+={0,2}):$`)

func verifyCertificate(claims map[string]any, headers []Header) error {
	value, isThere := field(headers, "client-cert")
	cnf, isBound := claims["cnf"].(map[string]any)
	if isThere != isBound {
		return Refused("certificate_mismatch")
	}
	if !isBound {
		return nil
	}
	match := byteSequence.FindStringSubmatch(value)
	if match == nil {
		return Refused("certificate_malformed")
	}
	der, err := base64.StdEncoding.DecodeString(match[1])
	if err != nil || base64.StdEncoding.EncodeToString(der) != match[1] {
		return Refused("certificate_malformed")
	}
	if sum := sha256.Sum256(der); encode(sum[:]) != cnf["x5t#S256"] {
		return Refused("certificate_mismatch")
	}
	return nil
}

// A form is a function of a value, or the members of an object. A member whose name ends in ? may be missing.
type form = map[string]any

var headerForm = form{"alg": exactly("ES256"), "kid": isString, "typ": exactly("countersign+jwt")}

var claimsForm = form{
	"iss": isText, "aud": isText, "iat": isSeconds, "exp": isSeconds, "rcv?": isSeconds,
	"jti": matches(`^[A-Za-z0-9_-]{22}$`), "sender": isText,
	"sub?": isString,
	"cnf?": form{"x5t#S256": matches(`^[A-Za-z0-9_-]{43}$`)},
	"crt?": form{
		"issuer": isString, "serial": isText, "notBefore": isSeconds, "notAfter": isSeconds, "anchor?": isText,
		"platform?": form{"verified": isString, "revoked": isBool},
	},
	"req":  form{"method": isText, "target": isText, "type": isString, "digest": isText},
	"hdr?": form{"names": listOf(matches("^[!#$%&'*+.^_`|~0-9a-z-]+$")), "digest": isText},
	"amr":  listOf(isText), "pol": matches(`^[0-9a-f]{64}$`), "txn": isText,
}

func areClaims(value any) bool {
	if !fits(value, claimsForm) {
		return false
	}
	claims := value.(map[string]any)
	hasCertificate := false
	for _, factor := range claims["amr"].([]any) {
		hasCertificate = hasCertificate || factor == "mtls"
	}
	for _, name := range []string{"sub", "cnf", "crt"} {
		if _, isThere := claims[name]; isThere != hasCertificate {
			return false
		}
	}
	iat, exp := seconds(claims["iat"]), seconds(claims["exp"])
	rcv := iat - 1
	if received, isThere := claims["rcv"]; isThere {
		rcv = seconds(received)
	}
	return exp > iat && exp-iat <= lifetime && rcv < iat && iat-rcv <= longestWait
}

// fits reports whether an object has the members of the form and no others.
func fits(value any, wanted any) bool {
	if check, isCheck := wanted.(func(any) bool); isCheck {
		return check(value)
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return false
	}
	known := 0
	for name, part := range wanted.(form) {
		own := strings.TrimSuffix(name, "?")
		member, isThere := object[own]
		if isThere && !fits(member, part) || !isThere && own == name {
			return false
		}
		if isThere {
			known++
		}
	}
	return known == len(object)
}

func isString(value any) bool { _, is := value.(string); return is }
func isText(value any) bool   { return isString(value) && value != "" }
func isBool(value any) bool   { _, is := value.(bool); return is }

func exactly(text string) func(any) bool { return func(value any) bool { return value == text } }

func matches(pattern string) func(any) bool {
	expression := regexp.MustCompile(pattern)
	return func(value any) bool { return isString(value) && expression.MatchString(value.(string)) }
}

func isSeconds(value any) bool {
	digits, isNumber := value.(json.Number)
	whole, err := digits.Int64()
	return isNumber && err == nil && whole > -1<<53 && whole < 1<<53
}

func listOf(check func(any) bool) func(any) bool {
	return func(value any) bool {
		list, isList := value.([]any)
		for _, member := range list {
			isList = isList && check(member)
		}
		return isList && len(list) > 0
	}
}

// seconds converts a value that isSeconds accepted to an integer.
func seconds(value any) int64 { whole, _ := value.(json.Number).Int64(); return whole }

// field joins several fields of one name. The result is then a text that no edge sends.
func field(headers []Header, name string) (string, bool) {
	var values []string
	for _, header := range headers {
		if header[0] == name {
			values = append(values, header[1])
		}
	}
	return strings.Join(values, ", "), values != nil
}

// readJSON returns nil if the document is not JSON. Numbers keep their digits. Structs are not used: they ignore the case of names.
func readJSON(document []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if !utf8.Valid(document) || decoder.Decode(&value) != nil {
		return nil
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil
	}
	return value
}

func number(octets []byte) *big.Int { return new(big.Int).SetBytes(octets) }

func encode(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// decode returns nothing if the segment is not base64url.
func decode(segment string) []byte {
	octets, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil
	}
	return octets
}
