/** For tests of what reacts: a log that is not read, and patience without time. */
import type { Log } from '../../gateway/ports.ts';

const ignore = (): void => undefined;
export const silentLog: Log = { info: ignore, warn: ignore, error: ignore };

/** A few turns of the event loop: what could happen without more input has happened. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
