/** Repeats what may succeed later: a gateway that restarts in the middle of a file is not the file's failure. */
import { setTimeout as pause } from 'node:timers/promises';
import { Refused, Unreachable } from './failure.ts';

export interface Patience {
  /** Without an answer for so long, the failure is told. */
  readonly forMs: number;
  /** Between the first two attempts; doubles up to `maxPauseMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
}

export const PATIENCE: Patience = { forMs: 60_000, pauseMs: 200, maxPauseMs: 5000 };

export const mayPass = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof Refused && error.isRetryable);

/** @throws the last failure, or the signal's reason */
export async function patiently<T>(attempt: () => Promise<T>, patience: Patience, signal: AbortSignal): Promise<T> {
  const sinceMs = performance.now();
  for (let pauseMs = patience.pauseMs; ; pauseMs = Math.min(pauseMs * 2, patience.maxPauseMs)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !mayPass(error) || performance.now() - sinceMs > patience.forMs) throw error;
    }
    await pause(pauseMs, undefined, { signal });
  }
}
