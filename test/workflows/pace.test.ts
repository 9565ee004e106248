import { NO_FIT, reachesAt, withPoint } from '../../workflows/pace.ts';
import type { Fit } from '../../workflows/pace.ts';

const fitOf = (...points: [ms: number, bytes: number][]): Fit =>
  points.reduce((fit, [ms, bytes]) => withPoint(fit, ms, bytes), NO_FIT);

test('fewer than three points, or points at one moment, tell no end', () => {
  expect(reachesAt(NO_FIT, 100)).toBeNull();
  expect(reachesAt(fitOf([10, 1], [20, 2]), 100)).toBeNull();
  expect(reachesAt(fitOf([10, 1], [10, 2], [10, 3]), 100)).toBeNull();
});

test('spans that end one after the other reach the end when the line does, however much is under way', () => {
  expect(reachesAt(fitOf([50, 10], [60, 20], [70, 30]), 100)).toBeCloseTo(140);
});

test('spans that end together by fours are no faster than they are', () => {
  const batches = [1, 2].flatMap((batch) =>
    [1, 2, 3, 4].map((span): [number, number] => [batch * 100, (batch - 1) * 4 + span]),
  );
  const endMs = reachesAt(fitOf(...batches), 40);
  expect(endMs).toBeGreaterThanOrEqual(1000);
  expect(endMs).toBeLessThan(1050);
});
