/**
 * Arrivals as they come, against what is expected of the hour. Three things are told apart: how this day compares with
 * others (`level`: a factor on every hour), what is off the plan just now (a burst, a lull: `extra`), and chance.
 */
import { hourOfWeek } from '../local-time.ts';
import { atLeast, atMost } from './normal.ts';
import { learnHour, meanRate, updatedRate } from './week.ts';
import type { LearnedWeek, Rate } from './week.ts';

// Taken once: in the workflow sandbox every look at a global is slow.
const { exp, max, min, sqrt } = Math;

/** Arrivals of a short stretch. */
interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seen: number;
  /** By the week alone, without the day's level. */
  readonly expected: number;
}

interface OpenHour {
  readonly hour: number;
  readonly sinceMs: number;
  readonly seen: number;
  readonly forMs: number;
}

export interface ArrivalsState {
  readonly week: LearnedWeek;
  /** The hour of the week under way. */
  readonly open: OpenHour | null;
  /** Arrivals of the last half hour or so: what is expected of an hour of which nothing is known. */
  readonly lately: Rate;
  /** The last ten minutes, newest last. */
  readonly bins: readonly Bin[];
  /** Evidence of the day's level: discounted sums. */
  readonly level: { readonly seen: number; readonly expected: number };
  /** Since when arrivals are off the plan; null while they are not. */
  readonly offPlanSinceMs: number | null;
}

export const initialArrivals: ArrivalsState = {
  week: {},
  open: null,
  lately: { shape: 0, hours: 0 },
  bins: [],
  level: { seen: 0, expected: 0 },
  offPlanSinceMs: null,
};

/** What the model takes for granted. */
export interface Expectation {
  readonly timeZone: string;
  /** Arrivals an hour, at a moment, as expected before anything was seen. */
  readonly prior: (atMs: number) => Rate;
  /** How much whole days differ from what is expected of them: coefficient of variation. */
  readonly dayCv: number;
}

const HOUR_MS = 3_600_000;
const BIN_MS = 10_000;
const KEEP_MS = 600_000;
/** What is off the plan for so long is the day's level, where that is plausible. */
const ADOPT_AFTER_MS = 900_000;
/** The day's level is that of the last hour or so. */
const LEVEL_MEMORY_MS = 3_600_000;
const LATELY_MEMORY_MS = 1_800_000;
/** Beyond this a day is not a busier one but another one. */
const LEVEL_RANGE = [0.4, 2.5] as const;

/** Expected arrivals a millisecond at a moment, by the week as learned, without the day's level. */
export function plannedRate(state: ArrivalsState, expectation: Expectation, atMs: number): number {
  const hour = hourOfWeek(atMs, expectation.timeZone);
  const rate = state.week[hour] ?? expectation.prior(atMs);
  return meanRate(rate.hours > 0 ? rate : state.lately) / HOUR_MS;
}

/** The day's factor: Gamma–Poisson around 1. `variance` says how sure it is. */
export function dayLevel({ level }: ArrivalsState, { dayCv }: Expectation): { mean: number; variance: number } {
  const trust = 1 / (dayCv * dayCv);
  const rate = { shape: trust + level.seen, hours: trust + level.expected };
  const [least, most] = LEVEL_RANGE;
  return { mean: min(most, max(least, meanRate(rate))), variance: rate.shape / rate.hours ** 2 };
}

export interface OffPlan {
  /** Arrivals a millisecond on top of the plan; below 0 in a lull. */
  readonly extra: number;
  readonly seen: number;
  readonly expected: number;
  readonly forMs: number;
}

/** Stretches over which arrivals are compared with the plan. A lull shows only over longer ones. */
const WINDOWS_MS = [20_000, 60_000, 180_000, 600_000];
const LEAST_LULL_MS = 180_000;
/** Less likely than this is not taken for chance. */
const CHANCE = 1e-4;

/** What is off the plan now: the strongest of the windows that chance does not explain; null where it explains all. */
export function offPlan(state: ArrivalsState, level: number, atMs: number): OffPlan | null {
  const windows = WINDOWS_MS.map((forMs) => windowOf(state.bins, level, atMs - forMs, atMs));
  const bursts = windows.filter(({ seen, expected }) => atLeast(seen, expected) < CHANCE).map(burst);
  const lulls = windows
    .filter(({ seen, expected, forMs }) => forMs >= LEAST_LULL_MS && atMost(seen, expected) < CHANCE)
    .map(lull);
  const strongest = (found: readonly OffPlan[]): OffPlan | null =>
    found.reduce<OffPlan | null>((most, each) => (most === null || each.extra > most.extra ? each : most), null);
  return strongest(bursts) ?? strongest(lulls);
}

