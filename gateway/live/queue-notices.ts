/**
 * Tells waiting sessions their place. Temporal knows no position of one task: it is estimated from the list of queued
 * sessions in visibility, and the wait from the mean length of recent sessions over the pool's slots. Asked for once for
 * all sessions of a model.
 */
import type { Log, QueuedSession, SessionsPort } from '../ports.ts';

export interface QueuePlace {
  /** From 1; null while unknown. */
  readonly position: number | null;
  readonly estimatedWaitMs: number | null;
}

type Tell = (place: QueuePlace) => void;

const EVERY_MS = 1000;

export class QueueNotices {
  readonly #sessions: Pick<SessionsPort, 'queue' | 'workers' | 'meanSessionMs'>;
  readonly #log: Log;
  readonly #waiting = new Map<string, Map<string, Tell>>();
  /** Models whose sessions are told, round after round. */
  readonly #rounds = new Set<string>();

  constructor(sessions: Pick<SessionsPort, 'queue' | 'workers' | 'meanSessionMs'>, log: Log) {
    this.#sessions = sessions;
    this.#log = log;
  }

  /** Tells a session its place now and whenever it changes, until the function given back is called. */
  follow(model: string, workflowId: string, tell: Tell): () => void {
    const waiting = this.#waiting.get(model) ?? new Map<string, Tell>();
    let last = '';
    waiting.set(workflowId, (place) => {
      if (JSON.stringify(place) !== last) tell(place);
      last = JSON.stringify(place);
    });
    this.#waiting.set(model, waiting);
    if (!this.#rounds.has(model)) {
      this.#rounds.add(model);
      void this.#round(model, waiting);
    }
    return () => waiting.delete(workflowId);
  }

  async #round(model: string, waiting: Map<string, Tell>): Promise<void> {
    if (waiting.size === 0) {
      this.#rounds.delete(model);
      return;
    }
    try {
      const queue = await this.#sessions.queue(model);
      const turnMs = await this.#msPerTurn(model);
      for (const [workflowId, tell] of waiting) tell(placeOf(workflowId, queue, turnMs));
    } catch (error) {
      this.#log.warn({ err: error, model }, 'queue positions are unknown');
    }
    setTimeout(() => void this.#round(model, waiting), EVERY_MS).unref();
  }

  /** How long the pool takes on average until a slot frees; null when nothing is known. */
  async #msPerTurn(model: string): Promise<number | null> {
    const [workers, meanMs] = await Promise.all([this.#sessions.workers(), this.#sessions.meanSessionMs(model)]);
    const slots = workers.filter((worker) => worker.model === model).reduce((sum, worker) => sum + worker.slots, 0);
    return slots === 0 || meanMs === null ? null : meanMs / slots;
  }
}

function placeOf(workflowId: string, queue: readonly QueuedSession[], turnMs: number | null): QueuePlace {
  const index = queue.findIndex((queued) => queued.workflowId === workflowId);
  if (index < 0) return { position: null, estimatedWaitMs: null };
  return { position: index + 1, estimatedWaitMs: turnMs === null ? null : Math.round(turnMs * (index + 1)) };
}
