// Tests the options of `countersign origin` whose value must have a fixed form.

import { expect, test } from "vitest";
import { parseMetricsAddress } from "../../../cli/origin/options.ts";

test.each([
  ["9464", { hostname: "127.0.0.1", port: 9464 }],
  ["0.0.0.0:9464", { hostname: "0.0.0.0", port: 9464 }],
  ["metrics.internal:1", { hostname: "metrics.internal", port: 1 }],
  ["[::1]:9464", { hostname: "::1", port: 9464 }],
])("--metrics %s", (text, address) => expect(parseMetricsAddress(text)).toEqual(address));

test.each(["", "localhost", ":9464", "::1:9464", "[::1]", "host:99999", "host:http", "http://host:1"])(
  "--metrics %s is refused",
  (text) => expect(() => parseMetricsAddress(text)).toThrow(/is not HOST:PORT or PORT/),
);
