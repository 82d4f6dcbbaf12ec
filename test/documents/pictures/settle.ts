// Runs in the browser before a picture is taken. Times, ids, digests and the folder of this machine differ in each run. Replaces
// them with fixed texts. Otherwise every renewal would change every picture.

/** `folder` is the folder of the run, and `now` is the time of the run in milliseconds. */
export function settle([folder = "", now = ""]: readonly string[]): void {
  const START = Date.UTC(2026, 11, 1, 9, 20);
  const STEP = 600_000;
  const seen = new Map<string, string>();
  /** Returns hexadecimal digits of the same length. The same text always gets the same digits. */
  const fixed = (text: string) => {
    const known = seen.get(text);
    if (known !== undefined) return known;
    let seed = seen.size + 1;
    const made = text.replaceAll(/[0-9a-f]/g, () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return (seed % 16).toString(16);
    });
    seen.set(text, made);
    return made;
  };
  const moved = (text: string) => {
    const time = Date.parse(text.replace(" ", "T").replace(/Z?$/, "Z"));
    const iso = new Date(START + Math.round((time - Number(now)) / STEP) * STEP).toISOString().slice(0, text.length);
    return text[10] === " " ? iso.replace("T", " ") : text.endsWith("Z") ? iso.replace(/.$/, "Z") : iso;
  };
  const hour = (text: string) =>
    `${String((Number(text.slice(0, 2)) + 9 - new Date(Number(now)).getUTCHours() + 24) % 24).padStart(2, "0")}:00`;

  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(); node !== null; node = nodes.nextNode())
    node.textContent = (node.textContent ?? "")
      .replaceAll(folder, "/srv/webhooks/.countersign")
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3})?Z?/g, moved)
      .replace(/^\d\d:00$/, hour)
      .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b/g, fixed);
}
