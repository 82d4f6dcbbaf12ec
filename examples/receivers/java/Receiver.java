import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Verifies a request that a Countersign edge forwarded, in the steps of docs/assertion.md.
 * Needs Java 17 and Jackson (Debian: default-jdk-headless, libjackson2-databind-java).
 */
public final class Receiver {
    /** The message is a code with the reason, for the log. Answer as docs/assertion.md says, without the code. */
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String code) {
            super(code);
        }
    }

    /**
     * @param target path and query as they arrived, not decoded
     * @param headers pairs whose names are in lower case
     * @param readBody returns the bytes of the body; set your own limit there
     */
    public record Request(String method, String target, List<Map.Entry<String, String>> headers, Supplier<byte[]> readBody) {}

    /** @param headers the headers that the edge signed; use no other header */
    public record Event(JsonNode claims, Map<String, String> headers, byte[] body) {}

    public interface Memory {
        /** Records an assertion in one atomic step. Returns false if it was recorded before. */
        boolean remember(String issuer, String jti, long until);
    }

    private static final int LONGEST_TOKEN = 24 * 1024;
    private static final long LIFETIME = 60;
    private static final long CLOCK_SKEW = 10;
    private static final long LONGEST_WAIT = 30 * 86_400;
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

    private final Map<String, PublicKey> keys = new HashMap<>();
    private final String issuer;
    private final String audience;
    private final Memory memory;

    public Receiver(String issuer, String audience, JsonNode jwks, Memory memory) throws GeneralSecurityException {
        this.issuer = issuer;
        this.audience = audience;
        this.memory = memory;
        for (JsonNode jwk : jwks.get("keys")) keys.put(jwk.get("kid").textValue(), readKey(jwk));
    }

    /** @param now Unix seconds */
    public Event verify(Request request, long now) throws Refused, GeneralSecurityException {
        JsonNode claims = verifyToken(field(request, "countersign-assertion"), now);
        JsonNode req = claims.get("req");
        byte[] body = request.readBody().get();
        String digest = digestOf(body);
        check(digest.equals(field(request, "content-digest")), "body_mismatch");
        String type = field(request, "content-type");
        boolean isSigned = req.get("method").textValue().equals(request.method())
                && req.get("target").textValue().equals(request.target())
                && req.get("type").textValue().equals(type == null ? "" : type);
        check(isSigned, "request_mismatch");
        check(req.get("digest").textValue().equals(digest), "body_mismatch");
        Map<String, String> signed = matchHeaders(request, claims.get("hdr"));
        verifyCertificate(field(request, "client-cert"), claims.get("cnf"));
        long until = claims.get("exp").longValue() + CLOCK_SKEW;
        check(memory.remember(claims.get("iss").textValue(), claims.get("jti").textValue(), until), "replayed");
        return new Event(claims, signed, body);
    }

    private JsonNode verifyToken(String token, long now) throws Refused, GeneralSecurityException {
        check(token != null, "assertion_missing");
        String[] segments = token.split("\\.", -1);
        boolean isWellFormed = token.length() <= LONGEST_TOKEN && segments.length == 3;
        check(isWellFormed && Arrays.stream(segments).allMatch(Receiver::isBase64Url), "assertion_malformed");
        PublicKey key = keys.get(readKeyId(segments[0]));
        check(key != null, "assertion_key_unknown");
        String input = segments[0] + "." + segments[1];
        check(verifies(input, decode(segments[2]), key), "assertion_signature_invalid");
        JsonNode claims = readJson(decode(segments[1]));
        check(areClaims(claims), "assertion_claims_invalid");
        check(claims.get("iss").textValue().equals(issuer), "assertion_wrong_issuer");
        check(claims.get("aud").textValue().equals(audience), "assertion_wrong_audience");
        check(claims.get("iat").longValue() <= now + CLOCK_SKEW, "assertion_not_yet_valid");
        check(claims.get("exp").longValue() + CLOCK_SKEW > now, "assertion_expired");
        return claims;
    }

    /** Returns the kid. The header must be exactly the one that an edge writes. */
    private static String readKeyId(String segment) throws Refused {
        JsonNode header = readJson(decode(segment));
        Map<String, Object> form = Map.of("alg", exactly("ES256"), "kid", STRING, "typ", exactly("countersign+jwt"));
        check(fits(header, form), "assertion_malformed");
        return header.get("kid").textValue();
    }

    private static boolean verifies(String input, byte[] signature, PublicKey key) throws GeneralSecurityException {
        Signature verifier = Signature.getInstance("SHA256withECDSAinP1363Format");
        verifier.initVerify(key);
        verifier.update(input.getBytes(StandardCharsets.US_ASCII));
        try {
            return signature.length == 64 && verifier.verify(signature);
        } catch (SignatureException notInRange) {
            return false;
        }
    }

    /**
     * Returns the headers that the edge signed, as the claim names them. Their values must have no white space around them, which
     * most servers ensure.
     */
    private static Map<String, String> matchHeaders(Request request, JsonNode hdr) throws Refused, GeneralSecurityException {
        Map<String, String> signed = new HashMap<>();
        if (hdr == null) return signed;
        StringBuilder lines = new StringBuilder();
        for (JsonNode node : hdr.get("names")) {
            String name = node.textValue();
            String value = field(request, name);
            check(value != null, "headers_mismatch");
            signed.put(name, value);
            lines.append(name).append(": ").append(value).append("\n");
        }
        String digest = digestOf(lines.toString().getBytes(StandardCharsets.UTF_8));
        check(digest.equals(hdr.get("digest").textValue()), "headers_mismatch");
        return signed;
    }

    private static String digestOf(byte[] octets) throws GeneralSecurityException {
        return "sha-256=:" + Base64.getEncoder().encodeToString(sha256(octets)) + ":";
    }

    private static final Pattern BYTE_SEQUENCE = Pattern.compile(":([A-Za-z0-9+/]+={0,2}):");

    private static void verifyCertificate(String value, JsonNode cnf) throws Refused, GeneralSecurityException {
        check((value == null) == (cnf == null), "certificate_mismatch");
        if (cnf == null) return;
        Matcher match = BYTE_SEQUENCE.matcher(value);
        check(match.matches(), "certificate_malformed");
        byte[] der = decode(match.group(1).replace('+', '-').replace('/', '_'));
        check(Base64.getEncoder().encodeToString(der).equals(match.group(1)), "certificate_malformed");
        check(encode(sha256(der)).equals(cnf.get("x5t#S256").textValue()), "certificate_mismatch");
    }

    private static final Predicate<JsonNode> STRING = JsonNode::isTextual;
    private static final Predicate<JsonNode> TEXT = STRING.and(node -> !node.textValue().isEmpty());
    private static final Predicate<JsonNode> BOOLEAN = JsonNode::isBoolean;
    private static final Predicate<JsonNode> SECONDS =
            node -> node.isIntegralNumber() && node.canConvertToLong() && Math.abs(node.longValue()) < 1L << 53;

    /** A member whose name ends in ? may be missing. */
    private static final Map<String, Object> CLAIMS = Map.ofEntries(
            Map.entry("iss", TEXT),
            Map.entry("aud", TEXT),
            Map.entry("iat", SECONDS),
            Map.entry("exp", SECONDS),
            Map.entry("rcv?", SECONDS),
            Map.entry("jti", matching("[A-Za-z0-9_-]{22}")),
            Map.entry("sender", TEXT),
            Map.entry("sub?", STRING),
            Map.entry("cnf?", Map.of("x5t#S256", matching("[A-Za-z0-9_-]{43}"))),
            Map.entry("crt?", Map.of(
                    "issuer", STRING, "serial", TEXT, "notBefore", SECONDS, "notAfter", SECONDS, "anchor?", TEXT,
                    "platform?", Map.of("verified", STRING, "revoked", BOOLEAN))),
            Map.entry("req", Map.of("method", TEXT, "target", TEXT, "type", STRING, "digest", TEXT)),
            Map.entry("hdr?", Map.of("names", listOf(matching("[!#$%&'*+.^_`|~0-9a-z-]+")), "digest", TEXT)),
            Map.entry("amr", listOf(TEXT)),
            Map.entry("pol", matching("[0-9a-f]{64}")),
            Map.entry("txn", TEXT));

    private static boolean areClaims(JsonNode claims) {
        if (!fits(claims, CLAIMS)) return false;
        boolean hasCertificate = textsOf(claims.get("amr")).anyMatch(exactly("mtls"));
        long iat = claims.get("iat").longValue();
        long life = claims.get("exp").longValue() - iat;
        long wait = claims.has("rcv") ? iat - claims.get("rcv").longValue() : 1;
        return List.of("sub", "cnf", "crt").stream().allMatch(name -> claims.has(name) == hasCertificate)
                && life > 0 && life <= LIFETIME && wait > 0 && wait <= LONGEST_WAIT;
    }

    /** True if an object has the members of the form and no others. */
    @SuppressWarnings("unchecked")
    private static boolean fits(JsonNode node, Object form) {
        if (form instanceof Predicate<?> check) return ((Predicate<JsonNode>) check).test(node);
        if (!node.isObject()) return false;
        int known = 0;
        for (Map.Entry<String, Object> part : ((Map<String, Object>) form).entrySet()) {
            String name = part.getKey().replace("?", "");
            if (node.has(name) ? !fits(node.get(name), part.getValue()) : name.equals(part.getKey())) return false;
            if (node.has(name)) known++;
        }
        return known == node.size();
    }

    private static Predicate<JsonNode> exactly(String text) {
        return node -> text.equals(node.textValue());
    }

    private static Predicate<JsonNode> matching(String pattern) {
        return STRING.and(node -> node.textValue().matches(pattern));
    }

    private static Predicate<JsonNode> listOf(Predicate<JsonNode> check) {
        return node -> node.isArray() && !node.isEmpty() && textsOf(node).allMatch(check);
    }

    private static Stream<JsonNode> textsOf(JsonNode list) {
        List<JsonNode> nodes = new ArrayList<>();
        list.forEach(nodes::add);
        return nodes.stream();
    }

    /** Joins several fields of one name, which gives a text that no edge sends. Returns null if there is none. */
    private static String field(Request request, String name) {
        List<String> values = request.headers().stream()
                .filter(header -> header.getKey().equals(name)).map(Map.Entry::getValue).collect(Collectors.toList());
        return values.isEmpty() ? null : String.join(", ", values);
    }

    /** Returns a node that fits no form if the octets are not JSON. They are decoded first, because Jackson also accepts UTF-16. */
    private static JsonNode readJson(byte[] octets) {
        try {
            return JSON.readTree(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(octets)).toString());
        } catch (CharacterCodingException | JsonProcessingException none) {
            return JSON.missingNode();
        }
    }

    private static PublicKey readKey(JsonNode jwk) throws GeneralSecurityException {
        boolean isOfAnEdge = exactly("EC").test(jwk.get("kty")) && exactly("P-256").test(jwk.get("crv"));
        if (!isOfAnEdge) throw new GeneralSecurityException("a key that is none of an edge");
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        ECPoint point = new ECPoint(
                new BigInteger(1, decode(jwk.get("x").textValue())), new BigInteger(1, decode(jwk.get("y").textValue())));
        return KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(point, curve.getParameterSpec(ECParameterSpec.class)));
    }

    private static byte[] sha256(byte[] octets) throws GeneralSecurityException {
        return MessageDigest.getInstance("SHA-256").digest(octets);
    }

    private static boolean isBase64Url(String segment) {
        return !segment.isEmpty() && encode(decode(segment)).equals(segment);
    }

    /** Returns nothing if the segment is not base64url. */
    private static byte[] decode(String segment) {
        try {
            return Base64.getUrlDecoder().decode(segment);
        } catch (IllegalArgumentException none) {
            return new byte[0];
        }
    }

    private static String encode(byte[] octets) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(octets);
    }

    private static void check(boolean isRight, String code) throws Refused {
        if (!isRight) throw new Refused(code);
    }
}