type Window = Omit<OffPlan, 'extra'>;

function windowOf(bins: readonly Bin[], level: number, fromMs: number, atMs: number): Window {
  let [seen, expected, since] = [0, 0, atMs];
  for (let at = bins.length - 1; at >= 0; at -= 1) {
    const bin = bins[at];
    if (bin === undefined || bin.toMs <= fromMs) break;
    seen += bin.seen;
    expected += bin.expected * level;
    since = bin.fromMs;
  }
  return { seen, expected, forMs: max(1, atMs - since) };
}

/** A standard deviation is taken off: what stands out is in part chance. */
const burst = ({ seen, expected, forMs }: Window): OffPlan => ({
  extra: max(0, seen - sqrt(seen) - expected) / forMs,
  seen,
  expected,
  forMs,
});

const lull = ({ seen, expected, forMs }: Window): OffPlan => ({
  extra: min(0, seen + sqrt(seen) + 1 - expected) / forMs,
  seen,
  expected,
  forMs,
});

/** Takes in what arrived in a stretch that ends now. */
export function learnArrivals(
  state: ArrivalsState,
  expectation: Expectation,
  { fromMs, toMs, seen }: { readonly fromMs: number; readonly toMs: number; readonly seen: number },
): ArrivalsState {
  if (toMs <= fromMs) return state;
  const expected = plannedRate(state, expectation, fromMs) * (toMs - fromMs);
  const bins = withBin(state.bins, { fromMs, toMs, seen, expected });
  const keep = exp((fromMs - toMs) / LATELY_MEMORY_MS);
  const faded = { shape: state.lately.shape * keep, hours: state.lately.hours * keep };
  const lately = updatedRate(faded, seen, (toMs - fromMs) / HOUR_MS);
  const next = { ...state, ...learnWeek(state, expectation, fromMs, toMs, seen), bins, lately };
  return learnLevel(next, expectation, { fromMs, toMs, seen, expected });
}

function withBin(bins: readonly Bin[], news: Bin): Bin[] {
  const kept = bins.filter(({ toMs }) => toMs > news.toMs - KEEP_MS);
  const last = kept.at(-1);
  if (last === undefined || last.toMs !== news.fromMs || news.toMs - last.fromMs > BIN_MS) return [...kept, news];
  const joined = { fromMs: last.fromMs, toMs: news.toMs };
  return [...kept.slice(0, -1), { ...joined, seen: last.seen + news.seen, expected: last.expected + news.expected }];
}

function learnWeek(
  { week, open }: ArrivalsState,
  expectation: Expectation,
  fromMs: number,
  toMs: number,
  seen: number,
): Pick<ArrivalsState, 'week' | 'open'> {
  const hour = hourOfWeek(fromMs, expectation.timeZone);
  const forMs = toMs - fromMs;
  if (open?.hour === hour) return { week, open: { ...open, seen: open.seen + seen, forMs: open.forMs + forMs } };
  const begun = { hour, sinceMs: fromMs, seen, forMs };
  if (open === null) return { week, open: begun };
  const closed = learnHour(week, open.hour, expectation.prior(open.sinceMs), open.seen, open.forMs / HOUR_MS);
  return { week: closed, open: begun };
}

/** What is off the plan says nothing of the day, until it lasts. */
function learnLevel(
  state: ArrivalsState,
  expectation: Expectation,
  { fromMs, toMs, seen, expected }: Bin,
): ArrivalsState {
  const isOff = offPlan(state, dayLevel(state, expectation).mean, toMs) !== null;
  const keep = exp((fromMs - toMs) / LEVEL_MEMORY_MS);
  const faded = { seen: state.level.seen * keep, expected: state.level.expected * keep };
  if (!isOff) {
    const level = { seen: faded.seen + seen, expected: faded.expected + expected };
    return { ...state, level, offPlanSinceMs: null };
  }
  const offPlanSinceMs = state.offPlanSinceMs ?? toMs;
  if (toMs - offPlanSinceMs < ADOPT_AFTER_MS) return { ...state, level: faded, offPlanSinceMs };
  const recent = windowOf(state.bins, 1, toMs - KEEP_MS, toMs);
  const ratio = recent.seen / max(recent.expected, 1e-9);
  const isPlausible = ratio >= LEVEL_RANGE[0] && ratio <= LEVEL_RANGE[1];
  return { ...state, level: isPlausible ? recent : faded, offPlanSinceMs: isPlausible ? null : offPlanSinceMs };
}
