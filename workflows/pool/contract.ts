/** Where the scaler meets the other processes: names and payloads of a pool's workflow and of its activities. Plain JSON. */
import type { Decision } from './decision.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './policy.ts';
import type { PoolState } from './state.ts';

/** One long-lived workflow for each model. */
export const poolWorkflowId = (model: string): string => `pool/${model}`;

export const POOL_UPDATE = {
  /** An operator's number until a time; null ends it. */
  override: 'override',
  /** The pool is left as it is, until resumed. */
  pause: 'pause',
  /** An operator's bounds; null: the policy's again. */
  limits: 'limits',
  /** An operator's calendar; null: the policy's again. */
  calendar: 'calendar',
} as const;
export const POOL_SIGNAL = {
  /** Something happened that cannot wait for the next tick, e.g. a session found no free slot. */
  wake: 'wake',
  /** The settings of the installation have changed: the policy to follow from now on. */
  configure: 'configure',
} as const;
export const POOL_QUERY = { view: 'poolView' } as const;

export interface PoolInput {
  readonly model: string;
  readonly policy: Policy;
  /** Observed and decided so often, in milliseconds. */
  readonly tickMs: number;
  /** Of the run before; null at the beginning. */
  readonly carried: PoolCarried | null;
}

/** What a run hands on to the next. */
export interface PoolCarried {
  readonly state: PoolState;
  readonly observedAtMs: number | null;
  readonly observation: Observation | null;
  readonly decisions: readonly Decision[];
  /** As in {@link PoolView}; absent from runs before it was carried. */
  readonly fault?: string | null;
}

/** Query `poolView`. */
export interface PoolView {
  readonly model: string;
  readonly policy: Policy;
  readonly state: PoolState;
  readonly observation: Observation | null;
  /** Those that changed something or had something to say, newest last; and the last one of all. */
  readonly decisions: readonly Decision[];
  /** Why the pool cannot be seen or changed at present; null while it can. */
  readonly fault: string | null;
}

export interface ObserveArgs {
  readonly model: string;
  /** When the pool was last observed; null: never. */
  readonly sinceMs: number | null;
}

export interface ApplyArgs {
  readonly model: string;
  readonly decision: Decision;
  /** False: the pool is as it should be, and nothing is done. */
  readonly needed: boolean;
}

/** What the platform was asked for. */
export interface Applied {
  /** Workers that were told to hand over their sessions and go. */
  readonly draining: readonly string[];
  /** Units that go now: they hold no session. */
  readonly leaving: readonly string[];
  /** Nothing is left to do for this decision. */
  readonly settled: boolean;
}

/** Control activities of the scaler, on {@link CONTROL_QUEUE}. */
export interface ScalingActivities {
  observePool(args: ObserveArgs): Promise<Observation>;
  applyDecision(args: ApplyArgs): Promise<Applied>;
}
