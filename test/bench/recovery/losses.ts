/** What a disturbed call lacks, and what it has too often, beside the undisturbed one. */

/** Words, counted. */
export interface Losses {
  readonly lost: number;
  readonly repeated: number;
}

export const NO_LOSSES: Losses = { lost: 0, repeated: 0 };

export const wordsOf = (texts: readonly string[]): string[] => texts.flatMap((text) => text.split(' '));

/**
 * Words of the longest common subsequence are neither lost nor repeated: one that is missing, altered or out of its order
 * is lost, and one that is there beyond them is repeated.
 */
export function lossesOf(wanted: readonly string[], found: readonly string[]): Losses {
  let from = 0;
  while (from < wanted.length && from < found.length && wanted[from] === found[from]) from += 1;
  let ends = 0;
  const limit = Math.min(wanted.length, found.length) - from;
  while (ends < limit && wanted.at(-1 - ends) === found.at(-1 - ends)) ends += 1;
  const [a, b] = [wanted.slice(from, wanted.length - ends), found.slice(from, found.length - ends)];
  const common = commonLength(a, b);
  return { lost: a.length - common, repeated: b.length - common };
}

/** Length of the longest common subsequence, row by row. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const word of a) {
    const next = [0];
    for (let i = 1; i <= b.length; i += 1) {
      const kept = Math.max(row[i] ?? 0, next[i - 1] ?? 0);
      next.push(b[i - 1] === word ? (row[i - 1] ?? 0) + 1 : kept);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export const sumOf = (all: readonly Losses[]): Losses => ({
  lost: all.reduce((sum, { lost }) => sum + lost, 0),
  repeated: all.reduce((sum, { repeated }) => sum + repeated, 0),
});
