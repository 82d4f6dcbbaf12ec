// The entry point `countersign/node`. It exports the inbox, dispatch and the servers, for Node. See docs/api.md.

import "../engine.ts";

export { Dispatcher, type DispatchOptions } from "../dispatch/dispatcher.ts";
export type { DispatchLimits } from "../dispatch/limits.ts";
export type { Inbox, Retention } from "../inbox/inbox.ts";
export { openInbox } from "../inbox/open.ts";
export type { InboxOptions } from "../inbox/options.ts";
export { openCrlDirectory } from "./crl-directory.ts";
export type { ProxyIdentity } from "./proxy-identity.ts";
export {
  type ProxyServer,
  type ProxyServerOptions,
  type ProxyTls,
  type SocketListener,
  serveProxy,
  type TlsListener,
  throughProxy,
} from "./proxy-server.ts";
export { readSecret } from "./secret-files.ts";
export { type ListenOptions, type RunningServer, serve } from "./server.ts";
export { createTlsState, type TlsHostFiles, type TlsState } from "./tls/hosts.ts";
export { type ClientCertificates, listenTls, type TlsDeadlines, type TlsListenerOptions } from "./tls/listener.ts";
export { throughTls } from "./tls/peer.ts";
export { anchorsInUse } from "./tls/policy.ts";
export { type NodeRequest, toWebRequest } from "./web-request.ts";
