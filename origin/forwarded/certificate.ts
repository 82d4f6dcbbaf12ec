// Converts the header fields in which proxies forward a client certificate to a ClientCertificate. Uses web standards only. Does
// not check that the fields come from a proxy, so the caller must make sure of this (see node/proxy-server.ts). Only the
// certificate is judged. The proxy's own verdict, for example `X-SSL-Verify: SUCCESS`, and the names that the proxy writes are not
// read.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { OriginRefusal, Refusal } from "../../core/refusal.ts";
import {
  CLIENT_CERT_CHAIN_HEADER,
  CLIENT_CERT_HEADER,
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
} from "../../core/wire.ts";
import {
  type ClientCertificate,
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertificate,
} from "../../core/x509/client-certificate.ts";
import { findOtherFields, shapeOf } from "./diagnosis.ts";
import { malformed, readBase64, readConcatenatedDer, readEscapedPem, readPemCertificates } from "./pem.ts";
import { readForwardedClientCert } from "./xfcc.ts";

/** The format in which one kind of proxy forwards a certificate. */
export interface ForwardedFormat {
  readonly name: ForwardedFormatName;
  /** Every field that is read, in lower case. The proxy must set or remove each of them on every request. */
  readonly headers: readonly string[];
  readonly read: (fields: Fields) => readonly string[];
}

/** The values of `headers`, in the same order. Undefined for a field that is missing. */
type Fields = readonly (string | undefined)[];

interface Adapter {
  /** Field names. `*` stands for a name that the operator may choose. */
  readonly headers: readonly string[];
  /** The base64 of each certificate, leaf first. Empty if the proxy says that it received no certificate. */
  readonly read: (fields: Fields) => readonly string[];
}

/** Apache writes this text for a variable that is not set. */
const NOT_SENT = "(null)";
const DEFAULT_HEADER = "ssl-client-cert";

const ADAPTERS = {
  /** RFC 9440 has a separate field for the chain. */
  rfc9440: {
    headers: [CLIENT_CERT_HEADER, CLIENT_CERT_CHAIN_HEADER],
    read: ([leaf, chain = ""]) => (leaf ? [parseClientCertField(leaf), ...parseClientCertChainField(chain)] : []),
  },
  /** The value is nginx's variable `$ssl_client_escaped_cert`. nginx has no variable for the chain. */
  nginx: { headers: ["*"], read: ([leaf]) => (leaf ? one(readEscapedPem(leaf)) : []) },
  /**
   * The value is Apache's `%{SSL_CLIENT_CERT}s`. `mod_headers` writes a space instead of a line feed, and "(null)" if there is no
   * certificate.
   */
  apache: {
    headers: ["*", "*-chain"],
    read: ([leaf, chain = NOT_SENT]) =>
      leaf && leaf !== NOT_SENT ? [...one(readPemCertificates(leaf, "space")), ...readApacheChain(chain)] : [],
  },
  /** The values are HAProxy's `ssl_c_der,base64` and `ssl_c_chain_der,base64`, with or without the quotes of `%{+Q}`. */
  haproxy: {
    headers: ["*", "*-chain"],
    read: ([leaf, chain]) =>
      leaf && leaf !== '""'
        ? [readBase64(unquote(leaf)), ...(chain === undefined ? [] : readConcatenatedDer(unquote(chain)))]
        : [],
  },
  envoy: { headers: ["x-forwarded-client-cert"], read: ([xfcc]) => (xfcc ? readForwardedClientCert(xfcc) : []) },
  /**
   * In passthrough mode, an ALB sends the chain. In verify mode, an ALB sends only the leaf. Each listener of an ALB has one mode.
   */
  alb: {
    headers: ["x-amzn-mtls-clientcert", "x-amzn-mtls-clientcert-leaf"],
    read: ([chain, leaf]) => {
      if (chain !== undefined && leaf !== undefined) throw malformed("the fields of both ALB modes are present");
      if (leaf) return one(readEscapedPem(leaf));
      return chain ? readEscapedPem(chain) : [];
    },
  },
} as const satisfies Record<string, Adapter>;

export type ForwardedFormatName = keyof typeof ADAPTERS;

export const FORWARDED_FORMATS = Object.keys(ADAPTERS) as readonly ForwardedFormatName[];

