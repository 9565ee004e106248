/**
 * Tells waiting sessions their place. Temporal knows no position of one task: it is estimated from the list of queued
 * sessions in visibility, and the wait from how long slots are held (wait-estimate.ts). Asked for once for all sessions
 * of a model.
 */
import type { Log, PoolsPort, SessionsPort } from '../ports.ts';
import { estimateWaits } from './wait-estimate.ts';

export interface QueuePlace {
  /** From 1; null while unknown. */
  readonly position: number | null;
  readonly estimatedWaitMs: number | null;
}

type Tell = (place: QueuePlace) => void;
type Pool = Pick<SessionsPort, 'queue' | 'workers' | 'slotTimes'>;
type Scalers = Pick<PoolsPort, 'wake'>;

const EVERY_MS = 1000;
/**
 * What Temporal says of who waits may be a moment old, or a second: of a session that still waits then, the scaler is told
 * once more.
 */
const LOOK_AGAIN_MS = [400, 1200];
const UNKNOWN: QueuePlace = { position: null, estimatedWaitMs: null };

/** An estimate that differs from what was told, less the time since, by this share and by so much is told anew. */
const NEWS_SHARE = 0.1;
const NEWS_MS = 1000;

export class QueueNotices {
  readonly #sessions: Pool;
  readonly #scalers: Scalers;
  readonly #log: Log;
  readonly #waiting = new Map<string, Map<string, Tell>>();
  /** Models whose sessions are told, round after round. */
  readonly #rounds = new Set<string>();

  constructor(sessions: Pool, scalers: Scalers, log: Log) {
    this.#sessions = sessions;
    this.#scalers = scalers;
    this.#log = log;
  }

  /** Tells a session its place now and whenever it changes, until the function given back is called. */
  follow(model: string, workflowId: string, tell: Tell): () => void {
    const waiting = this.#waiting.get(model) ?? new Map<string, Tell>();
    waiting.set(workflowId, whenNews(tell));
    this.#waiting.set(model, waiting);
    this.#wake(model);
    const again = LOOK_AGAIN_MS.map((ms) => setTimeout(() => this.#wake(model), ms).unref());
    if (!this.#rounds.has(model)) {
      this.#rounds.add(model);
      void this.#round(model, waiting);
    }
    return () => {
      for (const timer of again) clearTimeout(timer);
      waiting.delete(workflowId);
    };
  }

  #wake(model: string): void {
    this.#scalers.wake(model).catch((error: unknown) => {
      // It looks by itself before long.
      this.#log.warn({ err: error, model }, 'waking the scaler failed');
    });
  }

  async #round(model: string, waiting: Map<string, Tell>): Promise<void> {
    if (waiting.size === 0) {
      this.#rounds.delete(model);
      return;
    }
    try {
      const places = await this.#places(model);
      for (const [workflowId, tell] of waiting) tell(places.get(workflowId) ?? UNKNOWN);
    } catch (error) {
      this.#log.warn({ err: error, model }, 'queue positions are unknown');
    }
    setTimeout(() => void this.#round(model, waiting), EVERY_MS).unref();
  }

  /** By workflow id. */
  async #places(model: string): Promise<Map<string, QueuePlace>> {
    const [queue, workers, times] = await Promise.all([
      this.#sessions.queue(model),
      this.#sessions.workers(),
      this.#sessions.slotTimes(model),
    ]);
    const serving = workers.filter((worker) => worker.model === model && !worker.draining);
    const slots = serving.reduce((sum, worker) => sum + worker.slots, 0);
    const kinds = queue.map(({ kind }) => kind);
    const waits = estimateWaits(slots, times, kinds);
    return new Map(
      queue.map(({ workflowId }, i) => [workflowId, { position: i + 1, estimatedWaitMs: waits?.[i] ?? null }]),
    );
  }
}

/** Passes on what a client could not know from what it was told before. */
function whenNews(tell: Tell): Tell {
  let last: { readonly place: QueuePlace; readonly atMs: number } | null = null;
  return (place) => {
    const nowMs = performance.now();
    if (last !== null && !isNews(place, last.place, nowMs - last.atMs)) return;
    last = { place, atMs: nowMs };
    tell(place);
  };
}

function isNews(place: QueuePlace, told: QueuePlace, sinceMs: number): boolean {
  if (place.position !== told.position) return true;
  if (place.estimatedWaitMs === null || told.estimatedWaitMs === null) {
    return place.estimatedWaitMs !== told.estimatedWaitMs;
  }
  const offMs = Math.abs(place.estimatedWaitMs - Math.max(0, told.estimatedWaitMs - sinceMs));
  return offMs > NEWS_MS && offMs > NEWS_SHARE * place.estimatedWaitMs;
}
