/** Conjugate updating of the hours' rates against a published example. */
import { learnHour, meanRate, rateVariance, updatedRate } from '../../../../workflows/pool/forecast/week.ts';

// A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 2.6: asthma deaths, prior Gamma(3, 5).
test('Gamma–Poisson: 3 in an exposure of 2 make Gamma(3, 5) Gamma(6, 7), 30 in 20 make it Gamma(33, 25)', () => {
  const prior = { shape: 3, hours: 5 };
  expect(updatedRate(prior, 3, 2)).toEqual({ shape: 6, hours: 7 });
  expect(meanRate(updatedRate(prior, 3, 2))).toBeCloseTo(0.86, 2);
  expect(meanRate(updatedRate(prior, 30, 20))).toBeCloseTo(1.32, 2);
  expect(rateVariance(updatedRate(prior, 30, 20))).toBeCloseTo(33 / 625, 10);
});

test('an hour that keeps coming otherwise than expected is expected so after some weeks', () => {
  const expected = { shape: 400, hours: 4 };
  let week = {};
  for (let n = 0; n < 12; n += 1) week = learnHour(week, 10, expected, 160, 1);
  const learned = (week as Record<string, typeof expected>)['10'];
  expect(meanRate(learned ?? expected)).toBeGreaterThan(154);
  expect(learned?.hours).toBeLessThan(5.1);
});
