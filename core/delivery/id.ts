// Makes ids that begin with the time at which they are made, so that ids of about the same time are adjacent in an index. With
// random ids, an inbox with a million events would write to a different page of each index for every event. Clock and randomness
// are passed in.

const TIME_OCTETS = 6;
const OCTETS = 16;

/** One buffer that all ids share. Allocating a buffer for each id would take longer than the rest of the work. */
const octets = Buffer.alloc(OCTETS);

/** The id of an event and of its decision: a UUID of version 7 (RFC 9562 §5.7). `random` has 16 octets; 74 bits of it are used. */
export function formatEventId(milliseconds: number, random: Uint8Array): string {
  fill(milliseconds, random);
  octets[6] = 0x70 | ((octets[6] ?? 0) & 0x0f);
  octets[8] = 0x80 | ((octets[8] ?? 0) & 0x3f);
  const hex = octets.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The id of an assertion: 48 bits of time and 80 random bits, in base64url. `random` has 16 octets. */
export function formatAssertionId(milliseconds: number, random: Uint8Array): string {
  fill(milliseconds, random);
  return octets.toString("base64url");
}

function fill(milliseconds: number, random: Uint8Array): void {
  if (random.byteLength !== OCTETS) throw new RangeError(`${random.byteLength} octets, not ${OCTETS}`);
  octets.set(random);
  // Buffer's methods are not used: their argument checks take more time than all other work on an id.
  let rest = milliseconds;
  for (let index = TIME_OCTETS - 1; index >= 0; index -= 1) {
    octets[index] = rest;
    rest = Math.floor(rest / 0x100);
  }
}
