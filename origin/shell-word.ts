// Quotes file names in the commands that messages show, so that these can be pasted.

/** A word as a POSIX shell reads it. A name that begins with a dash gets "./", so that it is not read as an option. */
export function shellWord(text: string): string {
  const path = /^-./.test(text) ? `./${text}` : text;
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
