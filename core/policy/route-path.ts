// Checks the name of a route: an optional host and a path. Host and path must be spelled as they are in requests.

import { findSecondSpelling } from "../request/target.ts";
import { JWKS_PATH } from "../wire.ts";
import { placeOf } from "./policy.ts";
import { PolicyFault } from "./problem.ts";

/** @throws PolicyFault */
export function checkRoutePath(route: string): void {
  const [host, path] = placeOf({ path: route });
  if (host !== "") checkRouteHost(host);
  const star = path.indexOf("*");
  if (star >= 0 && !(path.endsWith("/*") && star === path.length - 1)) throw new PolicyFault("star_within");
  if (path === JWKS_PATH) throw new PolicyFault("path_taken");
  const plain = star >= 0 ? path.slice(0, -1) : path;
  const pathname = URL.parse(plain, "https://host")?.pathname;
  if (pathname === undefined) throw new PolicyFault("malformed_path");
  if (pathname !== plain) throw new PolicyFault("path_spelling", pathname);
  const secondSpelling = findSecondSpelling(plain);
  if (secondSpelling !== undefined) throw new PolicyFault("path_refused", JSON.stringify(secondSpelling));
}

/**
 * Requires a host in the form in which `URL.host` writes it, because hosts are compared as texts. Also refuses a path that lacks
 * its first slash, because the first segment of such a path is read as a host.
 */
function checkRouteHost(host: string): void {
  const spelled = URL.parse(`https://${host}`)?.host.replace(/\.(?=:|$)/, "");
  if (spelled === undefined || !/[.:]|^localhost$/.test(spelled)) throw new PolicyFault("malformed_path");
  if (spelled !== host) throw new PolicyFault("host_spelling", spelled);
}
