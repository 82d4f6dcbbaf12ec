// Makes the addresses of the console's pages.

import type { View } from "./context.ts";

export function link({ setting }: View, path: string, query?: URLSearchParams): string {
  // The console's own path has no slash at its end, because a mounted app does not answer at a path with such a slash.
  const place = path === "/" ? setting.base || "/" : `${setting.base}${path}`;
  return query === undefined || query.size === 0 ? place : `${place}?${query.toString()}`;
}

export function eventLink(view: View, id: string): string {
  return link(view, `/events/${encodeURIComponent(id)}`);
}
