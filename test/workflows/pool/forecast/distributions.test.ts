/** Distribution functions against published tables; the lognormal's survival against integration. */
import {
  begunLoad,
  learnHolding,
  meanHoldingMs,
  residualSurvival,
  survival,
} from '../../../../workflows/pool/forecast/holding.ts';
import { atLeast, atMost, normalCdf } from '../../../../workflows/pool/forecast/normal.ts';

// Tables of the normal distribution (e.g. Abramowitz, Stegun, table 26.1).
test.each([
  [0, 0.5],
  [1, 0.841344746068543],
  [1.96, 0.97500210485178],
  [-2.575829303548901, 0.005],
  [3, 0.99865010196837],
  [-6, 9.86587645037698e-10],
  [50, 1],
])('Φ(%f) is %f', (x, phi) => {
  expect(normalCdf(x) / phi).toBeCloseTo(1, 8);
});

// Tables of the cumulative Poisson distribution.
test.each([
  [3, 2, 0.8571],
  [0, 0.5, 0.6065],
  [10, 10, 0.583],
  [15, 10, 0.9513],
  [4, 8, 0.0996],
])('of %f events or fewer where %f are expected the chance is %f', (count, mean, chance) => {
  expect(atMost(count, mean)).toBeCloseTo(chance, 4);
  expect(atLeast(count + 1, mean)).toBeCloseTo(1 - chance, 4);
});

test('far means take the normal, without a step', () => {
  const [below, above] = [atMost(520, 499.999), atMost(520, 500.001)];
  expect(Math.abs(below - above)).toBeLessThan(0.002);
});

const holding = { meanMs: 240_000, cv: 1 };

test('half of the sessions outlast the median, mean ÷ √2 where the coefficient of variation is 1', () => {
  expect(survival(holding, 240_000 / Math.SQRT2)).toBeCloseTo(0.5, 12);
  expect(survival(holding, 0)).toBe(1);
});

test('the load that begins is the integral of the survival, and all of it in the end is the mean', () => {
  let sum = 0;
  for (let ms = 50; ms < 180_000; ms += 100) sum += survival(holding, ms) * 100;
  expect(begunLoad(holding, 180_000) / sum).toBeCloseTo(1, 6);
  expect(begunLoad(holding, 1e9) / holding.meanMs).toBeCloseTo(1, 6);
  expect(residualSurvival(holding, 180_000)).toBeCloseTo(1 - sum / holding.meanMs, 6);
});

test('sessions of equal length end together', () => {
  const fixed = { meanMs: 60_000, cv: 0 };
  expect([survival(fixed, 59_999), survival(fixed, 60_000)]).toEqual([1, 0]);
  expect(begunLoad(fixed, 90_000)).toBe(60_000);
});

test('the mean length is the expected one until sessions have shown another', () => {
  const none = { sessions: 0, totalMs: 0 };
  expect(meanHoldingMs(none, 240_000)).toBe(240_000);
  const fifty = learnHolding(none, { sessions: 50, slotMs: 50 * 120_000 });
  expect(meanHoldingMs(fifty, 240_000)).toBe(180_000);
  let many = none;
  for (let n = 0; n < 1000; n += 1) many = learnHolding(many, { sessions: 100, slotMs: 100 * 120_000 });
  expect(meanHoldingMs(many, 240_000)).toBeLessThan(122_000);
  expect(many.sessions).toBeLessThanOrEqual(5000);
});
