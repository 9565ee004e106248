/** The simulated day: what is drawn, who waits, what is paid, and that nobody is cut. */
import { drawDay, rateAt } from '../../../../workflows/pool/simulation/day.ts';
import type { DayPlan } from '../../../../workflows/pool/simulation/day.ts';
import { policyScaler } from '../../../../workflows/pool/simulation/scalers.ts';
import { play } from '../../../../workflows/pool/simulation/world.ts';
import type { Scaler } from '../../../../workflows/pool/simulation/world.ts';
import { HOUR_MS, MONDAY_MS, policyOf } from '../given.ts';

const plan: DayPlan = {
  sessionsByHour: Array.from({ length: 24 }, (_, hour) => (hour === 9 ? 1000 : 100)),
  holding: { meanMs: 240_000, cv: 1 },
  scale: 1,
  earlierMs: 0,
  bursts: [],
};
/** Always as many. */
const fixed = (standing: number): Scaler => ({
  everyMs: 5000,
  looksOnQueued: false,
  look: () => ({ standing, burst: 0 }),
});
const world = { fromMs: MONDAY_MS, startUpMs: 180_000, slotsPerWorker: 1 };

test('a day is Poisson by hour with lognormal lengths, the same for the same seed', () => {
  const days = Array.from({ length: 20 }, (_, seed) => drawDay(plan, seed));
  expect(drawDay(plan, 3)).toEqual(days[3]);
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const inHour = (hour: number): number[] =>
    days.map((calls) => calls.filter(({ atMs }) => Math.floor(atMs / HOUR_MS) === hour).length);
  expect(mean(inHour(9)) / 1000).toBeCloseTo(1, 1);
  expect(mean(inHour(10)) / 100).toBeCloseTo(1, 1);
  const lengths = days.flatMap((calls) => calls.map(({ holdMs }) => holdMs / 240_000));
  expect(mean(lengths)).toBeCloseTo(1, 1);
  expect(mean(lengths.map((length) => length * length)) - 1).toBeCloseTo(1, 0);
});

test('a plan is scaled, comes early, and bursts', () => {
  const changed = {
    ...plan,
    scale: 2,
    earlierMs: HOUR_MS,
    bursts: [{ fromMs: 11 * HOUR_MS, forMs: 600_000, factor: 3 }],
  };
  const perHour = (hour: number): number => Math.round(rateAt(changed, hour * HOUR_MS) * HOUR_MS);
  expect([7.99, 8, 8.99, 9, 11, 11.16, 11.17, 23.5].map(perHour)).toEqual([200, 2000, 2000, 200, 600, 600, 200, 200]);
});

test('a session waits for the first free slot, in order of arrival', () => {
  const calls = [
    { atMs: 1000, holdMs: 60_000 },
    { atMs: 2000, holdMs: 10_000 },
    { atMs: 3000, holdMs: 5000 },
  ];
  const { waitsMs, standingHours, cut } = play({ ...world, calls }, fixed(1));
  expect(waitsMs).toEqual([0, 59_000, 68_000]);
  expect({ standingHours, cut }).toEqual({ standingHours: 24, cut: 0 });
});

test('a session that still waits at midnight has waited until then', () => {
  const calls = [{ atMs: 23 * HOUR_MS, holdMs: 1000 }];
  expect(play({ ...world, calls }, fixed(0)).waitsMs).toEqual([HOUR_MS]);
});

test('workers are paid from being asked for until they are gone; busy ones drain and are not cut', () => {
  const targets = [1, 3, 0];
  const scaler: Scaler = {
    everyMs: 4 * HOUR_MS,
    looksOnQueued: false,
    look: () => ({ standing: targets.shift() ?? 0, burst: 0 }),
  };
  // One call holds a worker from 7 h to 10 h; at 8 h all are dropped.
  const calls = [{ atMs: 7 * HOUR_MS, holdMs: 3 * HOUR_MS }];
  const played = play({ ...world, calls }, scaler);
  expect(played.standingHours).toBeCloseTo(4 * 1 + 4 * 3 + 2, 9);
  expect(played.cut).toBe(0);
});

test('workers of several slots are filled one after the other; burst workers end after one session', () => {
  const calls = Array.from({ length: 4 }, (_, n) => ({ atMs: 1000 + n, holdMs: HOUR_MS }));
  const scaler: Scaler = {
    everyMs: 24 * HOUR_MS,
    looksOnQueued: false,
    look: () => ({ standing: 1, burst: 1 }),
  };
  const played = play({ ...world, slotsPerWorker: 2, calls }, scaler);
  expect(played.waitsMs.slice(0, 3)).toEqual([0, 0, 0]);
  expect(played.waitsMs[3]).toBeGreaterThan(HOUR_MS - 10);
  expect(played.burstHours).toBeCloseTo(1, 2);
});

test('what is observed teaches the policy the start-up time and sees each session once', () => {
  const seen = { arrived: 0, ended: 0, startUps: [] as number[] };
  const scaler = policyScaler(policyOf({ backlog: { afterMs: 0 } }));
  const calls = drawDay(plan, 1);
  const watched: Scaler = {
    ...scaler,
    look: (observation) => {
      seen.arrived += observation.arrived;
      seen.ended += observation.ended.sessions;
      seen.startUps.push(...observation.startUpsMs);
      return scaler.look(observation);
    },
  };
  play({ ...world, calls }, watched);
  expect(calls.length - seen.arrived).toBeLessThan(5);
  expect(seen.arrived - seen.ended).toBeLessThan(40);
  expect(new Set(seen.startUps)).toEqual(new Set([180_000]));
});
