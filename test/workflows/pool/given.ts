/** A pool to decide about: a policy with the rules that a test names, and a quiet observation to vary. */
import type { Observation } from '../../../workflows/pool/observation.ts';
import type { Policy } from '../../../workflows/pool/policy.ts';

/** Monday, 5 January 2026, midnight in Singapore. */
export const MONDAY_MS = Date.UTC(2026, 0, 4, 16);
export const HOUR_MS = 3_600_000;

export const policyOf = (changes: Partial<Policy> = {}): Policy => ({
  timeZone: 'Asia/Singapore',
  minWorkers: 1,
  maxWorkers: 100,
  slotsPerWorker: 1,
  calendar: null,
  headroom: null,
  backlog: null,
  forecast: null,
  startUp: { expectedMs: 180_000, failedAfterMs: 900_000 },
  scaleDown: { coolDownMs: 0, hysteresisShare: 0 },
  burst: null,
  prices: null,
  ...changes,
});

/** `busy` workers of one slot and `idle` ones, all of them standing; nobody waits. */
export function observed(busy: number, idle = 0, changes: Partial<Observation> = {}): Observation {
  return {
    atMs: MONDAY_MS,
    asked: { standing: busy + idle, burst: 0 },
    workers: { starting: 0, busy, idle, draining: 0 },
    slots: { busy, idle },
    waiting: { sessions: 0, oldestMs: 0 },
    arrived: 0,
    ended: { sessions: 0, slotMs: 0 },
    startUpsMs: [],
    oldestStartingMs: 0,
    ...changes,
  };
}
