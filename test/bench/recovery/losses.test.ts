import { lossesOf, sumOf, wordsOf } from './losses.ts';

const words = (text: string): string[] => wordsOf([text]);

test('the same words are neither lost nor repeated', () => {
  expect(lossesOf(words('a b c'), words('a b c'))).toEqual({ lost: 0, repeated: 0 });
});

test.each([
  ['a word that is missing is lost', 'a c', { lost: 1, repeated: 0 }],
  ['an end that is missing is lost', 'a', { lost: 2, repeated: 0 }],
  ['a word that comes twice is repeated', 'a b b c', { lost: 0, repeated: 1 }],
  ['a word in another place is lost there and repeated here', 'b a c', { lost: 1, repeated: 1 }],
  ['an altered word is lost, and another one is too many', 'a x c', { lost: 1, repeated: 1 }],
  ['nothing at all', '', { lost: 3, repeated: 1 }],
])('%s', (_title, found, losses) => {
  expect(lossesOf(words('a b c'), words(found))).toEqual(losses);
});

test('losses add up', () => {
  expect(sumOf([lossesOf(words('a b'), words('a')), lossesOf(words('a b'), words('a b b'))])).toEqual({
    lost: 1,
    repeated: 1,
  });
});
