// Ids that begin with their time, so that those of one moment are neighbours in an index: with a million events in an inbox a
// random id writes another page of each index for every event. Clock and randomness are passed in.

const TIME_OCTETS = 6;
const OCTETS = 16;

/** The id of an event and of its decision: a UUID of version 7 (RFC 9562 §5.7). `random`: 16 octets, of which 74 bits are kept. */
export function formatEventId(milliseconds: number, random: Uint8Array): string {
  const octets = withTime(milliseconds, random);
  octets[6] = 0x70 | ((octets[6] ?? 0) & 0x0f);
  octets[8] = 0x80 | ((octets[8] ?? 0) & 0x3f);
  const hex = octets.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The id of an assertion: 48 bits of time and 80 random ones, in base64url. `random`: 16 octets. */
export function formatAssertionId(milliseconds: number, random: Uint8Array): string {
  return withTime(milliseconds, random).toString("base64url");
}

function withTime(milliseconds: number, random: Uint8Array): Buffer {
  if (random.byteLength !== OCTETS) throw new RangeError(`${random.byteLength} octets, not ${OCTETS}`);
  const octets = Buffer.from(random);
  octets.writeUIntBE(milliseconds, 0, TIME_OCTETS);
  return octets;
}
