/** How often something may come: on the average, and at once. */
import { Rate } from '../../gateway/rate.ts';

const taken = (rate: Rate, times: number, nowMs: number): number =>
  Array.from({ length: times }, () => rate.take(nowMs)).filter(Boolean).length;

test('ten seconds’ worth may come at once, and no more', () => {
  expect(taken(new Rate(5, 0), 100, 0)).toBe(50);
});

test('after that as many as time gives, whole ones only', () => {
  const rate = new Rate(5, 0);
  taken(rate, 100, 0);
  expect(taken(rate, 100, 199)).toBe(0);
  expect(taken(rate, 100, 1000)).toBe(5);
});

test('whoever keeps below the average is never refused', () => {
  const rate = new Rate(5, 0);
  for (let at = 0; at < 100_000; at += 200) expect(rate.take(at)).toBe(true);
});

test('a long silence gives no more than ten seconds’ worth', () => {
  const rate = new Rate(5, 0);
  taken(rate, 50, 0);
  expect(taken(rate, 1000, 3_600_000)).toBe(50);
});
