/** Each rule by example, and who wins: given a policy and what is seen, what is wanted and why. */
import { decide } from '../../../workflows/pool/decide.ts';
import type { Observation } from '../../../workflows/pool/observation.ts';
import { policyFault } from '../../../workflows/pool/policy-fault.ts';
import type { Calendar, ForecastRule, Policy } from '../../../workflows/pool/policy.ts';
import { initialPoolState } from '../../../workflows/pool/state.ts';
import type { PoolState } from '../../../workflows/pool/state.ts';
import { HOUR_MS, MONDAY_MS, observed, policyOf } from './given.ts';

const calendar: Calendar = {
  timetable: { kind: 'hours', workersByHour: Array.from({ length: 24 }, (_, hour) => (hour === 8 ? 50 : 3)) },
  leadMs: 30 * 60_000,
  role: 'floor',
  servedShare: 0.99,
};
const forecast: ForecastRule = {
  servedShare: 0.99,
  withinMs: 2000,
  sessionMs: 240_000,
  sessionCv: 1,
  arrivalsByHour: Array.from({ length: 24 }, (_, hour) => (hour === 9 ? 1500 : 150)),
  priorWeeks: 4,
  dayCv: 0.2,
  keepMs: 120_000,
};
const first = (policy: Policy, observation: Observation, state: PoolState = initialPoolState) =>
  decide(policy, observation, state).decision;

test('calendar: the table’s number, ahead of the clock by the lead', () => {
  const at = (hour: number) => first(policyOf({ calendar }), observed(0, 3, { atMs: MONDAY_MS + hour * HOUR_MS }));
  expect([at(7.4).target, at(7.5).target, at(8.9).target, at(9).target]).toEqual([3, 50, 50, 3]);
  expect(at(7.5).sentence).toBe('Calendar: 50 workers, by the table at 07:30 (Asia/Singapore), 30 min ahead.');
});

test('headroom: busy and idle ones beside them, the larger of number and share', () => {
  const headroom = { idleSlots: 5, idleShare: 0.2 };
  const target = (busy: number) => first(policyOf({ headroom }), observed(busy)).target;
  expect([target(0), target(10), target(25), target(26), target(60)]).toEqual([5, 15, 30, 32, 72]);
});

test('backlog: one worker more for each that waits, once the oldest has waited long enough', () => {
  const policy = policyOf({ backlog: { afterMs: 3000 } });
  const waits = (oldestMs: number) => first(policy, observed(10, 0, { waiting: { sessions: 7, oldestMs } }));
  expect(waits(2999)).toMatchObject({ target: 10, rule: 'busy', numbers: { backlog: null } });
  expect(waits(3000)).toMatchObject({ target: 17, rule: 'backlog', numbers: { backlog: 17, busy: 10 } });
  expect(waits(3000).sentence).toBe('Backlog: 17 workers, 10 are busy and 7 sessions wait, the oldest for 3 s.');
});

test('slots: a worker of eight slots counts for eight sessions', () => {
  const policy = policyOf({ slotsPerWorker: 8, headroom: { idleSlots: 4, idleShare: 0 }, backlog: { afterMs: 0 } });
  const seen = observed(3, 0, { slots: { busy: 22, idle: 2 }, waiting: { sessions: 9, oldestMs: 1 } });
  expect(first(policy, seen)).toMatchObject({ target: 5, numbers: { headroom: 4, backlog: 5, busy: 3 } });
});

test('forecast: a rise of the plan is asked for as long ahead as a worker takes to start', () => {
  const policy = policyOf({ forecast });
  const at = (minutes: number) =>
    first(policy, observed(8, 4, { atMs: MONDAY_MS + 9 * HOUR_MS + minutes * 60_000 })).numbers.forecast ?? 0;
  expect(at(-10)).toBeLessThan(25);
  expect(at(-2)).toBeGreaterThan(at(-10) + 10);
  expect(at(-3.4)).toBeLessThan(25);
});

