/**
 * How many slots a pool will need at a moment ahead: sessions under way that will still be so, and those that will have
 * begun by then. Their mean is the load; Erlang C gives the slots for it, as many beyond the mean as a queue in balance
 * needs. What is known of the near future makes the spread smaller, what is uncertain of the rate makes it larger: the
 * slots beyond the mean go with the standard deviation (square-root staffing: S. Halfin, W. Whitt, "Heavy-traffic limits
 * for queues with many exponential servers", Operations Research 29, 1981).
 */
import { serversFor } from '../erlang.ts';
import type { WaitTarget } from '../erlang.ts';
import { begunLoad, residualSurvival } from './holding.ts';
import type { Holding } from './holding.ts';

// Taken once: in the workflow sandbox every look at a global is slow.
const { floor, min, sqrt } = Math;

/** What is known now. */
export interface Outlook {
  readonly atMs: number;
  /** Sessions that hold a slot or wait for one. */
  readonly present: number;
  readonly holding: Holding;
  /** Arrivals a millisecond at a moment ahead. */
  readonly rate: (atMs: number) => number;
  /** How unsure the rate is: its variance ÷ its square. */
  readonly rateVariance: number;
}

/** No zone's hour begins off the quarter of an hour: rates change only there. */
const QUARTER_MS = 900_000;

/** Sessions that will have begun from now on and still be under way after `aheadMs`. */
function newLoad({ atMs, rate, holding }: Outlook, aheadMs: number): number {
  let load = 0;
  for (let from = 0; from < aheadMs;) {
    const boundary = (floor((atMs + from) / QUARTER_MS) + 1) * QUARTER_MS - atMs;
    const to = min(aheadMs, boundary);
    load += rate(atMs + from) * (begunLoad(holding, aheadMs - from) - begunLoad(holding, aheadMs - to));
    from = to;
  }
  return load;
}

/** Slots needed at `aheadMs` from now, a fraction. */
export function slotsNeeded(outlook: Outlook, aheadMs: number, target: WaitTarget): number {
  const stays = residualSurvival(outlook.holding, aheadMs);
  const begun = newLoad(outlook, aheadMs);
  const mean = outlook.present * stays + begun;
  if (mean <= 0) return 0;
  const variance = outlook.present * stays * (1 - stays) + begun + begun * begun * outlook.rateVariance;
  const beyond = serversFor(mean, target, outlook.holding.meanMs) - mean;
  return mean + beyond * sqrt(variance / mean);
}
