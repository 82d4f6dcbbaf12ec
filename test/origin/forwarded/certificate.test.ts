// Tests every format of a certificate field: as a proxy writes it, and as an attacker might write it.

import { beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { ConfigurationError } from "../../../core/configuration-error.ts";
import { Refusal } from "../../../core/refusal.ts";
import { FORWARDED_FORMATS, forwardedFormat, readForwardedCertificate } from "../../../origin/forwarded/certificate.ts";

let leaf: Identity;
let other: Identity;
let first: Identity;
let second: Identity;
beforeAll(async () => {
  second = await issueCertificate({ subject: [{ CN: ["second"] }], ca: {} });
  first = await issueCertificate({ subject: [{ CN: ["first"] }], ca: {} }, second);
  // The base64 of each leaf contains a plus. So the test fails if a plus is changed, for example to a space.
  const withPlus = async (subject: string): Promise<Identity> => {
    const made = await issueCertificate({ subject: [{ CN: [subject] }] }, first);
    return made.base64.includes("+") ? made : withPlus(subject);
  };
  leaf = await withPlus("leaf");
  other = await withPlus("other");
});

/** Returns the refusal of these fields in this format, with its details for the operator. */
function refusalOf(format: string, fields: Fields, header?: string) {
  try {
    readForwardedCertificate(new Headers(fields), forwardedFormat(format, header));
    throw new Error("it was read");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code, ...error.details };
  }
}

type Fields = Readonly<Record<string, string>>;

