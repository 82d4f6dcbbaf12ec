// Draws the output of a command as an SVG. The text stays text, so that a test can compare it with a new run.

const COLUMN = 8.4;
const LINE = 20;
const MARGIN = 18;
const INK = "#e6edf3";
/** The colours of cli/table.ts, by the number in the control sequence. */
const STYLES: Readonly<Record<string, string>> = {
  1: 'font-weight="bold"',
  31: 'fill="#ff7b72"',
  32: 'fill="#3fb950"',
  33: 'fill="#d29922"',
};

/** Returns a picture of a terminal with the command and its coloured output. */
export function drawTerminal(command: string, output: string): string {
  const lines = [command, ...output.trimEnd().split("\n")];
  const width = Math.max(...lines.map((line) => withoutColours(line).length)) * COLUMN + 2 * MARGIN;
  const height = lines.length * LINE + 2 * MARGIN;
  const texts = lines.map((line, index) => drawLine(line, MARGIN + 14 + index * LINE)).filter((text) => text !== "");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" width="${Math.ceil(width)}" height="${height}">
<title>Output of ${escapeXml(command.replace(/^\$ /, ""))}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${INK}" style="white-space: pre">
${texts.join("\n")}
</g>
</svg>
`;
}

/** Each line has a fixed length, so that columns stay aligned whatever font the reader has. */
function drawLine(line: string, y: number): string {
  const text = withoutColours(line).trimEnd();
  if (text === "") return "";
  // The pattern has a group, so split() also returns the numbers in the control sequences. These numbers are the parts with an odd
  // index.
  const spans = line.trimEnd().split(SEQUENCE);
  let style: string | undefined;
  const drawn = spans.map((part, index) => {
    if (index % 2 === 1) style = STYLES[part];
    else if (part !== "") return style === undefined ? escapeXml(part) : `<tspan ${style}>${escapeXml(part)}</tspan>`;
    return "";
  });
  const length = (text.length * COLUMN).toFixed(1);
  return `<text x="${MARGIN}" y="${y}" textLength="${length}" xml:space="preserve">${drawn.join("")}</text>`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
const SEQUENCE = /\u001b\[(\d+)m/;
const withoutColours = (line: string) =>
  line
    .split(SEQUENCE)
    .filter((_, index) => index % 2 === 0)
    .join("");
const escapeXml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
