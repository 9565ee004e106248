/**
 * How many workers a pool should have, and why: a pure function of plain data. No clock, no I/O, no randomness; the same
 * function serves the pool's workflow, the what-if simulator and the tests.
 *
 * The rules' wishes are joined by the largest; then come what keeps the pool calm (cool-down, hysteresis), the bounds, and
 * the operator. Busy workers are in every target: scale-down never cuts a session.
 */
import { calendarWorkers } from './calendar.ts';
import type { Decision, Notice, Rule } from './decision.ts';
import { burstWithinCap } from './cost.ts';
import { dayName, localTime } from './local-time.ts';
import { learn, startUpMsOf } from './learn.ts';
import { noticesOf } from './notices.ts';
import type { Observation, Workers } from './observation.ts';
import type { Policy } from './policy.ts';
import { sentenceOf } from './sentence.ts';
import type { Grounds } from './grounds.ts';
import type { PoolState } from './state.ts';
import { forecast } from './forecast/forecast.ts';
import type { Forecast } from './forecast/forecast.ts';
import { meanHoldingMs } from './forecast/holding.ts';

export interface Decided {
  readonly decision: Decision;
  readonly state: PoolState;
}

type Numbers = Record<Rule, number | null>;

const NONE: Numbers = {
  calendar: null,
  headroom: null,
  backlog: null,
  forecast: null,
  busy: null,
  coolDown: null,
  hysteresis: null,
  minimum: null,
  maximum: null,
  costCap: null,
  paused: null,
  override: null,
};

/**
 * Takes in what was observed and answers the target. The answer's state is what the next decision is to be given.
 * Expects observations in the order of time; one that is not newer than the last teaches nothing. The answer's state takes it
 * that the target is asked for: where the platform does not accept it, `asked` must be what it was before, or the difference
 * is said to be drift.
 */
export function decide(policy: Policy, observation: Observation, before: PoolState): Decided {
  const { state: learned, notices: ended } = withoutEnded(learn(policy, observation, before), observation.atMs);
  const startUpMs = startUpMsOf(policy, learned);
  const expected = forecastOf(policy, observation, learned, startUpMs);
  const grounds: Grounds = { policy, observation, forecast: expected, startUpMs, override: learned.override };
  const numbers: Numbers = { ...NONE, ...wishes(grounds) };
  const wish = joined(grounds, learned, numbers);
  const { target, rule } = bounded(grounds, learned, numbers, wish);
  const workers = learned.paused ? observation.asked : splitWorkers(target, policy, observation);
  const { notices, said } = noticesOf(policy, observation, learned);
  const { atMs } = observation;
  const decision: Decision = {
    atMs,
    target,
    workers,
    rule,
    numbers,
    sentence: sentenceOf(rule, target, numbers, grounds),
    notices: [...ended, ...notices],
  };
  const wished = remembered(learned, policy, { atMs, workers: wish.wanted });
  return {
    decision,
    state: { ...learned, ...said, decidedAtMs: Math.max(atMs, learned.decidedAtMs ?? atMs), asked: workers, wished },
  };
}

function withoutEnded(
  state: PoolState,
  atMs: number,
): { readonly state: PoolState; readonly notices: readonly Notice[] } {
  const { override } = state;
  if (override === null || override.untilMs > atMs) return { state, notices: [] };
  const sentence = `The override to ${override.workers} workers by ${override.by} has ended: the rules decide again.`;
  return { state: { ...state, override: null }, notices: [{ kind: 'overrideEnded', sentence }] };
}

function forecastOf(
  policy: Policy,
  { atMs, slots, waiting }: Observation,
  state: PoolState,
  startUpMs: number,
): Forecast | null {
  if (policy.forecast === null) return null;
  return forecast(policy, policy.forecast, state, { atMs, present: slots.busy + waiting.sessions, startUpMs });
}

/** Workers that give so many slots. */
const workersFor = (slots: number, { slotsPerWorker }: Policy): number =>
  Math.max(0, Math.ceil(slots / slotsPerWorker - 1e-9));

/** What each rule would have, by itself. */
function wishes({ policy, observation, forecast: expected }: Grounds): Partial<Numbers> {
  const { calendar, headroom, backlog } = policy;
  const { atMs, asked, slots, waiting, workers } = observation;
  const isFloor = calendar?.role === 'floor';
  const idle = headroom && Math.max(headroom.idleSlots, Math.ceil(headroom.idleShare * slots.busy - 1e-9));
  const waits = backlog !== null && waiting.sessions > 0 && waiting.oldestMs >= backlog.afterMs;
  const present = asked.standing + asked.burst;
  // Workers that would be wanted again before others could be there are kept, not asked for.
  const kept = expected && Math.min(present, workersFor(expected.keep, policy));
  return {
    calendar: isFloor ? calendarWorkers(calendar, atMs, policy.timeZone) : null,
    headroom: idle === null ? null : workersFor(slots.busy + idle, policy),
    backlog: waits ? workers.busy + workersFor(waiting.sessions, policy) : null,
    forecast: expected && Math.max(workersFor(expected.raise, policy), kept ?? 0),
    busy: workers.busy,
  };
}

