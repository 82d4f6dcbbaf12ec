// Commands that messages tell are there to be pasted, whatever a file is called.

/** A word as a POSIX shell takes it. What begins with a dash would be an option of the command. */
export function shellWord(text: string): string {
  const path = /^-./.test(text) ? `./${text}` : text;
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
