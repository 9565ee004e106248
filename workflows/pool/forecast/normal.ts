/** Distribution functions: the normal, and the Poisson's tails. */

// Taken once: in the workflow sandbox every look at a global is slow.
const { abs, ceil, exp, floor, max, min, sqrt } = Math;

/** Φ by W. J. Cody's rational approximation in the form of G. West, "Better approximations to cumulative normal functions" (Wilmott, 2005): 15 digits. */
export function normalCdf(x: number): number {
  const z = abs(x);
  if (z > 37) return x > 0 ? 1 : 0;
  const e = exp((-z * z) / 2);
  let tail: number;
  if (z < 7.07106781186547) {
    const above =
      (((((3.52624965998911e-2 * z + 0.700383064443688) * z + 6.37396220353165) * z + 33.912866078383) * z +
        112.079291497871) *
        z +
        221.213596169931) *
        z +
      220.206867912376;
    const below =
      ((((((8.83883476483184e-2 * z + 1.75566716318264) * z + 16.064177579207) * z + 86.7807322029461) * z +
        296.564248779674) *
        z +
        637.333633378831) *
        z +
        793.826512519948) *
        z +
      440.413735824752;
    tail = (e * above) / below;
  } else {
    tail = e / (z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 0.65))))) / 2.506628274631;
  }
  return x > 0 ? 1 - tail : tail;
}

/** The chance of `count` or more where `mean` are expected (Poisson), by summing its terms. */
export function atLeast(count: number, mean: number): number {
  if (count <= 0) return 1;
  return max(0, 1 - atMost(ceil(count) - 1, mean));
}

/** The chance of `count` or fewer where `mean` are expected (Poisson). */
export function atMost(count: number, mean: number): number {
  if (count < 0) return 0;
  // Far means: exp(−mean) would be 0; the normal with continuity correction is exact enough there.
  if (mean > 500) return normalCdf((floor(count) + 0.5 - mean) / sqrt(mean));
  let [term, sum] = [exp(-mean), exp(-mean)];
  for (let n = 1; n <= count; n += 1) {
    term *= mean / n;
    sum += term;
  }
  return min(1, sum);
}
