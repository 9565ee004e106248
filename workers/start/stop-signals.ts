/** npm hands Ctrl-C on to its child, which the terminal has told already: a signal so soon after the first is the same. */
const SAME_MS = 500;

/**
 * Calls `first` at the first SIGINT, SIGTERM or SIGHUP, and `second` at one that comes later.
 * Answers a function that stops listening.
 */
export function onStopSignals(first: (signal: NodeJS.Signals) => void, second: () => void): () => void {
  let firstMs: number | null = null;
  const take = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstMs === null) {
      firstMs = nowMs;
      first(signal);
    } else if (nowMs - firstMs > SAME_MS) second();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, take);
  return () => {
    for (const signal of signals) process.off(signal, take);
  };
}
