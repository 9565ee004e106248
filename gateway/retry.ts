/** Repeats what must not fail while an engine behind us is away: growing pauses with jitter, without an end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from './ports.ts';

const FIRST_MS = 100;
const LAST_MS = 5000;

/** @param stopped once it says true, the last error is thrown. */
export async function untilDone<T>(
  what: string,
  attempt: () => Promise<T>,
  stopped: () => boolean,
  log: Log,
): Promise<T> {
  for (let waitMs = FIRST_MS; ; waitMs = Math.min(waitMs * 2, LAST_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (stopped()) throw error;
      log.warn({ err: error }, `${what} failed: trying again`);
      await pause(waitMs * (0.5 + Math.random() / 2));
    }
  }
}
