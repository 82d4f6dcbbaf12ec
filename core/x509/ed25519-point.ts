// Checks that 32 octets are the encoding of a usable Ed25519 public key (RFC 8032 §5.1). The runtimes do not check this before they
// verify a signature.

/** P and D are constants of RFC 8032. The field is the integers modulo P = 2^255 − 19. The curve is −x² + y² = 1 + Dx²y². */
const P = 2n ** 255n - 19n;
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;
/** One value of y for points of order eight. The other value is P minus this value. */
const Y_OF_ORDER_EIGHT = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
/**
 * The values of y for points of order one, two, four and eight. P and P + 1 stand for 0 and 1 in an encoding that is not reduced
 * modulo P.
 */
const LOW_ORDER: ReadonlySet<bigint> = new Set([1n, P - 1n, 0n, Y_OF_ORDER_EIGHT, P - Y_OF_ORDER_EIGHT, P, P + 1n]);

/**
 * True if the point has a low order. No key pair has such a point. With such a point as the key, either anybody can make signatures
 * that match, or nobody can.
 */
export function isLowOrderPoint(octets: Uint8Array): boolean {
  return LOW_ORDER.has(yOf(octets));
}

/** True if the octets encode a point that a key pair can have. */
export function isPublicPoint(octets: Uint8Array): boolean {
  const y = yOf(octets);
  if (octets.length !== 32 || y >= P || LOW_ORDER.has(y)) return false;
  // x² = (y² − 1) / (Dy² + 1) has a solution if the product of both sides of the fraction is a square (Euler's criterion).
  const square = (y * y) % P;
  return power((square - 1n) * (D * square + 1n), (P - 1n) / 2n) === 1n;
}

/** Returns y, which is the encoded number without its highest bit. The highest bit is the sign of x. */
function yOf(octets: Uint8Array): bigint {
  return BigInt.asUintN(255, BigInt(`0x${Buffer.from(octets).reverse().toString("hex") || "0"}`));
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % P;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
