import fc from 'fast-check';
import { spreadWords, VoicedSpans } from '../../../../workers/engines/moonshine/word-times.ts';

const span = (fromMs: number, toMs: number): { from: number; to: number } => ({ from: fromMs * 16, to: toMs * 16 });

test('words share the voiced time by their letters and leave out the silence', () => {
  expect(spreadWords('Ask not, what', [span(1000, 1400), span(2000, 2900)])).toEqual([
    { text: 'Ask', startMs: 1000, endMs: 1400 },
    { text: 'not,', startMs: 2000, endMs: 2400 },
    { text: 'what', startMs: 2400, endMs: 2900 },
  ]);
});

test('no text has no words', () => {
  expect(spreadWords(' ', [span(0, 100)])).toEqual([]);
});

test('times never go backwards and stay within the speech', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z'.]{1,12}$/), { minLength: 1 }), lengths, (words, turns) => {
      const edges = turns.map((_, index) => turns.slice(0, index + 1).reduce((sum, turn) => sum + turn, 0));
      const spans = edges.flatMap((edge, index) =>
        index % 2 === 1 ? [{ from: (edges[index - 1] ?? 0) * 16, to: edge * 16 }] : [],
      );
      const times = spreadWords(words.join(' '), spans).flatMap(({ startMs, endMs }) => [startMs, endMs]);
      expect([...times].sort((a, b) => a - b)).toEqual(times);
      expect(times[0]).toBeGreaterThanOrEqual(edges[0] ?? 0);
      expect(times.at(-1)).toBeLessThanOrEqual(edges.at(-1) ?? 0);
    }),
  );
});

describe('voiced spans', () => {
  const WINDOW = 512;
  const heard = (pattern: string): VoicedSpans => {
    const spans = new VoicedSpans();
    Array.from(pattern, (each, index) => spans.window((index + 1) * WINDOW, each === '#'));
    return spans;
  };

  test('take off the lag of the VAD at both ends', () => {
    const pattern = `${'.'.repeat(10)}${'#'.repeat(20)}${'.'.repeat(5)}`;
    expect(heard(pattern).within(0, 35 * WINDOW)).toEqual([{ from: 11 * WINDOW - 2112, to: 30 * WINDOW - 1600 }]);
  });

  test('are clipped to the stretch that is asked for, also while speech goes on', () => {
    expect(heard('.'.repeat(10) + '#'.repeat(20)).within(6000, 9000)).toEqual([{ from: 6000, to: 9000 }]);
  });

  test('are the whole stretch where nothing was heard', () => {
    expect(heard('....').within(100, 900)).toEqual([{ from: 100, to: 900 }]);
  });

  test('are forgotten once they are over', () => {
    const spans = heard(`${'.'.repeat(10)}${'#'.repeat(20)}${'.'.repeat(5)}`);
    spans.forget(34 * WINDOW);
    expect(spans.within(0, 35 * WINDOW)).toEqual([{ from: 0, to: 35 * WINDOW }]);
  });
});