/** Returns the certificates that are read, in base64 with the leaf first, or the code of the refusal. */
function read(format: string, fields: Fields | Headers): string[] | string {
  const headers = fields instanceof Headers ? fields : new Headers(fields);
  try {
    const certificate = readForwardedCertificate(headers, forwardedFormat(format));
    return [certificate.leaf, ...certificate.intermediates].map(({ base64 }) => base64);
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

const base64Of = (...identities: Identity[]) => identities.map(({ base64 }) => base64);
const pemOf = (...identities: Identity[]) => identities.map(({ pem }) => `${pem.trim()}\n`).join("");
/** Percent-encodes everything except unreserved characters, as nginx and Envoy do. */
const escaped = (...identities: Identity[]) => encodeURIComponent(pemOf(...identities));
/** Percent-encodes spaces and line feeds, but not `+`, `=` and `/`, as an ALB does. */
const halfEscaped = (...identities: Identity[]) =>
  pemOf(...identities).replace(/[ \n]/g, (character) => encodeURIComponent(character));
/** Replaces line feeds with spaces, as Apache's mod_headers does. */
const spaced = (...identities: Identity[]) => pemOf(...identities).replaceAll("\n", " ");
const derOf = (...identities: Identity[]) =>
  Buffer.concat(identities.map(({ certificate }) => Buffer.from(certificate.rawData)));
const privateKey = () => encodeURIComponent(`${leaf.keyPem.trim()}\n`);

/** For each format, the field that contains the leaf, and its value. */
const LEAF_FIELDS: Readonly<Record<string, () => [name: string, value: string]>> = {
  rfc9440: () => ["client-cert", `:${leaf.base64}:`],
  nginx: () => ["ssl-client-cert", escaped(leaf)],
  apache: () => ["ssl-client-cert", spaced(leaf)],
  haproxy: () => ["ssl-client-cert", leaf.base64],
  envoy: () => ["x-forwarded-client-cert", `Hash=0a;Cert="${escaped(leaf)}"`],
  alb: () => ["x-amzn-mtls-clientcert-leaf", halfEscaped(leaf)],
};

test("every format is tested here", () => {
  expect(Object.keys(LEAF_FIELDS).sort()).toEqual([...FORWARDED_FORMATS].sort());
});

describe.each(Object.keys(LEAF_FIELDS))("%s", (format) => {
  const field = () => LEAF_FIELDS[format]?.() ?? ["", ""];

  test("reads the leaf", () => {
    expect(read(format, Object.fromEntries([field()]))).toEqual(base64Of(leaf));
  });

  test("finds no certificate if the field is missing or empty", () => {
    expect(read(format, {})).toBe("no_certificate");
    expect(read(format, { [field()[0]]: "" })).toBe("no_certificate");
    expect(read(format, { "x-ssl-verify": "SUCCESS", "x-ssl-client-verify": "SUCCESS" })).toBe("no_certificate");
  });

  test("refuses a field that was sent twice", () => {
    const [name, value] = field();
    const headers = new Headers([field()]);
    headers.append(name, value);
    expect(read(format, headers)).toBe("certificate_malformed");
    const withOther = new Headers([[name, "x"]]);
    withOther.append(name, value);
    expect(read(format, withOther)).toBe("certificate_malformed");
  });

  test("refuses a value with anything before it, after it, or cut off", () => {
    const [name, value] = field();
    for (const odd of [
      `x${value}`,
      `${value}x`,
      `${value} x`,
      value.slice(0, -9),
      value.slice(0, value.length / 2),
      `"${value}`,
    ]) {
      expect(read(format, { [name]: odd }), odd.slice(0, 60)).toBe("certificate_malformed");
    }
  });

  test("refuses a plus that became a space, or was lost", () => {
    const [name, value] = field();
    const plus = /%2B|\+/g;
    expect(value).toMatch(plus);
    expect(read(format, { [name]: value.replace(plus, " ") })).toBe("certificate_malformed");
    expect(read(format, { [name]: value.replace(plus, "%20") })).toBe("certificate_malformed");
    expect(read(format, { [name]: value.replace(plus, "") })).toBe("certificate_malformed");
  });

  test("refuses what is too large before it is decoded", () => {
    const [name, value] = field();
    expect(read(format, { [name]: value + "A".repeat(128 * 1024) })).toBe("certificate_too_large");
  });

  test("refuses a leaf over the limit of one certificate", async () => {
    const names = Array.from({ length: 250 }, (_, index) => ({
      type: "dns" as const,
      value: `${index}.a-rather-long-name.example`,
    }));
    const large = await issueCertificate({ subject: [{ CN: ["large"] }], subjectAltNames: names });
    expect(large.base64.length).toBeGreaterThan(10 * 1024);
    const before = leaf;
    leaf = large;
    try {
      expect(read(format, Object.fromEntries([field()]))).toBe("certificate_too_large");
    } finally {
      leaf = before;
    }
  });
});

describe("chains", () => {
  const chains: Readonly<Record<string, (...identities: Identity[]) => Fields>> = {
    rfc9440: (...chain) => ({
      "client-cert": `:${leaf.base64}:`,
      "client-cert-chain": chain.map(({ base64 }) => `:${base64}:`).join(", "),
    }),
    apache: (...chain) => ({
      "ssl-client-cert": spaced(leaf),
      "ssl-client-cert-chain": `${spaced(...chain)}(null)(null)`,
    }),
    haproxy: (...chain) => ({
      "ssl-client-cert": leaf.base64,
      "ssl-client-cert-chain": derOf(...chain).toString("base64"),
    }),
    envoy: (...chain) => ({ "x-forwarded-client-cert": `Chain="${escaped(leaf, ...chain)}"` }),
    alb: (...chain) => ({ "x-amzn-mtls-clientcert": halfEscaped(leaf, ...chain) }),
  };

  describe.each(Object.keys(chains))("%s", (format) => {
    const fields = (...chain: Identity[]) => chains[format]?.(...chain) ?? {};

    test("are read in the order in which they were sent", () => {
      expect(read(format, fields(first))).toEqual(base64Of(leaf, first));
      expect(read(format, fields(first, second))).toEqual(base64Of(leaf, first, second));
      expect(read(format, fields(second, first))).toEqual(base64Of(leaf, second, first));
    });

    test("are refused with more intermediates than a path may need", () => {
      expect(read(format, fields(...Array.from({ length: 11 }, () => first)))).toBe("too_many_intermediates");
    });

    test("are refused as a whole when one member is malformed", () => {
      const broken = { ...first, pem: second.pem.replace("MII", "AAA"), base64: "AAAA" };
      broken.certificate = { rawData: Buffer.from("300102", "hex") } as never;
      expect(read(format, fields(first, broken))).toBe("certificate_malformed");
    });

    test("are refused over the limit", async () => {
      const names = Array.from({ length: 200 }, (_, index) => ({
        type: "dns" as const,
        value: `${index}.a-rather-long-name.example`,
      }));
      const large = await issueCertificate({ subject: [{ CN: ["large"] }], ca: {}, subjectAltNames: names });
      expect(read(format, fields(large, large, large))).toBe("certificate_too_large");
    });
  });

  test("without a leaf count as no certificate", () => {
    const { "client-cert-chain": chain = "" } = chains["rfc9440"]?.(first) ?? {};
    expect(read("rfc9440", { "client-cert-chain": chain })).toBe("no_certificate");
    expect(read("apache", { "ssl-client-cert-chain": spaced(first) })).toBe("no_certificate");
    expect(read("haproxy", { "ssl-client-cert-chain": first.base64 })).toBe("no_certificate");
  });

  test("are refused if empty from haproxy, which leaves out an empty one", () => {
    expect(read("haproxy", { "ssl-client-cert": leaf.base64, "ssl-client-cert-chain": "" })).toBe(
      "certificate_malformed",
    );
    expect(read("rfc9440", { "client-cert": `:${leaf.base64}:`, "client-cert-chain": "" })).toEqual(base64Of(leaf));
  });
});

describe("percent-encoded PEM", () => {
  const nginx = (value: string) => read("nginx", { "ssl-client-cert": value });

  test("is read with both kinds of line ends", () => {
    expect(nginx(encodeURIComponent(pemOf(leaf).replaceAll("\n", "\r\n")))).toEqual(base64Of(leaf));
    expect(nginx(encodeURIComponent(pemOf(leaf).trim()))).toEqual(base64Of(leaf));
    expect(nginx(halfEscaped(leaf))).toEqual(base64Of(leaf));
  });

  test.each<readonly [string, () => string]>([
    ["encoded twice", () => encodeURIComponent(escaped(leaf))],
    ["with a broken escape", () => escaped(leaf).replace("%20", "%2")],
    ["with an escape of no digits", () => escaped(leaf).replace("%20", "%zz")],
    ["with an overlong escape", () => escaped(leaf).replace("%20", "%c0%a0")],
    ["with an escaped zero", () => `${escaped(leaf)}%00`],
    ["with an escaped CR LF and a field", () => `${escaped(leaf)}%0D%0AHost:%20x`],
    ["with a lone carriage return", () => encodeURIComponent(pemOf(leaf).replaceAll("\n", "\r"))],
    ["with a tab in the base64", () => escaped(leaf).replace("%0AMII", "%0A%09MII")],
    ["with an empty line", () => escaped(leaf).replace("%0AMII", "%0A%0AMII")],
    ["unescaped, with spaces", () => spaced(leaf)],
    ["with two leaves", () => escaped(leaf, other)],
    ["with a private key", () => privateKey()],
    ["with a private key after the leaf", () => escaped(leaf) + privateKey()],
    ["with a private key before the leaf", () => privateKey() + escaped(leaf)],
    ["with another label", () => escaped(leaf).replaceAll("CERTIFICATE", "TRUSTED%20CERTIFICATE")],
    ["with text before the block", () => encodeURIComponent(`subject=CN=leaf\n${pemOf(leaf)}`)],
    ["with an attribute in the block", () => encodeURIComponent(pemOf(leaf).replace("\nMII", "\nProc-Type: 4\nMII"))],
    ["with padding that is not canonical", () => encodeURIComponent(pemOf(leaf).replace("\n-----END", "=\n-----END"))],
    ["without a certificate", () => encodeURIComponent("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")],
  ])("is refused %s", (_, value) => {
    expect(nginx(value())).toBe("certificate_malformed");
  });

  test("never puts a private key into the refusal", () => {
    const key = leaf.keyPem.split("\n")[1] ?? "";
    try {
      readForwardedCertificate(new Headers({ "ssl-client-cert": privateKey() }), forwardedFormat("nginx"));
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify((error as Refusal).details)).not.toContain(key.slice(0, 20));
    }
  });
});

describe("apache", () => {
  const apache = (value: string, chain?: string) =>
    read("apache", { "ssl-client-cert": value, ...(chain !== undefined && { "ssl-client-cert-chain": chain }) });

  test("writes (null) for a certificate that was not sent", () => {
    expect(apache("(null)", "(null)(null)")).toBe("no_certificate");
    expect(apache(spaced(leaf), "(null)(null)")).toEqual(base64Of(leaf));
    expect(apache(spaced(leaf), `${spaced(first)}(null)(null)`)).toEqual(base64Of(leaf, first));
    expect(apache(spaced(leaf), spaced(first, second))).toEqual(base64Of(leaf, first, second));
  });

  test.each<readonly [string, () => string]>([
    ["(null) after it", () => `${spaced(leaf)}(null)`],
    ["(null) before it", () => `(null)${spaced(leaf)}`],
    ["two spaces in it", () => spaced(leaf).replace(" MII", "  MII")],
    ["a tab in it", () => spaced(leaf).replace(" MII", "\tMII")],
    ["another after it", () => spaced(leaf, other)],
    ["percent-encoding", () => escaped(leaf)],
  ])("refuses a leaf with %s", (_, value) => {
    expect(apache(value())).toBe("certificate_malformed");
  });

  test("refuses a chain with (null) in the middle", () => {
    expect(apache(spaced(leaf), `${spaced(first)}(null)${spaced(second)}`)).toBe("certificate_malformed");
  });
});

describe("haproxy", () => {
  const haproxy = (value: string, chain?: string) =>
    read("haproxy", { "ssl-client-cert": value, ...(chain !== undefined && { "ssl-client-cert-chain": chain }) });

  test("may put its values into quotes", () => {
    expect(haproxy(`"${leaf.base64}"`, `"${first.base64}"`)).toEqual(base64Of(leaf, first));
    expect(haproxy('""')).toBe("no_certificate");
  });

  test.each<readonly [string, () => string]>([
    ["base64url", () => leaf.base64.replaceAll("+", "-").replaceAll("/", "_")],
    ["no padding and a bit too many", () => `${leaf.base64.replaceAll("=", "")}A`],
    ["two certificates", () => derOf(leaf, other).toString("base64")],
    ["octets after the certificate", () => Buffer.concat([derOf(leaf), Buffer.of(0)]).toString("base64")],
    ["a line end", () => `${leaf.base64.slice(0, 64)} ${leaf.base64.slice(64)}`],
  ])("refuses a leaf in %s", (_, value) => {
    expect(haproxy(value())).toBe("certificate_malformed");
  });

  test.each<readonly [string, () => Buffer]>([
    ["breaks off in a header", () => Buffer.concat([derOf(first), Buffer.of(0x30)])],
    ["breaks off in a length", () => Buffer.concat([derOf(first), Buffer.of(0x30, 0x82, 1)])],
    ["breaks off in a certificate", () => derOf(first, second).subarray(0, -1)],
    ["has an indefinite length", () => Buffer.concat([derOf(first), Buffer.of(0x30, 0x80, 0, 0)])],
    ["has a length of eight octets", () => Buffer.concat([derOf(first), Buffer.from("3088ffffffffffffffff", "hex")])],
    ["has an empty member", () => Buffer.concat([derOf(first), Buffer.of(0x30, 0)])],
    ["has zeros between its members", () => Buffer.concat([derOf(first), Buffer.of(0, 0), derOf(second)])],
  ])("refuses a chain that %s", (_, chain) => {
    expect(haproxy(leaf.base64, chain().toString("base64"))).toBe("certificate_malformed");
  });
});

describe("envoy", () => {
  const envoy = (value: string) => read("envoy", { "x-forwarded-client-cert": value });
  const cert = (identity = leaf) => `Cert="${escaped(identity)}"`;

  test("reads Cert, Chain or both among the other pairs", () => {
    expect(
      envoy(`By=spiffe://proxy;Hash=ab;${cert()};Subject="CN=leaf";URI=spiffe://a/b;DNS=a.example;DNS=b.example`),
    ).toEqual(base64Of(leaf));
    expect(envoy(`By=a;By=b;Hash=ab;${cert()};Chain="${escaped(leaf, first)}";Subject="";URI=`)).toEqual(
      base64Of(leaf, first),
    );
    expect(envoy(`Chain="${escaped(leaf, first, second)}"`)).toEqual(base64Of(leaf, first, second));
  });

  test("reads the inside of quotes as text", () => {
    const traps = ['CN=\\"x\\"', `O=a;Cert=x,Chain=y`, `CN=a\\";Cert=\\"${"x"}\\"`, "O=Acme\\\\, Inc.\\, x=y,C=US"];
    for (const subject of traps) expect(envoy(`${cert()};Subject="${subject}"`), subject).toEqual(base64Of(leaf));
    expect(envoy(`Subject="Cert=\\"${escaped(leaf)}\\""`)).toBe("certificate_malformed");
  });

  test.each<readonly [string, () => string]>([
    ["a second element", () => `${cert()},${cert()}`],
    ["a second element without a certificate", () => `${cert()},By=x`],
    ["a first element without a certificate", () => `Hash=0a,${cert(other)}`],
    ["Cert twice", () => `${cert()};${cert()}`],
    ["another Cert in an unquoted URI", () => `${cert()};URI=spiffe://x;${cert(other)}`],
    ["a Cert in an unquoted URI, and no other", () => `Hash=0a;URI=spiffe://x;${cert(other)}`],
    ["a Cert in an unquoted DNS, and no other", () => `Hash=0a;URI=;DNS=x;${cert(other)}`],
    ["an element in an unquoted URI", () => `Hash=0a;URI=x,Hash=0b;${cert(other)}`],
    ["a Chain that begins with another leaf", () => `${cert()};Chain="${escaped(other, first)}"`],
    ["a Cert of two certificates", () => `Cert="${escaped(leaf, first)}"`],
    ["an unquoted Cert", () => `Cert=${escaped(leaf)}`],
    ["a lower-case key", () => `cert="${escaped(leaf)}"`],
    ["an unknown key", () => `${cert()};Extra=1`],
    ["keys out of order", () => `Subject="x";${cert()}`],
    ["a quote that does not end", () => `${cert()};Subject="x`],
    ["a quote in an unquoted value", () => `${cert()};URI=a"b`],
    ["text after a quote", () => `${cert()}x;Hash=a`],
    ["a space after the separator", () => `Hash=0a; ${cert()}`],
    ["a separator at the end", () => `${cert()};`],
    ["an empty pair", () => `Hash=0a;;${cert()}`],
    ["neither Cert nor Chain", () => 'Hash=0a;Subject="CN=leaf"'],
    ["an empty Cert", () => 'Hash=0a;Cert=""'],
    ["spaces instead of escapes", () => `Cert="${spaced(leaf)}"`],
  ])("refuses %s", (_, value) => {
    expect(envoy(value())).toBe("certificate_malformed");
  });
});

describe("alb", () => {
  test("refuses the fields of both modes together", () => {
    const fields = { "x-amzn-mtls-clientcert": halfEscaped(leaf), "x-amzn-mtls-clientcert-leaf": halfEscaped(leaf) };
    expect(read("alb", fields)).toBe("certificate_malformed");
  });

  test("reads nothing from the printed fields", () => {
    expect(
      read("alb", { "x-amzn-mtls-clientcert-subject": "CN=leaf", "x-amzn-mtls-clientcert-serial-number": "01" }),
    ).toBe("no_certificate");
  });
});

describe("forwardedFormat", () => {
  test("reads the field that the operator chose, and no other", () => {
    const format = forwardedFormat("haproxy", "X-Client-DER");
    expect(format.headers).toEqual(["x-client-der", "x-client-der-chain"]);
    const headers = new Headers({ "x-client-der": leaf.base64, "ssl-client-cert": other.base64 });
    expect(readForwardedCertificate(headers, format).leaf.base64).toBe(leaf.base64);
  });

  test.each([
    ["traefik", undefined],
    ["toString", undefined],
    ["", undefined],
    ["rfc9440", "x-cert"],
    ["envoy", "x-cert"],
    ["alb", "x-cert"],
    ["nginx", "X_Cert"],
    ["nginx", ""],
    ["nginx", "x cert"],
    ["nginx", "*"],
  ])("refuses %j with the field %j", (name, header) => {
    expect(() => forwardedFormat(name, header)).toThrow(ConfigurationError);
  });
});

describe("a certificate in another field or form than the expected one", () => {
  const NAMES = ["X-SSL-Cert", "X-Client-Cert", "X-Forwarded-Tls-Client-Cert", "Client-Cert", "Ssl-Client-Certificate"];

  test.each(NAMES)("in %s is not read, and the refusal names its field", (name) => {
    for (const format of ["nginx", "apache", "haproxy"]) {
      const refusal = refusalOf(format, { [name]: LEAF_FIELDS[format]?.()[1] ?? "" });
      expect(refusal).toMatchObject({ code: "certificate_elsewhere", found: [name.toLowerCase()] });
      expect(refusal).toMatchObject({ expected: expect.arrayContaining(["ssl-client-cert"]) });
    }
  });

  test.each(Object.keys(LEAF_FIELDS))(
    "as %s writes it is not read in any other format, and the refusal names its field",
    (written) => {
      const [name, value] = LEAF_FIELDS[written]?.() ?? ["", ""];
      for (const format of FORWARDED_FORMATS) {
        const { headers } = forwardedFormat(format);
        if (headers.includes(name)) continue;
        expect(refusalOf(format, { [name]: value }), format).toEqual({
          code: "certificate_elsewhere",
          expected: headers,
          found: [name],
        });
      }
    },
  );

  test("in the form of another program is refused, and the refusal names the form", () => {
    const forms = [
      ["nginx", "apache", /^ssl-client-cert: PEM with spaces .+ apache$/],
      ["nginx", "haproxy", /^ssl-client-cert: base64 of DER, as of haproxy$/],
      ["nginx", "rfc9440", /^ssl-client-cert: base64 between colons, as of rfc9440$/],
      ["nginx", "envoy", /^ssl-client-cert: elements with names, as of envoy$/],
      ["apache", "nginx", /^ssl-client-cert: percent-encoded PEM, as of nginx or alb$/],
      ["haproxy", "alb", /^ssl-client-cert: percent-encoded PEM, as of nginx or alb$/],
    ] as const;
    for (const [format, written, form] of forms) {
      const refusal = refusalOf(format, { "ssl-client-cert": LEAF_FIELDS[written]?.()[1] ?? "" });
      expect(refusal).toMatchObject({ code: "certificate_malformed", received: [expect.stringMatching(form)] });
      expect(refusal).toMatchObject({ expected: expect.stringContaining(`${format} in ssl-client-cert`) });
    }
  });

  test("is not found if no field looks like one, and the refusal reveals no value", () => {
    const secret = "s3cr3t".repeat(60);
    const fields = { "X-SSL-Verify": "NONE", Cookie: secret, "X-Cert": "MIIB" };
    expect(refusalOf("nginx", fields)).toEqual({ code: "no_certificate", expected: ["ssl-client-cert"] });
    expect(refusalOf("nginx", { ...fields, "ssl-client-cert": "" })).toMatchObject({ code: "no_certificate" });
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`x-cert-${n}`, leaf.base64]));
    expect(refusalOf("nginx", many)).toMatchObject({
      found: ["x-cert-0", "x-cert-1", "x-cert-10", "x-cert-11", "x-cert-12"],
    });
    expect(JSON.stringify(refusalOf("nginx", { "ssl-client-cert": privateKey() }))).not.toContain("PRIVATE");
  });
});
