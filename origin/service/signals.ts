// Handles SIGINT and SIGTERM, so that these signals end a program in the right order.

const END_SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Ends the process on SIGINT and SIGTERM until the program itself handles them. Process 1 of a container needs this, because the
 * system ignores a signal to process 1 if there is no handler.
 */
export function endOnSignals(): void {
  // For any other process, the default action is right, because it also tells the parent which signal ended the process.
  if (process.pid === 1) for (const signal of endSignals()) process.on(signal, endAtOnce);
}

function endAtOnce(signal: keyof typeof END_SIGNALS): never {
  process.exit(128 + END_SIGNALS[signal]);
}

/** Calls `end` at the first SIGINT or SIGTERM. */
export function onFirstSignal(end: (signal: NodeJS.Signals) => void): void {
  for (const signal of endSignals()) {
    process.once(signal, end);
    process.off(signal, endAtOnce);
  }
}

/** Resolves on the first SIGINT or SIGTERM. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise(onFirstSignal);
}

function endSignals() {
  return Object.keys(END_SIGNALS) as (keyof typeof END_SIGNALS)[];
}
