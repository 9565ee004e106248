/** What operators may tell a pool's scaler: the validators of its updates (each answers what is wrong, or null), and what follows. */
import type { Policy } from './policy.ts';
import type { Limits, Override, PoolState } from './state.ts';

/** Beyond this an override is a change of policy. */
export const LONGEST_OVERRIDE_MS = 30 * 86_400_000;

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** The most workers that any decision may ask for. */
export const mostDecided = ({ maxWorkers, burst }: Policy): number => maxWorkers + (burst?.maxWorkers ?? 0);

/** @returns what is wrong with an override, and what is allowed; null where nothing is */
export function overrideFault({ workers, untilMs, by }: Override, policy: Policy, nowMs: number): string | null {
  const most = mostDecided(policy);
  if (!isCount(workers) || workers > most) return `workers is ${workers}: allowed is a whole number from 0 to ${most}`;
  if (!(untilMs > nowMs)) return 'the override ends in the past: untilMs must lie ahead';
  if (untilMs - nowMs > LONGEST_OVERRIDE_MS)
    return 'the override ends too late: allowed are 30 days; change the policy instead';
  return by === '' ? 'by is empty: say who overrides' : null;
}

/** @returns what is wrong with an operator's limits, and what is allowed; null where nothing is */
export function limitsFault({ minWorkers, maxWorkers }: Limits, policy: Policy): string | null {
  const most = mostDecided(policy);
  if (!isCount(minWorkers)) return `minWorkers is ${minWorkers}: allowed is a whole number from 0`;
  if (!isCount(maxWorkers) || maxWorkers > most)
    return `maxWorkers is ${maxWorkers}: allowed is a whole number from 0 to ${most}`;
  return minWorkers > maxWorkers ? `minWorkers ${minWorkers} is above maxWorkers ${maxWorkers}` : null;
}

export const withOverride = (state: PoolState, override: Override | null): PoolState => ({ ...state, override });

/** A paused scaler leaves the pool as it is, whoever changes it, until it is resumed. */
export const withPause = (state: PoolState, paused: boolean): PoolState => ({ ...state, paused });

export const withLimits = (state: PoolState, limits: Limits | null): PoolState => ({ ...state, limits });
