/** Numbers that look random and are the same for the same seed. */

export interface Random {
  /** A whole number in [from, to]. */
  between(from: number, to: number): number;
  /** One of these; throws when there are none. */
  of<T>(all: readonly T[]): T;
}

/** By mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    between,
    of: (all) => {
      const one = all[between(0, all.length - 1)];
      if (one === undefined) throw new Error('none to choose from');
      return one;
    },
  };
}
