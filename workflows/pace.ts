/**
 * When a file will be done: a straight line through the moments at which spans were finished (least squares), which is not
 * led astray by what is under way, nor by spans that end together. Pure, and plain JSON: sums are enough.
 * https://en.wikipedia.org/wiki/Simple_linear_regression
 */

/** Sums over the points (time in ms, bytes finished by then). */
export interface Fit {
  readonly points: number;
  readonly t: number;
  readonly tt: number;
  readonly b: number;
  readonly tb: number;
}

export const NO_FIT: Fit = { points: 0, t: 0, tt: 0, b: 0, tb: 0 };
/** Fewer points are no line. */
const LEAST_POINTS = 3;

export const withPoint = (fit: Fit, ms: number, bytes: number): Fit => ({
  points: fit.points + 1,
  t: fit.t + ms,
  tt: fit.tt + ms * ms,
  b: fit.b + bytes,
  tb: fit.tb + ms * bytes,
});

/** When the line reaches so many bytes, on the points' own clock; null while there is no line that rises. */
export function reachesAt({ points, t, tt, b, tb }: Fit, bytes: number): number | null {
  const spread = points * tt - t * t;
  if (points < LEAST_POINTS || spread <= 0) return null;
  const slope = (points * tb - t * b) / spread;
  return slope > 0 ? (bytes - (b - slope * t) / points) / slope : null;
}
