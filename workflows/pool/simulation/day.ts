/** The sessions of a day that is to be played: drawn from rates by a seed, or as they were recorded. */
import { exponential, lognormal, seeded } from './random.ts';

export interface Call {
  readonly atMs: number;
  readonly holdMs: number;
}

/** Arrivals of one day, from local midnight on; times in milliseconds after it. */
export interface DayPlan {
  /** Sessions an hour, 24 numbers. */
  readonly sessionsByHour: readonly number[];
  readonly holding: { readonly meanMs: number; readonly cv: number };
  /** On every hour. */
  readonly scale: number;
  /** Everything comes so much earlier. */
  readonly earlierMs: number;
  readonly bursts: readonly Burst[];
}

export interface Burst {
  readonly fromMs: number;
  readonly forMs: number;
  readonly factor: number;
}

export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Sessions a millisecond at a time of the day. */
export function rateAt({ sessionsByHour, scale, earlierMs, bursts }: DayPlan, atMs: number): number {
  const planned = Math.floor((atMs + earlierMs) / HOUR_MS);
  const hour = ((planned % 24) + 24) % 24;
  const factor = bursts
    .filter(({ fromMs, forMs }) => atMs >= fromMs && atMs < fromMs + forMs)
    .reduce((product, each) => product * each.factor, 1);
  return ((sessionsByHour[hour] ?? 0) / HOUR_MS) * scale * factor;
}

/**
 * A Poisson day by thinning (P. A. W. Lewis, G. S. Shedler, 1979): candidates at the highest rate, each kept with the chance
 * that the rate of its moment has of it. Lengths are drawn apart, so that they do not depend on what is kept.
 */
export function drawDay(plan: DayPlan, seed: number): Call[] {
  const [times, lengths] = [seeded(seed), seeded(seed ^ 0x5bd1e995)];
  const most = plan.bursts.reduce((product, { factor }) => product * Math.max(1, factor), plan.scale);
  const highest = (Math.max(...plan.sessionsByHour) / HOUR_MS) * most;
  const calls: Call[] = [];
  if (highest <= 0) return calls;
  for (let atMs = exponential(times) / highest; atMs < DAY_MS; atMs += exponential(times) / highest) {
    if (times() * highest >= rateAt(plan, atMs)) continue;
    calls.push({ atMs, holdMs: lognormal(lengths, plan.holding.meanMs, plan.holding.cv) });
  }
  return calls;
}
