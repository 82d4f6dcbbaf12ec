// Explains why a forwarded certificate is missing or unreadable. The explanation is only for the operator's log line. This file
// never returns a certificate. Only the names of fields are shown, never their values.

/** The forms in which proxies write a certificate. The beginning of a value shows its form. */
const SHAPES: readonly (readonly [shape: string, beginning: RegExp])[] = [
  ["percent-encoded PEM, as of nginx or alb", /^-*(?:%2D)*-*BEGIN(?:%20|\+)(?:TRUSTED%20)?CERTIFICATE/i],
  ["PEM with spaces for line feeds, as of apache", /^-----BEGIN CERTIFICATE-----/],
  ["base64 between colons, as of rfc9440", /^:MI[IJ]/],
  ["base64 of DER, as of haproxy", /^"?MI[IJ][A-Za-z0-9+/]/],
  ["percent-encoded base64 of DER, as of Traefik", /^MI[IJ][A-Za-z0-9%]/],
  ["elements with names, as of envoy", /^(?:[^;]{0,256};)?(?:By|Hash|Cert|Chain|Subject|URI|DNS)=/i],
];
/** The smallest number of characters of a certificate. A shorter value is something else, for example a subject or a digest. */
const SHORTEST_CERTIFICATE = 200;
const MAX_FIELDS = 5;

/** Returns the form of a value. Undefined if the value does not look like a certificate. */
export function shapeOf(value: string): string | undefined {
  return value.length < SHORTEST_CERTIFICATE ? undefined : SHAPES.find(([, beginning]) => beginning.test(value))?.[0];
}

/** Returns the names of the fields whose values look like a certificate, except the fields that this origin reads (`read`). */
export function findOtherFields(headers: Headers, read: readonly string[]): string[] {
  const found: string[] = [];
  for (const [name, value] of headers) {
    if (found.length < MAX_FIELDS && !read.includes(name) && shapeOf(value) !== undefined) found.push(name);
  }
  return found;
}
