// `countersign send` sends one event to any URL, as a sender does.

import { showUrl } from "../../core/url.ts";
import { describeCause } from "../../origin/failure-cause.ts";
import { type Command, parseOptions, UsageError } from "../command.ts";
import { faultsOfClient, readCertificatesAsPem, readPair } from "../files/certificates.ts";
import { MAX_BODY_FILE_BYTES, readBytes } from "../files/files.ts";
import { MAX_ANSWER_BYTES, sendEvent } from "../http-client.ts";
import { complain, print, printJson, printText } from "../output.ts";
import { signBody } from "./sign.ts";

export const command: Command = {
  help: `
countersign send URL [options]

  --certificate FILE   client certificate, followed by its intermediates (PEM or DER)
  --key FILE           the private key of the certificate
  --key-passphrase-file FILE  a file with the passphrase of the key, in one line
  --ca FILE            CA of the server's certificate (default: the system's roots)
  --method METHOD      default POST
  --header "N: V"      may be repeated
  --body FILE|-        the body's bytes (default: a small JSON event)
  --sign SCHEME:NAME   sign the body by this scheme; the secret is in the variable NAME, or in the file that NAME_FILE names
  --json               print status, headers and body as JSON

Exits with 0 for a status of 200 to 299, with 1 for any other status.
`,
  async run(args) {
    const { values, positionals } = parseOptions(
      args,
      {
        certificate: { type: "string" },
        key: { type: "string" },
        "key-passphrase-file": { type: "string" },
        ca: { type: "string" },
        method: { type: "string", default: "POST" },
        header: { type: "string", multiple: true, default: [] },
        body: { type: "string" },
        sign: { type: "string" },
        json: { type: "boolean", default: false },
      },
      true,
    );
    const url = parseTarget(positionals);
    // Problems of the local files are reported before anything is sent.
    const identity = readIdentity(url, values);
    const body = values.body === undefined ? Buffer.from(SAMPLE_EVENT) : readBytes(values.body, MAX_BODY_FILE_BYTES);
    const signature = values.sign === undefined ? {} : signBody(values.sign, body, Math.floor(Date.now() / 1000));
    const answer = await sendEvent(url, {
      method: values.method,
      headers: { "content-type": "application/json", ...signature, ...parseHeaders(values.header) },
      body,
      ...identity,
    }).catch((error: NodeJS.ErrnoException) => {
      // These codes mean that Node refused to send the request.
      const isUnsent = /^ERR_(?:INVALID|UNESCAPED|HTTP_INVALID)/.test(error.code ?? "");
      throw new UsageError(
        isUnsent ? `nothing was sent: ${error.message}` : `no answer from ${showUrl(url)}: ${describeCause(error)}`,
      );
    });
    if (values.json) printJson(answer);
    else {
      print([`${answer.status} ${answer.headers["content-type"] ?? ""}`]);
      printText(`${answer.body}\n`);
      if (answer.isCut) complain(`the answer is longer than ${MAX_ANSWER_BYTES} bytes: the rest was not read`);
    }
    return answer.status >= 200 && answer.status < 300 ? 0 : 1;
  },
};

/** @throws UsageError whose message shows no user, password or query */
function parseTarget([url, ...rest]: readonly string[]): string {
  if (url === undefined) throw new UsageError("send needs a URL to send to: see countersign send --help");
  const [second] = rest;
  if (second !== undefined)
    throw new UsageError(`send takes one URL, and ${JSON.stringify(showUrl(second))} is a second one`);
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new UsageError(
    `${showUrl(url)} is no URL to send to: https://HOST:PORT/PATH, or http:// for a server without TLS`,
  );
}

interface IdentityOptions {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly "key-passphrase-file"?: string | undefined;
  readonly ca?: string | undefined;
}

/** Reads the certificate to present, and the CA for the server's certificate. @throws UsageError */
function readIdentity(url: string, { certificate, key, ca, ...options }: IdentityOptions) {
  const { "key-passphrase-file": passphraseFile } = options;
  if (passphraseFile !== undefined && key === undefined) throw new UsageError("--key-passphrase-file needs --key");
  if (url.startsWith("http:") && (certificate ?? key ?? ca) !== undefined)
    throw new UsageError(
      "--certificate, --key and --ca have no effect with http://, where nobody presents a certificate",
    );
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError("--certificate and --key go together");
  const pair = certificate === undefined || key === undefined ? undefined : readPair(certificate, key, passphraseFile);
  const [own] = pair?.chain ?? [];
  for (const fault of own === undefined ? [] : faultsOfClient(own)) complain(`${certificate}: ${fault}`);
  const serverCa = ca === undefined ? undefined : readCertificatesAsPem(ca).join("");
  return { certificate: pair?.certificate, key: pair?.key, serverCa };
}

export const SAMPLE_EVENT = JSON.stringify({
  event: "example-completed",
  data: { id: "11111111-2222-3333-4444-555555555555" },
});

/** Parses `Name: value` lines. A repeated name keeps all its values. @throws UsageError */
export function parseHeaders(lines: readonly string[]): Record<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`--header ${JSON.stringify(line)} is not "Name: value"`);
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  return Object.fromEntries(headers);
}
