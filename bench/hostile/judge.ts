// Measures the CPU time of one request in this process. The work is that of an origin behind a proxy, except for the socket.

import { importSecrets } from "../../core/admission/secrets.ts";
import { formatLogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { createOriginApp } from "../../origin/app.ts";
import { forwardedFormat, readForwardedCertificate } from "../../origin/forwarded/certificate.ts";
import { fieldsOf, type HostileRequest } from "./request.ts";
import type { Shape } from "./shape.ts";
import type { World } from "./world.ts";

export type Judge = (request: HostileRequest, shape: Shape) => Promise<{ milliseconds: number; code: unknown }>;

export function makeJudge({ policy, secrets }: World): Judge {
  const compiled = compilePolicy(policy);
  const format = forwardedFormat("rfc9440");
  let code: unknown;
  const app = createOriginApp({
    policy: compiled,
    secrets: importSecrets(compiled, (name) => secrets[name]),
    readCertificate: ({ headers }) => readForwardedCertificate(headers, format),
    accept: () => undefined,
    log: (line) => {
      code = line["code"];
      formatLogLine(line);
    },
  });
  return async (request, shape) => {
    const { path, headers, body } = request;
    const init = {
      method: "POST",
      headers: { ...headers, ...certificateHeaders(request, shape) },
      body: new Uint8Array(body),
    };
    const made = new Request(`http://localhost${path}`, init);
    const before = process.cpuUsage();
    const { status } = await app.fetch(made);
    const { user, system } = process.cpuUsage(before);
    if (status < 400) throw new Error(`accepted: ${JSON.stringify(shape)}`);
    return { milliseconds: (user + system) / 1000, code };
  };
}

/** Returns the headers with the certificates, as a proxy forwards them. */
export function certificateHeaders({ chain }: HostileRequest, shape: Shape): Record<string, string> {
  if (chain === undefined) return {};
  const fields = fieldsOf(shape, chain);
  return { "client-cert": fields.leaf, ...(fields.chain !== "" && { "client-cert-chain": fields.chain }) };
}
