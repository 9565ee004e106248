/** Seeded random draws: the same seed gives the same day. */

export type Random = () => number;

/** Mulberry32 (Tommy Ettinger, public domain): uniform in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Exponential with mean 1. */
export const exponential = (random: Random): number => -Math.log(1 - random());

/** Standard normal, by Box and Muller (1958). */
const normal = (random: Random): number => Math.sqrt(2 * exponential(random)) * Math.cos(2 * Math.PI * random());

/** Lognormal of a mean and a coefficient of variation: σ² = ln(1 + cv²), μ = ln mean − σ²/2. */
export function lognormal(random: Random, mean: number, cv: number): number {
  const variance = Math.log(1 + cv * cv);
  return mean * Math.exp(Math.sqrt(variance) * normal(random) - variance / 2);
}
