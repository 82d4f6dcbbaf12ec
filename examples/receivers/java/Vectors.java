import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Runs every case of vectors/assertion.json through the receiver. */
public final class Vectors {
    public static void main(String[] arguments) throws Exception {
        String file = arguments.length > 0 ? arguments[0] : "../../../vectors/assertion.json";
        JsonNode vectors = new ObjectMapper().readTree(Files.readString(Path.of(file)));
        Set<String> seen = new HashSet<>();
        Receiver receiver = new Receiver(
                vectors.get("issuer").textValue(),
                vectors.get("audience").textValue(),
                vectors.get("jwks"),
                (issuer, jti, until) -> seen.add(issuer + " " + jti));
        int passed = 0;
        int wrong = 0;
        for (JsonNode one : vectors.get("cases")) {
            Map<String, String> signed = new HashMap<>();
            String verdict = judge(receiver, one, signed);
            Map<String, String> expected = new HashMap<>();
            one.path("signed").forEach(header -> expected.put(header.get(0).textValue(), header.get(1).textValue()));
            boolean isRight = verdict.equals(one.get("expect").textValue() + " " + one.path("reason").asText(""))
                    && signed.equals(expected);
            if (isRight) passed++;
            else wrong++;
            System.out.println((isRight ? "ok    " : "WRONG ") + verdict + " | " + one.get("name").textValue());
        }
        System.out.println(passed + " passed, " + wrong + " failed");
        System.exit(passed > 0 && wrong == 0 ? 0 : 1);
    }

    /** @param signed receives the headers that were signed */
    private static String judge(Receiver receiver, JsonNode one, Map<String, String> signed) throws Exception {
        List<Map.Entry<String, String>> headers = new ArrayList<>();
        for (JsonNode header : one.get("headers")) {
            headers.add(Map.entry(header.get(0).textValue(), header.get(1).textValue()));
        }
        byte[] body = one.has("bodyBase64")
                ? Base64.getDecoder().decode(one.get("bodyBase64").textValue())
                : one.get("body").textValue().getBytes(StandardCharsets.UTF_8);
        Receiver.Request request = new Receiver.Request(
                one.get("method").textValue(), one.get("target").textValue(), headers, () -> body);
        try {
            signed.putAll(receiver.verify(request, one.get("now").longValue()).headers());
            return "accept ";
        } catch (Receiver.Refused refused) {
            return "reject " + refused.getMessage();
        }
    }
}
