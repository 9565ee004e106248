/** What holds of every decision, whatever the policy and whatever is seen; seeded. */
import fc from 'fast-check';
import { mostDecided } from '../../../workflows/pool/controls.ts';
import { decide } from '../../../workflows/pool/decide.ts';
import type { Observation } from '../../../workflows/pool/observation.ts';
import type { Policy } from '../../../workflows/pool/policy.ts';
import { initialPoolState } from '../../../workflows/pool/state.ts';
import type { PoolState } from '../../../workflows/pool/state.ts';
import { drawDay } from '../../../workflows/pool/simulation/day.ts';
import { policyScaler } from '../../../workflows/pool/simulation/scalers.ts';
import { play } from '../../../workflows/pool/simulation/world.ts';
import { MONDAY_MS, policyOf } from './given.ts';

const SEED = 20_260_105;
const small = (max: number) => fc.nat({ max });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const policies: fc.Arbitrary<Policy> = fc
  .record({
    timeZone: fc.constantFrom('UTC', 'Asia/Singapore', 'Europe/Berlin'),
    minWorkers: small(10),
    more: small(60),
    slotsPerWorker: fc.integer({ min: 1, max: 8 }),
    calendar: maybe(
      fc.record({
        timetable: fc.record({
          kind: fc.constant('hours' as const),
          workersByHour: fc.array(small(50), { minLength: 24, maxLength: 24 }),
        }),
        leadMs: small(7_200_000),
        role: fc.constantFrom('floor' as const, 'expected' as const),
        servedShare: fc.constant(0.99),
      }),
    ),
    headroom: maybe(fc.record({ idleSlots: small(20), idleShare: fc.double({ min: 0, max: 1, noNaN: true }) })),
    backlog: maybe(fc.record({ afterMs: small(10_000) })),
    forecast: maybe(
      fc.record({
        servedShare: fc.double({ min: 0.8, max: 0.999, noNaN: true }),
        withinMs: small(10_000),
        sessionMs: fc.integer({ min: 1000, max: 3_600_000 }),
        sessionCv: fc.double({ min: 0, max: 2, noNaN: true }),
        arrivalsByHour: maybe(fc.array(small(600), { minLength: 24, maxLength: 24 })),
        priorWeeks: fc.integer({ min: 1, max: 8 }),
        dayCv: fc.double({ min: 0.05, max: 1, noNaN: true }),
        keepMs: small(600_000),
      }),
    ),
    scaleDown: fc.record({ coolDownMs: small(600_000), hysteresisShare: fc.double({ min: 0, max: 0.5, noNaN: true }) }),
    burst: maybe(fc.record({ maxWorkers: small(20), maxCostPerDay: maybe(small(5)) })),
  })
  .map(({ more, ...rest }) =>
    policyOf({
      ...rest,
      maxWorkers: rest.minWorkers + more,
      prices: { currency: 'USD', standingWorkerHour: 0.1, burstWorkerHour: 0.3, poolHour: 0 },
    }),
  );

/** What is seen so many seconds after the last time. */
const observations: fc.Arbitrary<Omit<Observation, 'atMs'> & { readonly later: number }> = fc
  .record({
    later: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 20 }) }, small(7200)),
    busy: small(80),
    idle: small(20),
    starting: small(20),
    draining: small(10),
    askedMore: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: -20, max: 20 })),
    burst: small(5),
    waiting: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, small(50)),
    oldestMs: small(100_000),
    arrived: fc.oneof(small(20), fc.double({ min: 0, max: 20, noNaN: true })),
    ended: small(20),
    startUpsMs: fc.array(small(600_000), { maxLength: 3 }),
  })
  .map(
    ({ later, busy, idle, starting, draining, askedMore, burst, waiting, oldestMs, arrived, ended, startUpsMs }) => ({
      later,
      asked: { standing: Math.max(0, busy + idle + starting + askedMore), burst },
      workers: { starting, busy, idle, draining },
      slots: { busy, idle },
      waiting: { sessions: waiting, oldestMs: waiting > 0 ? oldestMs : 0 },
      arrived,
      ended: { sessions: ended, slotMs: ended * 200_000 },
      startUpsMs,
      oldestStartingMs: starting * 100_000,
    }),
  );

