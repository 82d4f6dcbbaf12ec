// Makes a server listen. If the server cannot listen, the error is a ConfigurationError with a remedy.

import type { Server } from "node:net";
import { ConfigurationError } from "../../core/configuration-error.ts";

export interface Address {
  readonly hostname: string;
  /** 0 means any free port. */
  readonly port: number;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there: end it, or choose another port",
  EACCES:
    "this user may not listen there: choose a port from 1024 on, give the program CAP_NET_BIND_SERVICE, or put a proxy in front and listen on a socket",
  EADDRNOTAVAIL: "this machine has no such address: choose one that it has, or 0.0.0.0 for all",
  EAFNOSUPPORT: "this machine has no addresses of this kind: choose one that it has, or 0.0.0.0 for all",
  ENOTFOUND: "no such host name is known: choose an address of this machine, or 0.0.0.0 for all",
  EAI_AGAIN: "DNS does not answer for this host name: choose an address of this machine, or 0.0.0.0 for all",
};

/** @throws ConfigurationError if the server cannot listen on the address @internal */
export function listen(server: Server, { hostname, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const { code = "", message } = error;
      const remedy = REMEDIES[code];
      const problem = remedy === undefined ? message : `${hostname} port ${port}: ${code}: ${remedy}`;
      reject(new ConfigurationError("listener", [problem]));
    };
    server.once("error", fail);
    server.listen(port, hostname, () => {
      server.off("error", fail);
      resolve();
    });
  });
}
