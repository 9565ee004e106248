/** What an observation teaches: start-up times, holding times, arrivals, hours paid. */
import { withSpent, withUsed } from './cost.ts';
import { learnArrivals } from './forecast/arrivals.ts';
import { expectationOf } from './forecast/forecast.ts';
import { learnHolding } from './forecast/holding.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './policy.ts';
import type { PoolState } from './state.ts';

const START_UPS_KEPT = 50;
/** Of the start-up times seen, this share was shorter than the one that is planned with. */
const START_UP_QUANTILE = 0.9;
/** Until so many were seen, what is expected counts too. */
const START_UPS_TRUSTED = 5;

/** A gap longer than this was a stop of the scaler: what arrived meanwhile is not known. */
const LONGEST_GAP_MS = 300_000;

export function learn(policy: Policy, observation: Observation, state: PoolState): PoolState {
  const { atMs, asked, arrived, ended, startUpsMs, workers } = observation;
  const { timeZone } = policy;
  const fromMs = state.decidedAtMs ?? atMs;
  if (atMs <= fromMs && state.decidedAtMs !== null) return state;
  const isWhole = atMs - fromMs <= LONGEST_GAP_MS;
  const there = { standing: asked.standing + workers.draining, burst: asked.burst };
  return {
    ...state,
    startUpsMs: [...state.startUpsMs, ...startUpsMs].slice(-START_UPS_KEPT),
    holding: learnHolding(state.holding, ended),
    arrivals:
      policy.forecast === null || !isWhole
        ? state.arrivals
        : learnArrivals(state.arrivals, expectationOf(policy, policy.forecast), { fromMs, toMs: atMs, seen: arrived }),
    spent: withSpent(state.spent, there, { fromMs, toMs: atMs, timeZone, sessions: ended.sessions }),
    used: withUsed(state.used ?? [], ended.tenants ?? {}, { atMs, timeZone }),
  };
}

/** How long a worker takes from being asked for to its first free slot: the 90th percentile of what was seen lately. */
export function startUpMsOf({ startUp }: Policy, { startUpsMs }: Pick<PoolState, 'startUpsMs'>): number {
  const missing = Math.max(0, START_UPS_TRUSTED - startUpsMs.length);
  const times = [...startUpsMs, ...Array<number>(missing).fill(startUp.expectedMs)].sort((a, b) => a - b);
  return times[Math.ceil(START_UP_QUANTILE * times.length) - 1] ?? startUp.expectedMs;
}
