// Quotes file names in the commands that messages show, so that the commands can be pasted into a shell.

/**
 * Returns the text as one word of a POSIX shell. A name that begins with a dash gets "./", so that it is not read as an option.
 */
export function shellWord(text: string): string {
  const path = /^-./.test(text) ? `./${text}` : text;
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