const states: fc.Arbitrary<PoolState> = fc
  .record({
    override: maybe(
      fc.record({
        workers: small(90),
        untilMs: fc.constant(MONDAY_MS + 60_000),
        by: fc.constant('ada'),
        why: fc.constant(''),
      }),
    ),
    paused: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
    limits: maybe(fc.record({ minWorkers: small(5), maxWorkers: fc.integer({ min: 5, max: 40 }) })),
  })
  .map((controls) => ({ ...initialPoolState, ...controls }));

/** Every decision of a random story. */
function story(
  check: (policy: Policy, seen: Observation, before: PoolState, decided: ReturnType<typeof decide>) => void,
) {
  fc.assert(
    fc.property(policies, states, fc.array(observations, { minLength: 1, maxLength: 12 }), (policy, start, steps) => {
      let state = start;
      let atMs = MONDAY_MS;
      for (const { later, ...seen } of steps) {
        atMs += later * 1000;
        const decided = decide(policy, { ...seen, atMs }, state);
        check(policy, { ...seen, atMs }, state, decided);
        state = decided.state;
      }
    }),
    { seed: SEED, numRuns: 250 },
  );
}

test('the target lies within its bounds, save for busy workers above them, a pause and an override', () => {
  story((policy, { workers }, _before, { decision, state }) => {
    const { target, workers: split } = decision;
    expect(split.standing + split.burst).toBe(target);
    if (policy.burst === null && !state.paused) expect(split.burst).toBe(0);
    expect(Number.isSafeInteger(target) && target >= 0).toBe(true);
    if (state.paused || state.override !== null) return;
    const [least, most] = [
      state.limits?.minWorkers ?? policy.minWorkers,
      state.limits?.maxWorkers ?? mostDecided(policy),
    ];
    expect(target).toBeLessThanOrEqual(Math.max(most, workers.busy));
    // Money bounds burst workers, and those lie above the standing ones.
    expect(target).toBeGreaterThanOrEqual(Math.min(least, policy.maxWorkers));
  });
});

test('no target is below the busy workers, an override and limits included; a pause leaves the pool as it is', () => {
  story((_policy, { workers, asked }, { paused }, { decision }) => {
    if (paused) expect(decision.workers).toEqual(asked);
    else {
      expect(decision.target).toBeGreaterThanOrEqual(workers.busy);
      // Burst workers may all be idle: then those that are busy are standing ones.
      expect(decision.workers.standing).toBeGreaterThanOrEqual(Math.min(asked.standing, workers.busy));
    }
  });
});

test('the sentence names the rule that won and its number, and the number is the target', () => {
  story((_policy, _seen, _before, { decision }) => {
    const { rule, target, numbers, sentence } = decision;
    expect(numbers[rule]).toBe(target);
    const name = { coolDown: 'Cool-down', costCap: 'Cost cap' }[rule as string] ?? rule;
    expect(sentence.toLowerCase()).toMatch(new RegExp(`^${name.toLowerCase()}: ${target} workers?, .*\\.$`));
    expect(sentence).not.toMatch(/NaN|undefined|Infinity|null/);
  });
});

test('decide is a function of plain JSON: the same again gives the same, and nothing given is changed', () => {
  story((policy, seen, before, decided) => {
    const copies = JSON.stringify([policy, seen, before]);
    expect(decide(...(JSON.parse(copies) as [Policy, Observation, PoolState]))).toEqual(decided);
    expect(JSON.stringify([policy, seen, before])).toBe(copies);
    expect(JSON.parse(JSON.stringify(decided))).toEqual(decided);
    expect(structuredClone(decided)).toEqual(decided);
  });
});

