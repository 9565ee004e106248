/**
 * What is expected of each hour of the week: arrivals are Poisson with a rate that is itself uncertain, Gamma(shape,
 * exposure). Conjugate updating (A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 2.6): `seen` arrivals in
 * `hours` hours make it Gamma(shape + seen, exposure + hours). Older weeks fade.
 */

/** Gamma distribution of a rate an hour: mean `shape / hours`, variance `shape / hours²`. */
export interface Rate {
  readonly shape: number;
  readonly hours: number;
}

export const meanRate = ({ shape, hours }: Rate): number => (hours > 0 ? shape / hours : 0);

export const rateVariance = ({ shape, hours }: Rate): number => (hours > 0 ? shape / (hours * hours) : 0);

export const updatedRate = ({ shape, hours }: Rate, seen: number, overHours: number): Rate => ({
  shape: shape + seen,
  hours: hours + overHours,
});

/** What is kept of an hour's evidence when the same hour comes a week later: the last five weeks or so count. */
const WEEKLY_MEMORY = 0.8;

/** Hours of the week that were seen; the others are as expected at first. Sparse, so that the state stays small. */
export type LearnedWeek = Readonly<Record<string, Rate>>;

export function learnHour(
  week: LearnedWeek,
  hour: number,
  expected: Rate,
  seen: number,
  overHours: number,
): LearnedWeek {
  const before = week[hour] ?? expected;
  const faded = { shape: before.shape * WEEKLY_MEMORY, hours: before.hours * WEEKLY_MEMORY };
  const { shape, hours } = updatedRate(faded, seen, overHours);
  return { ...week, [hour]: { shape: rounded(shape), hours: rounded(hours) } };
}

/** Four decimals are enough and keep the state small. */
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
