import { growthOf } from './growth.ts';
import type { Sample } from './growth.ts';
import { seeded } from '../recovery/random.ts';

const MIB = 1 << 20;
const SESSIONS = 20;

/** Ten minutes, a sample each ten seconds. */
const series = (mib: (share: number, i: number) => number): Sample[] =>
  Array.from({ length: 61 }, (_, i) => ({ atMs: i * 10_000, bytes: mib(i / 60, i) * MIB, sessions: SESSIONS }));

const noise = (seed: number, mib: number) => {
  const random = seeded(seed);
  return () => (random.between(-1000, 1000) / 1000) * mib;
};

test('a flat series does not grow', () => {
  expect(growthOf(series(() => 60))).toMatchObject({ grows: false, grownBytes: 0, noiseBytes: 0 });
});

test('a series that climbs all the time grows, and the figures say how much', () => {
  const { grows, grownBytes, perSessionHour } = growthOf(series((share) => 60 + 12 * share));
  expect(grows).toBe(true);
  expect(grownBytes / MIB).toBeCloseTo(8, 1);
  expect(perSessionHour / MIB).toBeCloseTo((12 * 6) / SESSIONS, 1);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('noise of 5 MiB alone is no growth (seed %d)', (seed) => {
  const off = noise(seed, 5);
  expect(growthOf(series(() => 60 + off())).grows).toBe(false);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('growth is found through noise (seed %d)', (seed) => {
  const off = noise(seed, 2);
  expect(growthOf(series((share) => 60 + 15 * share + off())).grows).toBe(true);
});

test('what fills up while it warms and then stays is no growth', () => {
  expect(growthOf(series((share) => 30 + 40 * Math.min(1, share * 3))).grows).toBe(false);
});

test('the teeth of a saw are no growth, those of a saw that climbs are', () => {
  const tooth = (i: number) => (i % 12) * 1.5;
  expect(growthOf(series((_share, i) => 60 + tooth(i))).grows).toBe(false);
  expect(growthOf(series((share, i) => 60 + tooth(i) + 60 * share)).grows).toBe(true);
});

test('single outliers do not matter', () => {
  expect(growthOf(series((_share, i) => (i > 55 && i % 3 === 0 ? 200 : 60))).grows).toBe(false);
});

test('a series that falls does not grow', () => {
  expect(growthOf(series((share) => 80 - 10 * share)).grows).toBe(false);
});

test('too few samples say nothing', () => {
  expect(() => growthOf(series(() => 60).slice(0, 5))).toThrow(RangeError);
});
