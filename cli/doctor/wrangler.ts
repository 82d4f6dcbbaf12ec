// Checks a wrangler file for ways to bypass the client certificate, and for settings that the policy needs.

import type { Unstable_Config } from "wrangler";
import { type Policy, placeOf } from "../../core/policy/policy.ts";
import { type DeploymentConfig, findDeploymentProblems } from "../cloudflare/deployment-check.ts";
import { type CheckReport, type Finding, type FindingCode, found } from "./findings.ts";

/** The members of a wrangler file that are checked. */
export type WranglerConfig = DeploymentConfig &
  Pick<
    Unstable_Config,
    "workers_dev" | "preview_urls" | "previews" | "routes" | "route" | "compatibility_flags" | "observability"
  >;

type RouteEntry = NonNullable<WranglerConfig["routes"]>[number];

/**
 * Returns the findings about the file. If there is a policy, also compares the variables, bindings, secrets and routes of the file
 * with the policy. Settings in the dashboard are not visible here.
 */
export function checkWrangler(config: WranglerConfig, file: string, policy: Policy | undefined): CheckReport {
  const { routes = [], route } = config;
  const all = route === undefined ? routes : [...routes, route];
  const own = [...checkAddresses(config, all), ...checkRoutes(all, hostsOf(config)), ...checkSettings(config, policy)];
  const ofPolicy = policy === undefined ? [] : comparePolicy(config, all, policy);
  const findings = [...own, ...ofPolicy.filter(({ code }) => code !== "cron_missing" || !hasCode(own, code))];
  const notChecked =
    policy === undefined
      ? { notChecked: "no policy is given: vars, bindings, secrets and routes are not compared with it" }
      : {};
  return { check: "wrangler file", seen: [`${file}: ${all.length} routes`], findings, ...notChecked };
}

function hasCode(findings: readonly Finding[], code: FindingCode): boolean {
  return findings.some((one) => one.code === code);
}

function comparePolicy(config: WranglerConfig, routes: readonly RouteEntry[], policy: Policy): Finding[] {
  const patterns = routes.map(patternOf);
  const uncovered = policy.routes.filter((route) => {
    const [host, path] = placeOf(route);
    const served = hostsOf(config).filter((one) => host === "" || one === host);
    // If the file has no route for this host, the path is not reported. Instead, the finding `host_without_route` reports the
    // host, unless the routes were made in the dashboard.
    const routed = served.filter((one) => patterns.some((pattern) => isServed(hostOfPattern(pattern), one)));
    return routed.some((one) => !patterns.some((pattern) => isCovered(pattern, one, path)));
  });
  return [
    ...findDeploymentProblems(policy, config).map(({ code, text }) => found(code, text)),
    ...uncovered.map(({ path }) => found("path_without_route", path)),
  ];
}

/** Returns true if the pattern matches every request for this path of the host. A custom domain has a pattern without a path. */
function isCovered(pattern: string, host: string, path: string): boolean {
  if (!isServed(hostOfPattern(pattern), host)) return false;
  const covered = /\/.*$/s.exec(pattern.replace(/^[a-z*]+:\/\//, ""))?.[0] ?? "*";
  return covered.endsWith("*") ? path.startsWith(covered.slice(0, -1)) : path === covered;
}

function checkAddresses(
  { workers_dev, preview_urls, previews }: WranglerConfig,
  routes: readonly RouteEntry[],
): Finding[] {
  const withPreviews = routes.filter(
    (route) => typeof route === "object" && "previews_enabled" in route && route.previews_enabled,
  );
  return [
    ...(workers_dev === false ? [] : [found("workers_dev_open", `workers_dev is ${workers_dev ?? "not set"}`)]),
    ...(preview_urls === false ? [] : [found("preview_urls_open", `preview_urls is ${preview_urls ?? "not set"}`)]),
    ...withPreviews.map((route) => found("previews_enabled", patternOf(route))),
    ...(previews === undefined
      ? []
      : [found("previews_configured", `previews has ${Object.keys(previews).join(", ") || "no members"}`)]),
  ];
}

function checkRoutes(routes: readonly RouteEntry[], hosts: readonly string[]): Finding[] {
  const patterns = routes.map((route) => ({ pattern: patternOf(route), host: hostOfPattern(patternOf(route)) }));
  const zone = routes.filter(
    (route) => typeof route === "string" || !("custom_domain" in route && route.custom_domain),
  );
  return [
    ...zone.map((route) => found("zone_route", patternOf(route))),
    ...patterns
      .filter(({ host }) => !hosts.some((one) => isServed(host, one)))
      .map(({ pattern }) => found("route_without_host", pattern)),
    // If the file has no routes, they were made in the dashboard. Then a host without a route is no finding.
    ...(routes.length === 0 ? [] : hosts)
      .filter((one) => !patterns.some(({ host }) => isServed(host, one)))
      .map((one) => found("host_without_route", one)),
  ];
}

function patternOf(route: RouteEntry): string {
  return typeof route === "string" ? route : route.pattern;
}

/**
 * Returns the host of a route pattern such as `https://hooks.example.com/hooks/*` or `*.example.com/*`. The host may begin with
 * `*`.
 */
function hostOfPattern(pattern: string): string {
  return pattern
    .replace(/^[a-z*]+:\/\//, "")
    .replace(/\/.*$/s, "")
    .toLowerCase();
}

function isServed(pattern: string, host: string): boolean {
  return pattern.startsWith("*") ? host.endsWith(pattern.slice(1)) : pattern === host;
}

function hostsOf({ vars }: WranglerConfig): string[] {
  const hosts = vars["HOSTS"];
  return Array.isArray(hosts) ? hosts.map(String) : [];
}

function checkSettings(
  { compatibility_flags, observability, triggers }: WranglerConfig,
  policy: Policy | undefined,
): Finding[] {
  const { enabled = true, invocation_logs = true } = observability?.logs ?? {};
  const isLogging =
    observability !== undefined && (observability.enabled ?? observability.logs?.enabled ?? false) && enabled;
  const needsCron = policy === undefined || policy.anchors.length > 0;
  return [
    ...(compatibility_flags.includes("global_fetch_strictly_public")
      ? []
      : [found("fetch_not_public", `compatibility_flags: ${compatibility_flags.join(", ")}`)]),
    ...(isLogging && invocation_logs
      ? [found("invocation_logs_kept", "observability.logs.invocation_logs is not false")]
      : []),
    ...(needsCron && (triggers?.crons ?? []).length === 0 ? [found("cron_missing", "triggers.crons is empty")] : []),
  ];
}
