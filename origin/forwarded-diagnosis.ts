// Why a forwarded certificate is not where, or not as, this origin reads it. For the operator's log line alone: nothing here is
// read as a certificate, and names are told, never values.

/** How proxies write a certificate, by the beginning of the value. */
const SHAPES: readonly (readonly [shape: string, beginning: RegExp])[] = [
  ["percent-encoded PEM, as of nginx or alb", /^-*(?:%2D)*-*BEGIN(?:%20|\+)(?:TRUSTED%20)?CERTIFICATE/i],
  ["PEM with spaces for line feeds, as of apache", /^-----BEGIN CERTIFICATE-----/],
  ["base64 between colons, as of rfc9440", /^:MI[IJ]/],
  ["base64 of DER, as of haproxy", /^"?MI[IJ][A-Za-z0-9+/]/],
  ["percent-encoded base64 of DER, as of Traefik", /^MI[IJ][A-Za-z0-9%]/],
  ["elements with names, as of envoy", /^(?:[^;]{0,256};)?(?:By|Hash|Cert|Chain|Subject|URI|DNS)=/i],
];
/** A subject or a digest is shorter. */
const SHORTEST_CERTIFICATE = 200;
const MAX_FIELDS = 5;

/** What a value looks like; undefined when it looks like no certificate. */
export function shapeOf(value: string): string | undefined {
  return value.length < SHORTEST_CERTIFICATE ? undefined : SHAPES.find(([, beginning]) => beginning.test(value))?.[0];
}

/** The fields that look like a certificate and are none of those that are read. */
export function findOtherFields(headers: Headers, read: readonly string[]): string[] {
  const found: string[] = [];
  for (const [name, value] of headers) {
    if (found.length < MAX_FIELDS && !read.includes(name) && shapeOf(value) !== undefined) found.push(name);
  }
  return found;
}
