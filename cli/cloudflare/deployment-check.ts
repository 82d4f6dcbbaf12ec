// Finds what a wrangler file lacks for an edge with this policy, so that the build fails instead of the first event.

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

const SIGNING_KEYS = "SIGNING_KEYS";

/**
 * Returns the problems, each with the JSON pointer of its place in the wrangler file. Makes the same checks as the worker. Settings
 * in the dashboard and the values of secrets cannot be checked here. But if a secret in `secrets.required` is missing, Cloudflare
 * refuses the deployment.
 */
export function findDeploymentProblems(policy: Policy, config: DeploymentConfig): string[] {
  return [...checkVariables(policy, config), ...checkSecrets(policy, config), ...checkBindings(policy, config)];
}

function checkVariables(policy: Policy, { vars }: DeploymentConfig): string[] {
  // The key set is a secret, so its text is not in the file. An empty object takes its place in the check.
  const { problems } = readForm(BindingsSchema, { ...vars, [SIGNING_KEYS]: "{}" });
  const hosts: readonly unknown[] = Array.isArray(vars["HOSTS"]) ? vars["HOSTS"] : [];
  const unserved = hostsOf(policy).filter((host) => !hosts.includes(host));
  const inClear = [SIGNING_KEYS, ...secretNames(policy)].filter((name) => Object.hasOwn(vars, name));
  return [
    ...describeIssues(problems).map((problem) => `/vars${problem}`),
    ...unserved.map((host) => `/vars/HOSTS: lacks ${host}: no request reaches the routes of the policy that name it`),
    ...inClear.map(
      (name) =>
        `/vars/${name}: is a secret, and stands here in clear: have a new one made, and npx wrangler secret put ${name}`,
    ),
  ];
}

function checkSecrets(policy: Policy, { secrets }: DeploymentConfig): string[] {
  const required = secrets?.required ?? [];
  return [SIGNING_KEYS, ...secretNames(policy)]
    .filter((name) => !required.includes(name))
    .map((name) => `/secrets/required: lacks ${name}: with it there, no deployment goes through without the secret`);
}

function checkBindings(policy: Policy, { kv_namespaces, r2_buckets, queues, triggers }: DeploymentConfig): string[] {
  const problems: string[] = [];
  const producer = queues.producers?.find(({ binding }) => binding === "EVENTS");
  const named = (list: readonly { readonly binding?: string }[], name: string) =>
    list.some(({ binding }) => binding === name);
  // Each binding is replaced by an object with the binding's methods, because the worker's own checks look for these methods.
  findCrlStore({ CRLS: named(kv_namespaces, "CRLS") ? { getWithMetadata: 1, put: 1 } : undefined }, policy, problems);
  const BODIES = named(r2_buckets, "BODIES") ? { get: 1, put: 1, delete: 1, list: 1 } : undefined;
  findEventQueue({ EVENTS: producer && { send: 1 }, BODIES }, policy, problems);
  const isQueued = policy.routes.some((route) => route.isQueued);
  if (isQueued && producer?.queue !== undefined)
    problems.push(...checkConsumers(producer.queue, queues.consumers ?? []));
  if ((isQueued || policy.crlSources.length > 0) && (triggers.crons ?? []).length === 0)
    problems.push("/triggers/crons: is empty, and nothing fetches revocation lists or looks after the queue");
  return problems;
}

function checkConsumers(queue: string, consumers: NonNullable<Unstable_Config["queues"]["consumers"]>): string[] {
  const consumer = consumers.find((one) => one.queue === queue);
  if (consumer === undefined) return [`/queues/consumers: lacks ${queue}: what is in it would reach no origin`];
  const { dead_letter_queue: dead } = consumer;
  const isKept = consumers.some((one) => one.queue === dead);
  return [
    ...(EVENTS_QUEUE.test(queue)
      ? []
      : [`/queues/consumers: the name ${queue} must end in -events, or its messages are taken for dead letters`]),
    ...(isKept
      ? []
      : [`/queues/consumers: lacks the dead_letter_queue of ${queue}: what fails too often would be lost`]),
  ];
}