test('forecast: slow starts that were seen move the rise further ahead', () => {
  const policy = policyOf({ forecast });
  const atMs = MONDAY_MS + 9 * HOUR_MS - 5 * 60_000;
  const slow = { ...initialPoolState, startUpsMs: [400_000, 410_000, 420_000, 430_000, 440_000] };
  expect(first(policy, observed(8, 4, { atMs }), slow).target).toBeGreaterThan(
    first(policy, observed(8, 4, { atMs })).target + 10,
  );
  expect(first(policy, observed(8, 4, { atMs }), slow).sentence).toContain('a new worker takes 440 s');
});

/** Lets so many sessions a minute arrive, from a moment on, with enough workers; answers the last decision. */
function after(policy: Policy, minutes: number, perMinute: number, fromMs: number) {
  let state = initialPoolState;
  let seen = first(policy, observed(10, 40, { atMs: fromMs }));
  for (let second = 0; second <= minutes * 60; second += 5) {
    const observation = observed(10, 40, { atMs: fromMs + second * 1000, arrived: (perMinute * 5) / 60 });
    const { decision, state: next } = decide(policy, observation, state);
    [state, seen] = [next, decision];
  }
  return { state, decision: seen };
}

test('forecast: a burst is seen within half a minute, and the sentence says what was seen', () => {
  const { decision } = after(policyOf({ forecast, maxWorkers: 300 }), 0.5, 60, MONDAY_MS + 12 * HOUR_MS);
  expect(decision.sentence).toMatch(/^Forecast: \d+ workers, .*, and 3\d came in the last 30 s where 1\.\d were/);
  expect(decision.numbers.forecast).toBeGreaterThan(60);
});

test('forecast: a day of more calls than planned raises the hours to come by as much', () => {
  const rates = { ...forecast, arrivalsByHour: Array.from({ length: 24 }, (_, hour) => (hour === 13 ? 1200 : 600)) };
  const policy = policyOf({ forecast: rates, maxWorkers: 300 });
  const { state } = after(policy, 58, 15, MONDAY_MS + 12 * HOUR_MS);
  const before13 = observed(60, 20, { atMs: MONDAY_MS + 13 * HOUR_MS - 100_000 });
  const usual = first(policy, before13).numbers.forecast ?? 0;
  const busier = first(policy, before13, { ...state, decidedAtMs: before13.atMs - 5000 });
  expect((busier.numbers.forecast ?? 0) / usual).toBeGreaterThan(1.1);
  expect(busier.sentence).toMatch(/the day at 14\d % of the plan/);
});

test('forecast: what is seen of an hour of the week is expected of it a week later', () => {
  const policy = policyOf({ forecast: { ...forecast, priorWeeks: 1 } });
  const { state } = after(policy, 130, 10, MONDAY_MS + 14 * HOUR_MS);
  expect(state.arrivals.week['14']?.hours).toBeCloseTo(1.8, 1);
  expect(state.arrivals.week['14']?.shape).toBeGreaterThan(600);
  expect(state.arrivals.week['14']?.shape).toBeLessThan(800);
});

test('a gap in looking teaches nothing: what arrived meanwhile is not known', () => {
  const policy = policyOf({ forecast });
  const { state } = decide(policy, observed(1), initialPoolState);
  const late = decide(policy, observed(1, 0, { atMs: MONDAY_MS + HOUR_MS, arrived: 3 }), state);
  expect(late.state.arrivals).toEqual(state.arrivals);
});

test('without plan or calendar the forecast goes by the last half hour', () => {
  const policy = policyOf({ forecast: { ...forecast, arrivalsByHour: null } });
  const { decision } = after(policy, 40, 15, MONDAY_MS + 12 * HOUR_MS);
  expect(decision.sentence).toMatch(/1[456]\.?\d* sessions a minute are expected/);
});

test('cool-down: the target falls only to the largest number wanted lately', () => {
  const policy = policyOf({
    headroom: { idleSlots: 5, idleShare: 0 },
    scaleDown: { coolDownMs: 60_000, hysteresisShare: 0 },
  });
  const busy = decide(policy, observed(20, 5), initialPoolState);
  const fallen = decide(policy, observed(2, 23, { atMs: MONDAY_MS + 30_000 }), busy.state);
  expect(fallen.decision).toMatchObject({ target: 25, rule: 'coolDown', numbers: { headroom: 7, coolDown: 25 } });
  expect(fallen.decision.sentence).toBe(
    'Cool-down: 25 workers, the largest number wanted in the last 60 s; now 7 workers would do.',
  );
  const later = decide(policy, observed(2, 23, { atMs: MONDAY_MS + 61_000 }), fallen.state);
  expect(later.decision).toMatchObject({ target: 7, rule: 'headroom' });
});

