// The door `countersign/hono`: the guard of a route in a Hono app. See docs/api.md.

import "./engine.ts";

export { type AuthenticatedEnv, authenticate } from "./authenticate.ts";
export type {
  AssertionOptions,
  AuthenticateOptions,
  CertificateOptions,
  OriginOptions,
} from "./authenticate-options.ts";
