/** Who could serve a client at once. */
import type { Gateway } from '../../ports.ts';

/** Slots that are free, of all models. */
export async function freeSlots({ sessions }: Pick<Gateway, 'sessions'>): Promise<number> {
  const workers = await sessions.workers();
  const serving = workers.filter((worker) => !worker.draining);
  return serving.reduce((sum, { slots, sessions: held }) => sum + Math.max(0, slots - held.length), 0);
}