test('hysteresis: a small fall is left, a large one and every rise are not', () => {
  const policy = policyOf({
    headroom: { idleSlots: 0, idleShare: 0 },
    scaleDown: { coolDownMs: 0, hysteresisShare: 0.1 },
  });
  const target = (busy: number, idle: number) => first(policy, observed(busy, idle));
  expect(target(46, 4)).toMatchObject({ target: 50, rule: 'hysteresis' });
  expect(target(45, 5)).toMatchObject({ target: 45, rule: 'headroom' });
  expect(first(policy, { ...observed(50), asked: { standing: 49, burst: 0 } }).target).toBe(50);
});

test('bounds: minimum and maximum; busy workers stay though there are more than the maximum', () => {
  const policy = policyOf({ minWorkers: 3, maxWorkers: 10, headroom: { idleSlots: 2, idleShare: 0 } });
  expect(first(policy, observed(0))).toMatchObject({ target: 3, rule: 'minimum' });
  expect(first(policy, observed(9))).toMatchObject({ target: 10, rule: 'maximum', numbers: { headroom: 11 } });
  expect(first(policy, observed(14))).toMatchObject({ target: 14, rule: 'busy', numbers: { maximum: 10 } });
});

const prices = { currency: 'USD', standingWorkerHour: 0.1, burstWorkerHour: 0.3, poolHour: 0 };

test('burst workers come beyond the standing maximum, as far as the day’s money goes', () => {
  const backlog = { afterMs: 0 };
  const burst = { maxWorkers: 20, maxCostPerDay: null };
  const seen = observed(10, 0, { waiting: { sessions: 15, oldestMs: 1000 } });
  const base = policyOf({ maxWorkers: 10, backlog, prices, forecast: { ...forecast, arrivalsByHour: null } });
  expect(first({ ...base, burst }, seen)).toMatchObject({ target: 25, workers: { standing: 10, burst: 15 } });
  // 180 s to start and 240 s of session at 0.3 an hour: 0.035 each.
  const capped = first({ ...base, burst: { ...burst, maxCostPerDay: 0.2 } }, seen);
  expect(capped).toMatchObject({ target: 15, rule: 'costCap', workers: { standing: 10, burst: 5 } });
  expect(capped.numbers).toMatchObject({ costCap: 15 });
});

test('more busy standing workers than the maximum stay standing: none is taken for a burst worker', () => {
  const policy = policyOf({ maxWorkers: 10, backlog: { afterMs: 0 }, burst: { maxWorkers: 20, maxCostPerDay: null } });
  expect(first(policy, observed(14)).workers).toEqual({ standing: 14, burst: 0 });
  expect(first({ ...policy, burst: null }, observed(14)).workers).toEqual({ standing: 14, burst: 0 });
});

test('an observation that is older than the last teaches nothing and turns no clock back', () => {
  const policy = policyOf({ forecast });
  const { state } = decide(policy, observed(1), initialPoolState);
  const stale = decide(policy, observed(1, 0, { atMs: MONDAY_MS - 5000, arrived: 50 }), state);
  expect(stale.state.arrivals).toEqual(state.arrivals);
  expect(stale.state.decidedAtMs).toBe(MONDAY_MS);
});

