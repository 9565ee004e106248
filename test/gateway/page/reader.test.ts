import { ApiError } from '../../../gateway/page/api.js';
import { Reader } from '../../../gateway/page/reader.js';
import type { Options } from '../../../gateway/page/reader.js';
import type { Session } from '../../../gateway/rest/shown-session.ts';

const base = { id: 'a', kind: 'live', segments: 0, state: 'streaming' } as Session;
const segment = (index: number) => ({ index, startMs: 0, endMs: 1, text: `text ${index}` });

let reader: Reader | null = null;
afterEach(() => reader?.stop());

/** Reads a session that is as the answers say, one after the other, until the last has been shown. */
async function read(answers: readonly (Session | ApiError)[], options: Partial<Options> = {}) {
  const seen = { states: [] as string[], texts: [] as string[][], faults: [] as [string, boolean][] };
  let asked = 0;
  await new Promise<void>((done) => {
    const last = (): void => {
      if (asked === answers.length) setTimeout(done, 20);
    };
    reader = new Reader({
      id: 'a',
      everyMs: 1,
      fetchSession: () => {
        const answer = answers[asked++];
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer ?? base);
      },
      fetchTranscript: () => {
        const now = answers[asked - 1] as Session;
        return Promise.resolve({ segments: Array.from({ length: now.segments }, (_, i) => segment(i)) as never });
      },
      session: ({ state }) => {
        seen.states.push(state);
        last();
      },
      segments: (segments) => seen.texts.push(segments.map(({ text }) => text)),
      fault: (message, isFinal) => {
        seen.faults.push([message, isFinal]);
        last();
      },
      ...options,
    }).start();
  });
  return { ...seen, asked };
}

test('words are asked for when there are more, and reading ends with the session', async () => {
  const { texts, states, asked } = await read([
    base,
    { ...base, segments: 1 },
    { ...base, segments: 1 },
    { ...base, segments: 2, state: 'completed' },
  ]);
  expect(states).toEqual(['streaming', 'streaming', 'streaming', 'completed']);
  expect(texts).toEqual([[], ['text 0'], ['text 0', 'text 1']]);
  expect(asked).toBe(4);
});

test("a file's words are asked for at its end only", async () => {
  const file = { ...base, kind: 'file' } as Session;
  const { texts } = await read([
    { ...file, segments: 3 },
    { ...file, segments: 3, state: 'completed' },
  ]);
  expect(texts).toEqual([['text 0', 'text 1', 'text 2']]);
});

test('a failed session is told without words', async () => {
  const { texts, states } = await read([{ ...base, state: 'failed' }]);
  expect({ texts, states }).toEqual({ texts: [], states: ['failed'] });
});

test('a server that is away is asked again; a session that is not there is not', async () => {
  const { faults, asked } = await read([
    new ApiError(0, 'away'),
    new ApiError(503, 'later'),
    new ApiError(404, 'none'),
  ]);
  expect(faults).toEqual([
    ['away', false],
    ['later', false],
    ['none', true],
  ]);
  expect(asked).toBe(3);
});

test('a cancelled file that has no transcript is shown as cancelled', async () => {
  const { states, faults } = await read([{ ...base, kind: 'file', state: 'cancelled' }], {
    fetchTranscript: () => Promise.reject(new ApiError(409, 'not written')),
  });
  expect({ states, faults }).toEqual({ states: ['cancelled'], faults: [] });
});

test('nothing is shown after it was stopped', async () => {
  const shown: string[] = [];
  const answer = Promise.withResolvers<Session>();
  const stopped = new Reader({
    id: 'a',
    fetchSession: () => answer.promise,
    fetchTranscript: () => Promise.resolve({ segments: [] }),
    session: ({ state }) => shown.push(state),
    segments: () => shown.push('words'),
    fault: () => shown.push('fault'),
  }).start();
  stopped.stop();
  answer.resolve(base);
  await new Promise((later) => setTimeout(later, 5));
  expect(shown).toEqual([]);
});
