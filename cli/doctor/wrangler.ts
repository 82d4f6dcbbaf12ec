// Checks a wrangler file for ways to bypass the client certificate, and for settings that the policy needs.

import type { Unstable_Config } from "wrangler";
import type { Policy } from "../../core/policy/policy.ts";
import { type CheckReport, type Finding, found } from "./findings.ts";

/** The members of a wrangler file that are checked. */
export type WranglerConfig = Pick<
  Unstable_Config,
  "workers_dev" | "preview_urls" | "routes" | "route" | "vars" | "compatibility_flags" | "observability" | "triggers"
>;

type RouteEntry = NonNullable<WranglerConfig["routes"]>[number];

/** Returns the findings about the file. Settings in the dashboard are not visible here. */
export function checkWrangler(config: WranglerConfig, file: string, policy: Policy | undefined): CheckReport {
  const { routes = [], route } = config;
  const all = route === undefined ? routes : [...routes, route];
  const findings = [
    ...checkAddresses(config, all),
    ...checkRoutes(all, hostsOf(config)),
    ...checkSettings(config, policy),
  ];
  return { check: "wrangler file", seen: [`${file}: ${all.length} routes`], findings };
}

function checkAddresses({ workers_dev, preview_urls }: WranglerConfig, routes: readonly RouteEntry[]): Finding[] {
  const previews = routes.filter(
    (route) => typeof route === "object" && "previews_enabled" in route && route.previews_enabled,
  );
  return [
    ...(workers_dev === false ? [] : [found("workers_dev_open", `workers_dev is ${workers_dev ?? "not set"}`)]),
    ...(preview_urls === false ? [] : [found("preview_urls_open", `preview_urls is ${preview_urls ?? "not set"}`)]),
    ...previews.map((route) => found("previews_enabled", patternOf(route))),
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

/** Returns the host of a route pattern such as `https://hooks.example.com/hooks/*` or `*.example.com/*`. It may begin with `*`. */
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
