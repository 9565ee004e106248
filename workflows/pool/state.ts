/**
 * What the scaler remembers of a pool between two decisions, and what operators have told it. Plain JSON of a few
 * kilobytes, carried through continue-as-new; fields are only ever added, with a default for states that lack them.
 */
import type { Calendar } from './policy.ts';
import { initialArrivals } from './forecast/arrivals.ts';
import type { ArrivalsState } from './forecast/arrivals.ts';
import type { LearnedMean } from './forecast/holding.ts';
import type { SlotUse, Workers } from './observation.ts';

/** An operator's number instead of the scaler's, with an end. Busy workers are kept all the same. */
export interface Override {
  readonly workers: number;
  readonly untilMs: number;
  readonly by: string;
  readonly why: string;
}

/** An operator's bounds instead of the policy's. */
export interface Limits {
  readonly minWorkers: number;
  readonly maxWorkers: number;
}

export interface PoolState {
  /** When the last decision was made; null before the first. */
  readonly decidedAtMs: number | null;
  /** What was last asked of the platform; null before the first decision. */
  readonly asked: Workers | null;
  /** Workers that were told to drain last: their own reports tell it only seconds later. Absent: none. */
  readonly told?: number;
  readonly override: Override | null;
  readonly paused: boolean;
  readonly limits: Limits | null;
  /** An operator's calendar instead of the policy's; none: the policy's. */
  readonly calendar?: Calendar | null;
  /** What was found of a change by hand that was said already; null when there is none. */
  readonly driftSaid: Workers | null;
  readonly scaleFailedSaid: boolean;
  /** Wishes of the last minutes, newest last: what a fall of the target waits for. */
  readonly wished: readonly { readonly atMs: number; readonly workers: number }[];
  /** How long the last workers took to become ready, newest last. */
  readonly startUpsMs: readonly number[];
  readonly arrivals: ArrivalsState;
  readonly holding: LearnedMean;
  /** What the pool has cost on the day under way and on the last days, newest last. */
  readonly spent: readonly DaySpent[];
  /** For whom, this month and the one before; absent from states of earlier versions. */
  readonly used?: readonly MonthUsed[];
}

/** One day of the policy's time zone. */
export interface DaySpent {
  /** `2026-03-29`. */
  readonly day: string;
  readonly standingHours: number;
  readonly burstHours: number;
  /** Hours of which this is known: less than a day's while it lasts, or where the scaler was away. */
  readonly hours: number;
  /** Sessions that ended; absent from states of earlier versions. */
  readonly sessions?: number;
}

/** Slots that sessions held which ended in a month of the policy's time zone, by tenant. */
export interface MonthUsed {
  /** `2026-03`. */
  readonly month: string;
  readonly tenants: Readonly<Record<string, SlotUse>>;
}

export const initialPoolState: PoolState = {
  decidedAtMs: null,
  asked: null,
  override: null,
  paused: false,
  limits: null,
  driftSaid: null,
  scaleFailedSaid: false,
  wished: [],
  startUpsMs: [],
  arrivals: initialArrivals,
  holding: { sessions: 0, totalMs: 0 },
  spent: [],
};
