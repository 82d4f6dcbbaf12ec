// Says in words where the token of a sender stands.

/** For example `in x-acme-token`, or `at /state of the body`. */
export function placeOfToken({
  header,
  pointer,
}: {
  readonly header?: string | null | undefined;
  readonly pointer?: string | null | undefined;
}): string {
  return typeof header !== "string" ? `at ${pointer} of the body` : `in ${header}`;
}
