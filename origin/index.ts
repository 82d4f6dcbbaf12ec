// The entry point `countersign`: the parts of an origin, on any runtime and without a framework. See docs/api.md.

import "./engine.ts";

export type { Factor, Secrets } from "../core/admission/candidate.ts";
export { loadHeldSecrets, type ReadSecret } from "../core/admission/secrets.ts";
export { type FindVerificationKey, importSigningKeys, type SigningKeys } from "../core/assertion/keys.ts";
export { ConfigurationError } from "../core/configuration-error.ts";
export type { CertificateFacts, Delivery, RequestFacts } from "../core/delivery/delivery.ts";
export type { LogLine } from "../core/log-line.ts";
export { compilePolicy } from "../core/policy/compile.ts";
export type { Policy } from "../core/policy/policy.ts";
export { Refusal, type RefusalCode } from "../core/refusal.ts";
export { type Acceptance, type AcceptDelivery, type AssertionId, ReplayedError } from "./accept.ts";
export { type CrlStorage, type CrlStore, type CrlStoreOptions, openCrlStore } from "./crls/store.ts";
export { type Handler, type HandlerContext, PermanentFailure, RetryLater } from "./dispatch/handler.ts";
export { forwardTo, type UpstreamOptions } from "./dispatch/upstream.ts";
export type { BehindEdge, GuardOptions, KeySource, VerifierOptions, WithoutEdge } from "./guard/options.ts";
export { type D1, type D1Statement, onceInD1 } from "./once/d1.ts";
export { type ObjectNamespace, type ObjectState, OnceObject, onceInDurableObject } from "./once/object.ts";
export { onceInPostgres, type PostgresPool } from "./once/postgres.ts";
export { onceInSqlite, type SqliteDatabase } from "./once/sqlite.ts";
export { loadSecrets } from "./secrets.ts";
export { type FetchedKeysOptions, fetchedKeys, pinnedKeys } from "./verification-keys.ts";
export { ChallengeAnswered, createVerifier, RefusedError, type Verified, type Verifier } from "./verifier.ts";
