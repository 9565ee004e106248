/** Words as they are compared: lower case, no punctuation, hyphens split, `mr` written out. */
export const comparableWords = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/[-–—]/g, ' ')
    .replace(/[^\p{L}\p{N}' ]/gu, ' ')
    .replace(/\bmr\b/g, 'mister')
    .split(/\s+/)
    .filter((word) => word !== '');

/**
 * Word error rate: the least number of words to substitute, insert or delete (Levenshtein) that turns the hypothesis
 * into the reference, as a share of the reference's words.
 */
export function wordErrorRate(reference: string, hypothesis: string): number {
  const expected = comparableWords(reference);
  const heard = comparableWords(hypothesis);
  let row = Array.from({ length: heard.length + 1 }, (_, index) => index);
  expected.forEach((word, index) => {
    const next = [index + 1];
    heard.forEach((other, column) => {
      const substituted = (row[column] ?? 0) + (word === other ? 0 : 1);
      next.push(Math.min(substituted, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    });
    row = next;
  });
  return (row[heard.length] ?? 0) / Math.max(1, expected.length);
}