interface Wish {
  /** Before cool-down and hysteresis. */
  readonly wanted: number;
  readonly target: number;
  readonly rule: Rule;
}

/** The largest wish; a fall waits for the cool-down and is left where it is small. */
function joined({ policy, observation }: Grounds, { wished }: PoolState, numbers: Numbers): Wish {
  const { coolDownMs, hysteresisShare } = policy.scaleDown;
  const { asked, atMs } = observation;
  const rules = ['calendar', 'headroom', 'backlog', 'forecast', 'busy'] as const;
  const rule = rules.reduce((most, each) => ((numbers[each] ?? -1) > (numbers[most] ?? -1) ? each : most));
  const wanted = numbers[rule] ?? 0;
  const present = asked.standing + asked.burst;
  if (wanted >= present) return { wanted, target: wanted, rule };
  const lately = wished.filter((each) => each.atMs > atMs - coolDownMs).map(({ workers }) => workers);
  const cooled = Math.min(present, Math.max(wanted, ...lately));
  numbers.coolDown = cooled > wanted ? cooled : null;
  if (cooled < present && present - cooled < hysteresisShare * present) {
    numbers.hysteresis = present;
    return { wanted, target: present, rule: 'hysteresis' };
  }
  return { wanted, target: cooled, rule: cooled > wanted ? 'coolDown' : rule };
}

interface Target {
  readonly target: number;
  readonly rule: Rule;
}

/** Minimum, maximum, money, pause and the operator's override, in this order; busy workers stay whatever these say. */
function bounded(grounds: Grounds, state: PoolState, numbers: Numbers, wish: Target): Target {
  const { observation, policy } = grounds;
  const { least, most } = boundsOf(policy, state);
  let { target, rule } = wish;
  const set = (by: Rule, workers: number): void => {
    numbers[by] = workers;
    [target, rule] = [workers, by];
  };
  if (target < least) set('minimum', least);
  if (target > most) set('maximum', most);
  const paid = affordable(grounds, state);
  if (paid !== null && target > paid) set('costCap', paid);
  if (state.override !== null) set('override', state.override.workers);
  if (state.paused) set('paused', observation.asked.standing + observation.asked.burst);
  else if (target < observation.workers.busy) set('busy', observation.workers.busy);
  return { target, rule };
}

/** An operator's limits replace the policy's. */
function boundsOf(policy: Policy, { limits }: PoolState): { readonly least: number; readonly most: number } {
  const most = policy.maxWorkers + (policy.burst?.maxWorkers ?? 0);
  return { least: limits?.minWorkers ?? policy.minWorkers, most: limits?.maxWorkers ?? most };
}

/** Workers that the day's money for burst workers allows; null where there is no cap. */
function affordable({ policy, observation, startUpMs }: Grounds, state: PoolState): number | null {
  const sessionMs = meanHoldingMs(state.holding, policy.forecast?.sessionMs ?? startUpMs);
  const day = dayName(localTime(observation.atMs, policy.timeZone));
  const burst = burstWithinCap(policy, state.spent, { day, startUpMs, sessionMs });
  return burst === null ? null : policy.maxWorkers + burst;
}

/**
 * Standing workers first; what is beyond their maximum are burst workers, where the policy has them. Standing workers that may
 * all be busy stay though they are more than the maximum: which of the busy ones they are is not seen.
 */
function splitWorkers(target: number, { maxWorkers, burst }: Policy, { asked, workers }: Observation): Workers {
  if (burst === null) return { standing: target, burst: 0 };
  const mayBeBusy = Math.min(asked.standing, workers.busy);
  const standing = Math.min(target, Math.max(maxWorkers, mayBeBusy));
  return { standing, burst: target - standing };
}

/** The wishes that a cool-down looks back on: the largest of each ten seconds. */
function remembered(
  { wished }: PoolState,
  { scaleDown }: Policy,
  news: PoolState['wished'][number],
): PoolState['wished'] {
  const kept = wished.filter(({ atMs }) => atMs > news.atMs - scaleDown.coolDownMs);
  const last = kept.at(-1);
  if (last === undefined || Math.floor(last.atMs / 10_000) !== Math.floor(news.atMs / 10_000)) return [...kept, news];
  return [...kept.slice(0, -1), { atMs: news.atMs, workers: Math.max(last.workers, news.workers) }];
}
