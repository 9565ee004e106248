/** How far a transcript is from its reference text. */

/** Words without case and punctuation. */
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}'\s]/gu, ' ')
    .split(/\s+/)
    .filter((word) => word !== '');

/**
 * Word errors of `heard` against `reference`: the least number of words to replace, leave out or add (Levenshtein
 * distance over words); divided by `words` it is the word error rate.
 */
export function wordErrors(reference: string, heard: string): { readonly errors: number; readonly words: number } {
  const [wanted, got] = [wordsOf(reference), wordsOf(heard)];
  let row = Array.from({ length: got.length + 1 }, (_, at) => at);
  for (const [i, word] of wanted.entries()) {
    const next = [i + 1];
    for (const [j, other] of got.entries()) {
      const [replaced, left, added] = [row[j] ?? 0, row[j + 1] ?? 0, next[j] ?? 0];
      next.push(Math.min(replaced + (word === other ? 0 : 1), left + 1, added + 1));
    }
    row = next;
  }
  return { errors: row.at(-1) ?? 0, words: wanted.length };
}