test('a pool changed by hand is said once and set right; said again only when it is changed anew', () => {
  const policy = policyOf({ headroom: { idleSlots: 5, idleShare: 0 } });
  const at = (seconds: number, idle: number, state: PoolState) =>
    decide(policy, observed(5, idle, { atMs: MONDAY_MS + seconds * 1000 }), state);
  const calm = at(0, 5, initialPoolState);
  const found = at(5, 20, calm.state);
  expect(found.decision).toMatchObject({ target: 10, workers: { standing: 10, burst: 0 } });
  expect(found.decision.notices).toEqual([
    {
      kind: 'drift',
      found: { standing: 25, burst: 0 },
      wanted: { standing: 10, burst: 0 },
      sentence:
        'The pool was changed from outside to 25 workers, where the scaler had asked for 10 workers: it is set right.',
    },
  ]);
  const still = at(10, 20, found.state);
  expect(still.decision).toMatchObject({ target: 10, notices: [] });
  const right = at(15, 5, still.state);
  expect(right.decision.notices).toEqual([]);
  expect(at(20, 20, right.state).decision.notices).toMatchObject([{ kind: 'drift' }]);
});

test('a worker that was told to drain, and has not said so yet, is no change by hand; one more than that is', () => {
  const policy = policyOf({ headroom: { idleSlots: 0, idleShare: 0 } });
  const state = { ...initialPoolState, asked: { standing: 5, burst: 0 }, told: 1 };
  const noticed = (standing: number) => first(policy, { ...observed(5), asked: { standing, burst: 0 } }, state).notices;
  expect(noticed(6)).toEqual([]);
  expect(noticed(7)).toMatchObject([{ kind: 'drift' }]);
  expect(noticed(4)).toMatchObject([{ kind: 'drift' }]);
});

test('burst workers that have ended are no change by hand', () => {
  const policy = policyOf({ headroom: { idleSlots: 0, idleShare: 0 } });
  const state = { ...initialPoolState, asked: { standing: 5, burst: 4 } };
  expect(first(policy, { ...observed(5), asked: { standing: 5, burst: 1 } }, state).notices).toEqual([]);
  expect(first(policy, { ...observed(5), asked: { standing: 5, burst: 6 } }, state).notices).toHaveLength(1);
});

test('workers that never become ready are said once, and once that they do again', () => {
  const policy = policyOf({ headroom: { idleSlots: 5, idleShare: 0 } });
  const seen = (seconds: number, oldestStartingMs: number): Observation =>
    observed(0, 2, {
      atMs: MONDAY_MS + seconds * 1000,
      asked: { standing: 5, burst: 0 },
      workers: { starting: oldestStartingMs > 0 ? 3 : 0, busy: 0, idle: 2, draining: 0 },
      oldestStartingMs,
    });
  const steps = [899_999, 900_000, 905_000, 0, 900_000];
  let state: PoolState = initialPoolState;
  const kinds = steps.map((oldest, at) => {
    const { decision, state: next } = decide(policy, seen(at * 5, oldest), state);
    state = next;
    return decision.notices.map(({ kind }) => kind);
  });
  expect(kinds).toEqual([[], ['scaleFailed'], [], ['scaleRecovered'], ['scaleFailed']]);
});

test.each([
  [policyOf({ timeZone: 'Mars/Olympus', backlog: { afterMs: 0 } }), 'timeZone "Mars/Olympus" is not known'],
  [policyOf({ minWorkers: 5, maxWorkers: 4, backlog: { afterMs: 0 } }), 'minWorkers 5 is above maxWorkers 4'],
  [
    policyOf({ backlog: { afterMs: 0 }, burst: { maxWorkers: 5, maxCostPerDay: 1 } }),
    'burst.maxCostPerDay needs prices',
  ],
  [policyOf({ calendar: { ...calendar, role: 'expected' } }), 'nothing decides'],
  [
    policyOf({ calendar: { ...calendar, timetable: { kind: 'cron', entries: [{ cron: '0 8 *', workers: 5 }] } } }),
    'calendar: cron entry "0 8 *": 3 fields',
  ],
  [
    policyOf({ calendar: { ...calendar, timetable: { kind: 'cron', entries: [{ cron: '0 0 30 2 *', workers: 5 }] } } }),
    'calendar: cron entry "0 0 30 2 *" never fires',
  ],
])('a policy whose fields make no sense together is refused with what is wrong (%#)', (policy, fault) => {
  expect(policyFault(policy)).toContain(fault);
});

test('a policy that makes sense is not refused', () => {
  expect(policyFault(policyOf({ calendar, forecast, prices }))).toBeNull();
});
