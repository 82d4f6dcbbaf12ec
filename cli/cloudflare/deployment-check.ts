// Finds what a wrangler file lacks for an edge with a given policy. If something is missing, the build fails. Without this check,
// only the first event would show the mistake.

import type { Unstable_Config } from "wrangler";
import { secretNames } from "../../core/admission/secrets.ts";
import { describeIssues } from "../../core/configuration-error.ts";
import { readForm } from "../../core/form-reading.ts";
import { hostsOf, type Policy } from "../../core/policy/policy.ts";
import { BindingsSchema, findCrlStore, findEventQueue } from "../../worker/configuration.ts";
import { EVENTS_QUEUE } from "../../worker/queue/deliver.ts";

/** The members of a wrangler file that are checked. */
export type DeploymentConfig = Pick<
  Unstable_Config,
  "vars" | "secrets" | "kv_namespaces" | "r2_buckets" | "queues" | "triggers"
>;

/** The code of a problem in the wrangler file. `countersign doctor` has a finding with the same code. */
export type DeploymentFault =
  | "vars_wrong"
  | "secret_in_clear"
  | "secret_not_required"
  | "binding_missing"
  | "queue_unconsumed"
  | "cron_missing";

export interface DeploymentProblem {
  readonly code: DeploymentFault;
  /** The JSON pointer of the place in the wrangler file, and what is wrong there. */
  readonly text: string;
}

const SIGNING_KEYS = "SIGNING_KEYS";

/**
 * Makes the checks that the worker makes at its start, but before the deployment. Returns what the wrangler file lacks, and what is
 * wrong in it. Settings in the dashboard and values of secrets cannot be checked here. However, Cloudflare itself refuses a
 * deployment that lacks a secret in `secrets.required`.
 */
export function findDeploymentProblems(policy: Policy, config: DeploymentConfig): DeploymentProblem[] {
  return [...checkVariables(policy, config), ...checkSecrets(policy, config), ...checkBindings(policy, config)];
}

function fault(code: DeploymentFault, text: string): DeploymentProblem {
  return { code, text };
}

function checkVariables(policy: Policy, { vars }: DeploymentConfig): DeploymentProblem[] {
  // The key set is a secret, so the wrangler file does not contain it. For this check, an empty object replaces the key set.
  const { problems } = readForm(BindingsSchema, { ...vars, [SIGNING_KEYS]: "{}" });
  const hosts: readonly unknown[] = Array.isArray(vars["HOSTS"]) ? vars["HOSTS"] : [];
  const unserved = hostsOf(policy).filter((host) => !hosts.includes(host));
  const inClear = [SIGNING_KEYS, ...secretNames(policy)].filter((name) => Object.hasOwn(vars, name));
  return [
    ...describeIssues(problems).map((problem) => fault("vars_wrong", `/vars${problem}`)),
    ...unserved.map((host) =>
      fault("vars_wrong", `/vars/HOSTS: lacks ${host}: no request reaches the routes of the policy that name it`),
    ),
    ...inClear.map((name) =>
      fault(
        "secret_in_clear",
        `/vars/${name}: is a secret, and stands here in clear: have a new one made, and npx wrangler secret put ${name}`,
      ),
    ),
  ];
}

function checkSecrets(policy: Policy, { secrets }: DeploymentConfig): DeploymentProblem[] {
  const required = secrets?.required ?? [];
  return [SIGNING_KEYS, ...secretNames(policy)]
    .filter((name) => !required.includes(name))
    .map((name) =>
      fault(
        "secret_not_required",
        `/secrets/required: lacks ${name}: with it there, no deployment goes through without the secret`,
      ),
    );
}

function checkBindings(
  policy: Policy,
  { kv_namespaces, r2_buckets, queues, triggers }: DeploymentConfig,
): DeploymentProblem[] {
  const missing: string[] = [];
  const producer = queues.producers?.find(({ binding }) => binding === "EVENTS");
  const named = (list: readonly { readonly binding?: string }[], name: string) =>
    list.some(({ binding }) => binding === name);
  // Each binding is replaced by an object with the binding's methods, because the worker's own checks look for these methods.
  findCrlStore({ CRLS: named(kv_namespaces, "CRLS") ? { getWithMetadata: 1, put: 1 } : undefined }, policy, missing);
  const BODIES = named(r2_buckets, "BODIES") ? { get: 1, put: 1, delete: 1, list: 1 } : undefined;
  findEventQueue({ EVENTS: producer && { send: 1 }, BODIES }, policy, missing);
  const problems = missing.map((text) => fault("binding_missing", text));
  const isQueued = policy.routes.some((route) => route.isQueued);
  if (isQueued && producer?.queue !== undefined)
    problems.push(...checkConsumers(producer.queue, queues.consumers ?? []));
  if ((isQueued || policy.crlSources.length > 0) && (triggers.crons ?? []).length === 0)
    problems.push(
      fault("cron_missing", "/triggers/crons: is empty, and nothing fetches revocation lists or looks after the queue"),
    );
  return problems;
}

function checkConsumers(
  queue: string,
  consumers: NonNullable<Unstable_Config["queues"]["consumers"]>,
): DeploymentProblem[] {
  const lost = (what: string) => fault("queue_unconsumed", `/queues/consumers: ${what}`);
  const consumer = consumers.find((one) => one.queue === queue);
  if (consumer === undefined) return [lost(`lacks ${queue}: what is in it would reach no origin`)];
  const { dead_letter_queue: dead } = consumer;
  const isKept = consumers.some((one) => one.queue === dead);
  return [
    ...(EVENTS_QUEUE.test(queue)
      ? []
      : [lost(`the name ${queue} must end in -events, or its messages are taken for dead letters`)]),
    ...(isKept ? [] : [lost(`lacks the dead_letter_queue of ${queue}: what fails too often would be lost`)]),
  ];
}
