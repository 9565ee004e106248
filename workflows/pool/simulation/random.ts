/** Seeded random draws: the same seed gives the same day. */

// Taken once: in the workflow sandbox every look at a global is slow.
const { cos, exp, imul, log, sqrt } = Math;

export type Random = () => number;

/** Mulberry32 (Tommy Ettinger, public domain): uniform in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Exponential with mean 1. */
export const exponential = (random: Random): number => -log(1 - random());

/** Standard normal, by Box and Muller (1958). */
const normal = (random: Random): number => sqrt(2 * exponential(random)) * cos(2 * Math.PI * random());

/** Lognormal of a mean and a coefficient of variation: σ² = ln(1 + cv²), μ = ln mean − σ²/2. */
export function lognormal(random: Random, mean: number, cv: number): number {
  const variance = log(1 + cv * cv);
  return mean * exp(sqrt(variance) * normal(random) - variance / 2);
}