test('the state stays small: some kilobytes however long the pool lives', () => {
  const policy = policyOf({ forecast: defaultForecast, maxWorkers: 50 });
  let state = initialPoolState;
  for (let at = 0; at < 9 * 86_400; at += 60) {
    state = decide(policy, { ...observed0(MONDAY_MS + at * 1000), arrived: 10.123456789 }, state).state;
  }
  expect(JSON.stringify(state).length).toBeLessThan(20_000);
});

const defaultForecast = {
  servedShare: 0.99,
  withinMs: 2000,
  sessionMs: 240_000,
  sessionCv: 1,
  arrivalsByHour: null,
  priorWeeks: 4,
  dayCv: 0.2,
  keepMs: 120_000,
};
const observed0 = (atMs: number): Observation => ({
  atMs,
  asked: { standing: 5, burst: 0 },
  workers: { starting: 0, busy: 3, idle: 2, draining: 0 },
  slots: { busy: 3, idle: 2 },
  waiting: { sessions: 0, oldestMs: 0 },
  arrived: 0,
  ended: { sessions: 0, slotMs: 0 },
  startUpsMs: [],
  oldestStartingMs: 0,
});

test('under a constant load the target does not oscillate: it settles, and then never changes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), policies, (busy, policy) => {
      // One a second each minute: exactly what is expected; a calendar of one number, so that nothing changes by the clock.
      const calm: Policy = {
        ...policy,
        minWorkers: 1,
        maxWorkers: 500,
        burst: null,
        calendar: null,
        forecast: policy.forecast && {
          ...policy.forecast,
          sessionMs: 240_000,
          arrivalsByHour: Array<number>(24).fill(busy * 15),
        },
      };
      let state = initialPoolState;
      let there = busy;
      const targets: number[] = [];
      for (let tick = 0; tick < 400; tick += 1) {
        const seen: Observation = {
          ...observed0(MONDAY_MS + tick * 5000),
          asked: { standing: there, burst: 0 },
          workers: { starting: 0, busy, idle: there - busy, draining: 0 },
          slots: { busy, idle: there - busy },
          arrived: (busy * 15) / 720,
          ended: { sessions: (busy * 15) / 720, slotMs: ((busy * 15) / 720) * 240_000 },
        };
        const decided = decide(calm, seen, state);
        ({ state } = decided);
        there = decided.decision.target;
        targets.push(there);
      }
      const changes = targets.slice(200).filter((target, at, all) => at > 0 && target !== all[at - 1]).length;
      expect(changes).toBeLessThanOrEqual(1);
    }),
    { seed: SEED, numRuns: 25 },
  );
}, 60_000);

test('under a constant random load the pool changes little: workers asked for are a small part of the sessions served', () => {
  const policy = policyOf({
    maxWorkers: 300,
    forecast: { ...defaultForecast, arrivalsByHour: Array<number>(24).fill(600) },
    scaleDown: { coolDownMs: 30_000, hysteresisShare: 0 },
  });
  const plan = {
    sessionsByHour: Array<number>(24).fill(600),
    holding: { meanMs: 240_000, cv: 1 },
    scale: 1,
    earlierMs: 0,
    bursts: [],
  };
  const calls = drawDay(plan, SEED);
  let [asked, before] = [0, NaN];
  const scaler = policyScaler(policy, undefined, ({ target }) => {
    if (target > before) asked += target - before;
    before = target;
  });
  const { cut, waitsMs } = play({ fromMs: MONDAY_MS, calls, startUpMs: 180_000, slotsPerWorker: 1 }, scaler);
  expect(cut).toBe(0);
  expect(waitsMs.filter((ms) => ms > 2000).length / calls.length).toBeLessThan(0.02);
  expect(asked / calls.length).toBeLessThan(0.25);
});
