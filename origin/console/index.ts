// The entry point `countersign/console`. It exports the console as a Hono app to mount. See docs/api.md.

import "../engine.ts";

export { createConsole } from "./console.ts";
export type { ConsoleOptions, ConsoleRole, ConsoleVisitor } from "./options.ts";
