/**
 * Which slots of the workers are free: as they report every two seconds, and as this gateway knows better of those whose
 * sessions it serves. Both tell of sessions by their ids, so that none counts twice. Pure but for the clock.
 */
import type { WorkerSummary } from '../ports.ts';

/** The oldest report in use: two seconds between reports, as long until Temporal has one, one that it is kept here. */
const REPORT_LAG_MS = 6000;

interface Slot {
  readonly workerId: string;
  readonly isHeld: boolean;
}

export class SlotsHere {
  /** By the workflow id of who holds it, or held it last. */
  readonly #slots = new Map<string, Slot>();

  taken(workflowId: string, workerId: string): void {
    this.#slots.set(workflowId, { workerId, isHeld: true });
  }

  /** The worker has it back. */
  freed(workflowId: string): void {
    const slot = this.#slots.get(workflowId);
    if (slot?.isHeld !== true) return;
    const freed = { ...slot, isHeld: false };
    this.#slots.set(workflowId, freed);
    setTimeout(() => {
      if (this.#slots.get(workflowId) === freed) this.#slots.delete(workflowId);
    }, REPORT_LAG_MS).unref();
  }

  /** Its worker is lost, or served through another gateway: what it reports is all that is known. */
  unknown(workflowId: string): void {
    if (this.#slots.get(workflowId)?.isHeld === true) this.#slots.delete(workflowId);
  }

  /** @param workers those that take new sessions */
  free(workers: readonly WorkerSummary[]): number {
    const held = new Map(workers.map(({ workerId, sessions }) => [workerId, new Set(sessions)]));
    for (const [workflowId, { workerId, isHeld }] of this.#slots) {
      if (isHeld) held.get(workerId)?.add(workflowId);
      else held.get(workerId)?.delete(workflowId);
    }
    return workers.reduce((sum, { workerId, slots }) => sum + Math.max(0, slots - (held.get(workerId)?.size ?? 0)), 0);
  }
}
