import { monitorEventLoopDelay } from 'node:perf_hooks';
import { modelFiles } from '../../../speech/model.ts';
import { readAllSpeech, type Speech } from '../../../speech/speech.ts';
import { comparableWords, wordErrorRate } from '../../../speech/word-error-rate.ts';
import type { Engine } from '../../../../workers/engines/engine.ts';
import { openEngine } from '../../../../workers/engines/open.ts';
import { type Final, Recording } from '../recording.ts';

/** Real speech through the real model. Foundations (section 2): 5.5 % on 105 s of such speech, in packed windows. */
const MOST_ERRORS = 0.055 + 0.03;
const MS = 32;
const MODES = ['live', 'file'] as const;

let engine: Engine;
let speech: Speech;
const runs = {} as Record<(typeof MODES)[number], Recording>;

/** A live caller is at most a second ahead of the recogniser, the gateway feeds a file 30 s ahead. */
const AHEAD_BYTES = { live: 32_000, file: 960_000 };

async function transcribe(mode: 'live' | 'file', fromByte = 0, aheadBytes = AHEAD_BYTES[mode]): Promise<Recording> {
  const recording = new Recording(engine, { mode, fromByte });
  await recording.feed(speech.pcm.subarray(fromByte), fromByte, aheadBytes);
  recording.recogniser.finish();
  await recording.ended();
  return recording;
}

beforeAll(async () => {
  engine = await openEngine({ engine: 'moonshine' }, modelFiles);
  speech = await readAllSpeech(700);
  for (const mode of MODES) runs[mode] = await transcribe(mode);
}, 300_000);

afterAll(() => engine.close());

const largest = (numbers: readonly number[]): number => numbers.reduce((most, each) => Math.max(most, each), 0);

describe.each(MODES)('%s', (mode) => {
  test('the words of real speech are recognised', () => {
    expect(wordErrorRate(speech.text, runs[mode].text)).toBeLessThanOrEqual(MOST_ERRORS);
  });

  test('finals go forward through the audio, and none is longer than the model takes', () => {
    const { finals } = runs[mode];
    const edges = finals.flatMap(({ startByte, endByte }) => [startByte, endByte]);
    expect([...edges].sort((a, b) => a - b)).toEqual(edges);
    expect(edges.every((edge) => edge % 2 === 0 && edge <= speech.pcm.length)).toBe(true);
    expect(largest(finals.map(({ startByte, endByte }) => endByte - startByte))).toBeLessThanOrEqual(8800 * MS);
  });

  test('word times go forward inside their segment, and are said to be estimated', () => {
    for (const final of runs[mode].finals) {
      const times = final.words.flatMap(({ startMs, endMs }) => [startMs, endMs]);
      expect([...times].sort((a, b) => a - b)).toEqual(times);
      expect([times[0], times.at(-1)]).toEqual([final.startMs, final.endMs]);
      expect(final.startMs).toBeGreaterThanOrEqual(Math.floor(final.startByte / MS));
      expect(final.endMs).toBeLessThanOrEqual(Math.ceil(final.endByte / MS));
      expect(final.words.map(({ text }) => text).join(' ')).toBe(final.text);
      expect(final.timing).toBe('estimated');
    }
  });

  test('what is reported as settled goes forward and never past the start of a final to come', () => {
    let settled = 0;
    for (const event of runs[mode].events) {
      if (event.type === 'final') expect(event.startByte).toBeGreaterThanOrEqual(settled);
      if (event.type !== 'progress') continue;
      expect(event.settledByte).toBeGreaterThanOrEqual(settled);
      expect(event.settledByte).toBeLessThanOrEqual(event.consumedByte);
      settled = event.settledByte;
    }
    expect(settled).toBe(speech.pcm.length);
  });

  test('a recogniser started at any final or settled place goes on without losing or repeating a word', async () => {
    const undisturbed = runs[mode];
    const places = [1, 3, 5].map((index) => undisturbed.finals[index]?.endByte ?? 0);
    const settled = undisturbed.progress.map(({ settledByte }) => settledByte);
    places.push(settled[Math.floor(settled.length / 2)] ?? 0);
    for (const place of places) {
      const kept = undisturbed.finals.filter(({ endByte }: Final) => endByte <= place);
      // As after the loss of a worker: the gateway feeds what there is, and the recogniser catches up.
      const rest = await transcribe(mode, place, AHEAD_BYTES.file);
      expect(rest.finals[0]?.startByte).toBeGreaterThanOrEqual(place);
      const text = [...kept.map((final) => final.text), rest.text].join(' ');
      // The VAD starts without memory, so that a cut may fall elsewhere and a word come out otherwise.
      expect(wordErrorRate(undisturbed.text, text)).toBeLessThanOrEqual(0.04);
      expect(wordErrorRate(speech.text, text)).toBeLessThanOrEqual(MOST_ERRORS);
      expect(Math.abs(comparableWords(text).length - comparableWords(undisturbed.text).length)).toBeLessThanOrEqual(2);
    }
  }, 60_000);
});

