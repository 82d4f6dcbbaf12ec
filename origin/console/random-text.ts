// Makes texts that nobody can guess.

/** Returns 128 random bits in base64url. */
export function randomText(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  return Buffer.from(octets).toString("base64url");
}
