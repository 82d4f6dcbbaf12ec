// The addresses of the console's pages.

import type { View } from "./context.ts";

export function link({ setting }: View, path: string, query?: URLSearchParams): string {
  const text = query?.toString() ?? "";
  // A mounted app answers at its path without a slash at the end.
  const place = path === "/" ? setting.base || "/" : `${setting.base}${path}`;
  return `${place}${text === "" ? "" : `?${text}`}`;
}

export function eventLink(view: View, id: string): string {
  return link(view, `/events/${encodeURIComponent(id)}`);
}
