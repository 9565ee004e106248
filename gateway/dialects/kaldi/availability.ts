/** Who could serve a client at once. */
import { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';

/** Slots that are free, of one model or of all. */
export async function freeSlots({ sessions }: Pick<Gateway, 'sessions'>, model?: string): Promise<number> {
  const workers = await sessions.workers();
  const serving = workers.filter((worker) => !worker.draining && (model === undefined || worker.model === model));
  return serving.reduce((sum, { slots, sessions: held }) => sum + Math.max(0, slots - held.length), 0);
}

/** As the old server did: whoever would have to wait is sent away. A session that is there already goes on. */
export async function refuseWithoutWorker(
  gateway: Gateway,
  { model, session }: { readonly model: string; readonly session: string },
): Promise<void> {
  if ((await freeSlots(gateway, model)) > 0) return;
  if (await gateway.sessions.exists({ tenant: gateway.settings.tenant, id: session })) return;
  throw new Failure('queue_full', 'No decoder available, try again later');
}
