// Reads the options `--value NAME=VALUE`. They give the values of the body that a preset needs, and that only the operator knows.

import { UsageError } from "../../command.ts";
import type { Preset } from "../../presets/preset.ts";

export interface BodyValues {
  /** The rules of the body, as in a policy. Empty if the preset asks for no value. */
  readonly body: { pointer: string; in: string[] }[];
  /**
   * Says which events belong to the second sender. They are the events on the routes where an event need not contain a listed
   * value. Undefined if there is no second sender.
   */
  readonly others: string | undefined;
  /** Returns true if the events on the route that ends in `suffix` belong to the second sender. */
  isOther(suffix: string): boolean;
}

/**
 * Returns the rules for the values. The values are required, because without them the policy would accept the events of every
 * customer of the vendor.
 * @throws UsageError that says what the preset asks for
 */
export function readBodyValues(name: string, { values = {} }: Preset, options: readonly string[]): BodyValues {
  const given = new Map<string, string[]>();
  for (const option of options) {
    const [, key = "", value] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
    if (value === undefined) throw new UsageError(`--value ${option} is not NAME=VALUE`);
    if (!Object.hasOwn(values, key))
      throw new UsageError(
        `the preset ${name} asks for no --value ${key}=…: ${Object.keys(values).join(", ") || "it asks for none"}`,
      );
    given.set(key, [...new Set([...(given.get(key) ?? []), value])]);
  }
  const asked = Object.entries(values);
  const missing = asked.filter(([key]) => !given.has(key)).map(([key, { what }]) => `--value ${key}=VALUE: ${what}`);
  if (missing.length > 0)
    throw new UsageError(
      `the preset ${name} needs what only you know, because the certificate proves the vendor, and not whose event it is; repeat the option for several values: ${missing.join("; ")}`,
    );
  const on = new Set(asked.flatMap(([, value]) => value.on));
  return {
    body: asked.map(([key, { pointer }]) => ({ pointer, in: given.get(key) ?? [] })),
    others: asked.length === 0 ? undefined : asked.map(([, { others }]) => others).join(" "),
    isOther: (suffix) => asked.length > 0 && !on.has(suffix),
  };
}
