/** The real system for a series: Temporal, gateway, orchestrator and workers with the scripted engine. */
import { setTimeout as pause } from 'node:timers/promises';
import { System } from '../harness/system.ts';
import type { SystemOptions } from '../harness/system.ts';

/** A final about every 4 s, as in a call (foundations.md, section 4). */
export const SEGMENT_MS = 4000;
/** Longer than it takes a worker to put up its polls once it is ready. */
const SETTLE_MS = 500;

const MODELS = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };

/** Runs a series against an installation of its own, which is ended whatever happens. */
export async function withSystem<T>(options: SystemOptions, run: (system: System) => Promise<T>): Promise<T> {
  const { settings, ...rest } = options;
  const system = await System.start({
    models: MODELS,
    ...rest,
    settings: { LONGHAND_LOG_LEVEL: 'warn', LONGHAND_SLOTS: '400', ...settings },
  });
  const stop = (): void => void system.stop().finally(() => process.exit(130));
  process.once('SIGINT', stop);
  try {
    await pause(SETTLE_MS);
    return await run(system);
  } finally {
    process.off('SIGINT', stop);
    await system.stop();
  }
}

/** Where callers connect. */
export const liveUrl = (system: System): string => `${system.url}/v1/live`;
