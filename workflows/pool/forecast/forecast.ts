/** The forecast's number of workers, from what is expected, what was seen, and how long a worker takes to come. */
import { tabledWorkers } from '../calendar.ts';
import { loadFor } from '../erlang.ts';
import type { WaitTarget } from '../erlang.ts';
import { hourOfWeek } from '../local-time.ts';
import type { ForecastRule, Policy } from '../policy.ts';
import type { PoolState } from '../state.ts';
import { dayLevel, offPlan, plannedRate } from './arrivals.ts';
import type { Expectation, OffPlan } from './arrivals.ts';
import { meanHoldingMs } from './holding.ts';
import { slotsNeeded } from './staffing.ts';
import type { Outlook } from './staffing.ts';
import type { Rate } from './week.ts';

const HOUR_MS = 3_600_000;
/** From a decision to the next one, at most: what comes between is asked for now. */
const TICK_MS = 10_000;

/** At night, when sessions are few: one late in a day is not worth another worker all night. */
const LATE_PER_HOUR = 1 / 24;

export interface Forecast {
  /** Slots that are wanted as soon as new workers can be there. */
  readonly raise: number;
  /** Slots that will be wanted until dropped ones could be back: fewer are not kept. */
  readonly keep: number;
  readonly level: number;
  readonly offPlan: OffPlan | null;
  /** Arrivals a second, now. */
  readonly perSecond: number;
}

export const expectationOf = (policy: Policy, rule: ForecastRule): Expectation => ({
  timeZone: policy.timeZone,
  prior: (atMs) => priorRate(policy, rule, atMs),
  dayCv: rule.dayCv,
});

/** As told, or as the calendar's workers imply; of an hour of which nothing is said, nothing. */
function priorRate({ calendar, timeZone, slotsPerWorker }: Policy, rule: ForecastRule, atMs: number): Rate {
  const weeks = rule.priorWeeks;
  const byHour = rule.arrivalsByHour;
  if (byHour !== null) {
    const arrivals = byHour[hourOfWeek(atMs, timeZone) % byHour.length] ?? 0;
    return { shape: arrivals * weeks, hours: weeks };
  }
  if (calendar === null) return { shape: 0, hours: 0 };
  const target = { servedShare: calendar.servedShare, withinMs: rule.withinMs };
  const slots = tabledWorkers(calendar.timetable, atMs, timeZone) * slotsPerWorker;
  return { shape: (knownLoad(slots, target, rule.sessionMs) * HOUR_MS * weeks) / rule.sessionMs, hours: weeks };
}

/** {@link loadFor} of the numbers of one table, reckoned once. */
let known: { readonly target: WaitTarget; readonly sessionMs: number; readonly loads: Map<number, number> } | null =
  null;

function knownLoad(slots: number, target: WaitTarget, sessionMs: number): number {
  const { servedShare, withinMs } = target;
  const isKnown =
    known?.sessionMs === sessionMs && known.target.servedShare === servedShare && known.target.withinMs === withinMs;
  if (!isKnown) known = { target, sessionMs, loads: new Map() };
  const loads = known?.loads ?? new Map<number, number>();
  const load = loads.get(slots) ?? loadFor(slots, target, sessionMs);
  loads.set(slots, load);
  return load;
}

/** @param present sessions that hold a slot or wait for one */
export function forecast(
  policy: Policy,
  rule: ForecastRule,
  state: Pick<PoolState, 'arrivals' | 'holding'>,
  now: { readonly atMs: number; readonly present: number; readonly startUpMs: number },
): Forecast {
  const expectation = expectationOf(policy, rule);
  const level = dayLevel(state.arrivals, expectation);
  const off = offPlan(state.arrivals, level.mean, now.atMs);
  const planned = (atMs: number): number => plannedRate(state.arrivals, expectation, atMs) * level.mean;
  const rate = (atMs: number): number => Math.max(0, planned(atMs) + (off?.extra ?? 0));
  const perMs = rate(now.atMs);
  const outlook: Outlook = {
    atMs: now.atMs,
    present: now.present,
    holding: { meanMs: meanHoldingMs(state.holding, rule.sessionMs), cv: rule.sessionCv },
    rate,
    rateVariance:
      level.variance / level.mean ** 2 + (off === null || perMs === 0 ? 0 : off.seen / (off.forMs * perMs) ** 2),
  };
  const target = { ...rule, latePerHour: LATE_PER_HOUR };
  const needed = (aheadMs: number): number => slotsNeeded(outlook, aheadMs, target);
  const raise = needed(now.startUpMs + TICK_MS);
  const later = [0.25, 0.5, 0.75, 1].map((part) => needed(part * (now.startUpMs + rule.keepMs)));
  return { raise, keep: Math.max(raise, ...later), level: level.mean, offPlan: off, perSecond: perMs * 1000 };
}