/**
 * A name with underscores is not allowed. Many programs read an underscore as a hyphen, so two different names would count as the
 * same field.
 */
const HEADER_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/**
 * Finds a format by its name. `header` is the name of the leaf's field, for formats in which the operator may choose this name
 * (default `ssl-client-cert`). The name of the chain's field is that name followed by `-chain`.
 * @throws ConfigurationError
 */
export function forwardedFormat(name: string, header?: string): ForwardedFormat {
  if (!isFormatName(name)) {
    throw new ConfigurationError("format", [`${JSON.stringify(name)} is none of ${FORWARDED_FORMATS.join(", ")}`]);
  }
  const { headers, read }: Adapter = ADAPTERS[name];
  const field = (header ?? DEFAULT_HEADER).toLowerCase();
  if (header !== undefined && headers[0] !== "*") {
    throw new ConfigurationError("format", [`${name} always uses ${headers.join(", ")}`]);
  }
  if (!HEADER_NAME.test(field))
    throw new ConfigurationError("format", [`${JSON.stringify(header)}: letters, digits, -`]);
  return { name, read, headers: headers.map((pattern) => pattern.replace("*", field)) };
}

function isFormatName(name: string): name is ForwardedFormatName {
  return Object.hasOwn(ADAPTERS, name);
}

/**
 * The maximum length of a field before it is decoded. Percent-encoding writes up to three characters for one character, and PEM
 * adds line ends. Therefore the maximum is four times the length that a decoded certificate and its chain may have together.
 */
const MAX_ENCODED_CHARACTERS = 4 * (MAX_CERTIFICATE_FIELD_CHARACTERS + MAX_CHAIN_FIELD_CHARACTERS);

/**
 * Reads the certificate that a proxy forwards. If a field was sent twice, its values arrive joined by a comma, and the request is
 * refused, because no format permits a comma in a leaf. Does not check that a proxy set the fields, and does not verify the
 * certificate.
 * @throws Refusal `no_certificate`, `certificate_elsewhere`, `certificate_too_large`, `certificate_malformed`,
 * `too_many_intermediates`
 */
export function readForwardedCertificate(headers: Headers, format: ForwardedFormat): ClientCertificate {
  const fields = format.headers.map((name) => headers.get(name) ?? undefined);
  if (fields.some((field = "") => field.length > MAX_ENCODED_CHARACTERS)) throw new Refusal("certificate_too_large");
  const [leaf, ...intermediates] = readFields(fields, format);
  if (leaf === undefined) throw notFound(headers, format);
  return parseClientCertificate({ leaf, intermediates, platform: undefined });
}

function readFields(fields: Fields, { name, headers, read }: ForwardedFormat): readonly string[] {
  try {
    return read(fields);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const received = headers.flatMap((header, index) => {
      const shape = shapeOf(fields[index] ?? "");
      return shape === undefined ? [] : [`${header}: ${shape}`];
    });
    throw new OriginRefusal(error.code, { ...error.details, expected: `${name} in ${headers.join(", ")}`, received });
  }
}

/**
 * Returns the refusal of a request from whose expected fields no certificate was read. If one of these fields is present, the proxy
 * said with it that the client sent no certificate. If all of them are missing, other fields are searched for the certificate.
 */
function notFound(headers: Headers, { headers: expected }: ForwardedFormat): Refusal {
  const found = expected.some((name) => headers.has(name)) ? [] : findOtherFields(headers, expected);
  if (found.length === 0) return new Refusal("no_certificate", { expected });
  return new OriginRefusal("certificate_elsewhere", { expected, found });
}

function one(certificates: readonly string[]): readonly string[] {
  if (certificates.length !== 1) throw malformed("more than one certificate where the leaf belongs");
  return certificates;
}

/** Reads `%{SSL_CLIENT_CERT_CHAIN_0}s%{SSL_CLIENT_CERT_CHAIN_1}s…`: first the certificates, then "(null)" for each missing one. */
function readApacheChain(text: string): string[] {
  let end = text.length;
  while (text.endsWith(NOT_SENT, end)) end -= NOT_SENT.length;
  return readPemCertificates(text.slice(0, end), "space");
}

function unquote(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? text;
}
