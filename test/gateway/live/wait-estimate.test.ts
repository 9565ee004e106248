import { estimateWaits } from '../../../gateway/live/wait-estimate.ts';
import type { SlotTimes, SlotUser } from '../../../gateway/ports.ts';

const times = (held: readonly number[], live: readonly number[], span: readonly number[] = []): SlotTimes => ({
  held: held.map((ms) => ({ kind: 'live', ms })),
  recent: { live, span },
});
const calls = (count: number): SlotUser[] => Array.from({ length: count }, () => 'live');

test('where every session holds its slot equally long, waits are exact', () => {
  expect(estimateWaits(2, times([1000, 4000], [10_000]), calls(5))).toEqual([6000, 9000, 16_000, 19_000, 26_000]);
});

test('a slot that nobody holds is free now', () => {
  expect(estimateWaits(3, times([1000, 4000], [10_000]), calls(2))).toEqual([0, 6000]);
});

test('with lengths of all kinds the first of ten slots frees long before a usual session would end', () => {
  const lengths = Array.from({ length: 50 }, (_, i) => -60_000 * Math.log((i + 0.5) / 50));
  const [first = 0, , , , , , , , , tenth = 0] =
    estimateWaits(
      10,
      times(
        calls(10).map(() => 0),
        lengths,
      ),
      calls(10),
    ) ?? [];
  // Exponential lengths of 60 s in the mean: a slot frees every 6 s.
  expect(first).toBeGreaterThan(2000);
  expect(first).toBeLessThan(8000);
  expect(tenth).toBeGreaterThan(45_000);
  expect(tenth).toBeLessThan(75_000);
});

test('a session that has held its slot longer than all that are known ends within the longest of them', () => {
  const [wait = NaN] = estimateWaits(1, times([50_000], [10_000]), calls(1)) ?? [];
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThan(10_000);
});

test('spans are reckoned with the lengths of spans, sessions with those of sessions', () => {
  const { recent } = times([], [60_000], [2000]);
  const held = [{ kind: 'span', ms: 500 }] as const;
  expect(estimateWaits(1, { held, recent }, ['live', 'span', 'live'])).toEqual([1500, 61_500, 63_500]);
});

test('without a slot, or before any session has ended, nothing is known', () => {
  expect(estimateWaits(0, times([], [1000]), calls(1))).toBeNull();
  expect(estimateWaits(2, times([], []), calls(1))).toBeNull();
});

test('a long queue before many slots is reckoned within its budget', () => {
  const begunMs = performance.now();
  const held = Array.from({ length: 2000 }, (_, i) => i * 10);
  expect(estimateWaits(2000, times(held, [60_000, 90_000]), calls(1000))).toHaveLength(1000);
  expect(performance.now() - begunMs).toBeLessThan(1000);
});
