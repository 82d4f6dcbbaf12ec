// The advice on refusals, for whoever looks for it among the commands. It is in core, because the console shows it too.

export { REFUSAL_ADVICE } from "../core/refusal-advice.ts";