test('live, partials come while the speech goes on, before its final', async () => {
  const recording = new Recording(engine);
  recording.recogniser.accept(speech.pcm.subarray(0, 1800 * MS));
  await recording.until(({ events }) => events.some(({ type }) => type === 'partial'));
  expect(recording.finals).toEqual([]);
  recording.recogniser.accept(speech.pcm.subarray(1800 * MS, 3300 * MS));
  await recording.until(({ finals }) => finals.length === 1);
  expect(recording.events.find(({ type }) => type === 'partial')).toMatchObject({
    text: expect.stringMatching(/^and/i) as string,
  });
  recording.recogniser.close();
});

test('of a file there are no partials', () => {
  expect(runs.file.events.filter(({ type }) => type === 'partial')).toEqual([]);
});

test('a file gets its finals while it is read, with little audio held', async () => {
  const recording = new Recording(engine, { mode: 'file' });
  await recording.feed(speech.pcm.subarray(0, 20_000 * MS), 0, AHEAD_BYTES.file);
  await recording.until(({ finals }) => finals.length > 0);
  expect(recording.finals[0]?.endByte).toBeLessThan(10_000 * MS);
  recording.recogniser.close();
});

test('speech under way is made a final at once by finalize, and the last of it by finish', async () => {
  const recording = new Recording(engine);
  // In the middle of "ask not what your country can do for you".
  recording.recogniser.accept(speech.pcm.subarray(0, 7000 * MS));
  recording.recogniser.finalize();
  await recording.until(({ finals }) => finals.at(-1)?.endByte === 7000 * MS);
  recording.recogniser.accept(speech.pcm.subarray(7000 * MS, 9800 * MS));
  recording.recogniser.finish();
  await recording.ended();
  expect(recording.finals.at(-1)).toMatchObject({ endByte: 9800 * MS });
  expect(recording.text.toLowerCase()).toContain('what you can do');
});

test('in silence progress goes on, what is settled follows at a margin, and no word is made up', async () => {
  const recording = new Recording(engine);
  const times: number[] = [];
  recording.recogniser.accept(new Uint8Array(3000 * MS));
  for (let count = 1; count <= 8; count++) {
    await recording.until(({ progress }) => progress.length >= count);
    times.push(performance.now());
  }
  expect(largest(times.slice(1).map((time, index) => time - (times[index] ?? 0)))).toBeLessThan(500);
  const last = recording.progress.at(-1);
  expect(last?.consumedByte).toBe(3000 * MS);
  expect(last?.settledByte).toBeGreaterThan(2400 * MS);
  expect(last?.settledByte).toBeLessThan(2800 * MS);
  recording.recogniser.finish();
  await recording.ended();
  expect(recording.events.filter(({ type }) => type !== 'progress')).toEqual([{ type: 'finished' }]);
});

test('sessions side by side do not mix, and the process is not held up while they are recognised', async () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const together = await Promise.all([transcribe('file'), transcribe('file'), transcribe('live')]);
  delay.disable();
  const errors = together.map(({ text }) => wordErrorRate(speech.text, text));
  expect(largest(errors)).toBeLessThanOrEqual(MOST_ERRORS);
  // In nanoseconds; the 99th percentile, since the machine itself may hold up a process now and then.
  expect(delay.percentile(99) / 1e6).toBeLessThan(50);
}, 60_000);

test('a session that is closed in mid-speech says nothing more and does not disturb the others', async () => {
  const [left, stays] = [new Recording(engine), new Recording(engine)];
  left.recogniser.accept(speech.pcm.subarray(0, 5000 * MS));
  stays.recogniser.accept(speech.pcm.subarray(0, 5000 * MS));
  await left.until(({ events }) => events.some(({ type }) => type === 'partial' || type === 'final'));
  left.recogniser.close();
  const before = left.events.length;
  stays.recogniser.finish();
  await stays.ended();
  expect(left.events).toHaveLength(before);
  expect(stays.text).toMatch(/fellow/i);
});
