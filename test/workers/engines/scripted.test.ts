import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Engine, RecogniserOptions } from '../../../workers/engines/engine.ts';
import { openScriptedEngine, partialByte } from '../../../workers/engines/scripted.ts';
import { type Final, Recording } from './recording.ts';

const SEGMENT_MS = 20;
const SEGMENT_BYTES = 640;
const defaults = { segmentMs: SEGMENT_MS, realTimeFactor: 0, failFile: null };
const engine = openScriptedEngine(defaults);

const open = (options: Partial<RecogniserOptions> = {}, from: Engine = engine): Recording =>
  new Recording(from, options);

async function run(chunks: readonly Uint8Array[], fromByte = 0): Promise<Recording> {
  const recording = open({ fromByte });
  for (const chunk of chunks) recording.recogniser.accept(chunk);
  recording.recogniser.finish();
  await recording.ended();
  return recording;
}

const finalsOf = async (chunks: readonly Uint8Array[], fromByte = 0): Promise<Final[]> =>
  (await run(chunks, fromByte)).finals;

/** Audio of any length, and one of the ways to cut it. */
const cutAudio = fc
  .uint8Array({ minLength: 1, maxLength: 4 * SEGMENT_BYTES })
  .chain((audio) => fc.tuple(fc.constant(audio), fc.array(fc.nat(audio.length), { maxLength: 8 })))
  .map(([audio, places]) => {
    const cuts = [0, ...places.sort((a, b) => a - b), audio.length];
    return { audio, chunks: cuts.slice(1).map((cut, index) => audio.slice(cuts[index], cut)) };
  });

const speech = (bytes: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * seed * 31) >> 3);

test('any cutting of the audio into chunks gives the same finals', async () => {
  await fc.assert(
    fc.asyncProperty(cutAudio, async ({ audio, chunks }) => {
      expect(await finalsOf(chunks)).toEqual(await finalsOf([audio]));
    }),
  );
});

test("a recogniser started at any final's end gives the finals that the first would have given", async () => {
  await fc.assert(
    fc.asyncProperty(cutAudio, fc.nat(), async ({ audio, chunks }, pick) => {
      const undisturbed = await finalsOf([audio]);
      const kept = undisturbed.slice(0, pick % (undisturbed.length + 1));
      const fromByte = kept.at(-1)?.endByte ?? 0;
      expect([...kept, ...(await finalsOf([audio.slice(fromByte)], fromByte))]).toEqual(undisturbed);
      expect(chunks.length).toBeGreaterThan(0);
    }),
  );
});

test('finals tile the audio at absolute multiples of the segment length', async () => {
  const finals = await finalsOf([speech(3 * SEGMENT_BYTES)], 100);
  expect(finals.map(({ startByte, endByte }) => [startByte, endByte])).toEqual([
    [100, 640],
    [640, 1280],
    [1280, 1920],
    [1920, 2020],
  ]);
});

test.each([
  ['altered', (audio: Uint8Array) => audio.with(700, (audio[700] ?? 0) ^ 1)],
  ['lost', (audio: Uint8Array) => Buffer.concat([audio.subarray(0, 700), audio.subarray(702)])],
  ['repeated', (audio: Uint8Array) => Buffer.concat([audio.subarray(0, 702), audio.subarray(700)])],
])('a sample that is %s changes the text of its segment', async (_, damage) => {
  const audio = speech(2 * SEGMENT_BYTES);
  const [first, second] = await finalsOf([audio]);
  const damaged = await finalsOf([damage(audio)]);
  expect(damaged[0]).toEqual(first);
  expect(damaged[1]?.text).not.toBe(second?.text);
});

test('the same bytes at another place give another text', async () => {
  const [here, there] = await finalsOf([new Uint8Array(2 * SEGMENT_BYTES)]);
  expect(here?.text).not.toBe(there?.text);
});

test('a final has three pronounceable words with times in order within it', async () => {
  const [final] = await finalsOf([speech(SEGMENT_BYTES)]);
  expect(final?.text).toMatch(/^([b-z][aeiou]){3} ([b-z][aeiou]){3} ([b-z][aeiou]){3}$/);
  expect(final?.words.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    [0, 7],
    [7, 13],
    [13, 20],
  ]);
});

test('a single sample left at the end becomes the last final; an odd byte after it does not', async () => {
  const finals = await finalsOf([speech(SEGMENT_BYTES), Uint8Array.of(1, 2), Uint8Array.of(3)]);
  expect(finals.map(({ endByte }) => endByte)).toEqual([640, 642]);
});

test('without audio there is no final, only the end', async () => {
  const { events } = await run([]);
  expect(events).toEqual([{ type: 'progress', consumedByte: 0, settledByte: 0 }, { type: 'finished' }]);
});

test('finalize makes a final of what there is, and later finals still end at multiples', async () => {
  const recording = open();
  recording.recogniser.accept(speech(100));
  recording.recogniser.finalize();
  recording.recogniser.finalize();
  recording.recogniser.accept(speech(SEGMENT_BYTES));
  recording.recogniser.finish();
  await recording.ended();
  const { finals } = recording;
  expect(finals.map(({ startByte, endByte }) => [startByte, endByte])).toEqual([
    [0, 100],
    [100, 640],
    [640, 740],
  ]);
});

test('each chunk gives a partial of about 100 bytes that says what is consumed, after the call and not within it', async () => {
  const recording = open({ fromByte: 64 });
  recording.recogniser.accept(speech(320));
  recording.recogniser.accept(speech(320));
  expect(recording.events).toEqual([]);
  await Promise.resolve();
  const partials = recording.events.filter((event) => event.type === 'partial');
  expect(partials.map(({ text }) => partialByte(text))).toEqual([384, 704]);
  expect(partials[0]?.text.length).toBeGreaterThan(80);
  recording.recogniser.close();
});

test('in file mode there are finals and no partials', async () => {
  const recording = open({ mode: 'file' });
  recording.recogniser.accept(speech(1000));
  recording.recogniser.finish();
  await recording.ended();
  expect(recording.events.map(({ type }) => type)).toEqual(['final', 'final', 'progress', 'finished']);
});

test('progress comes by itself, and what is settled is the end of the last final', async () => {
  const recording = open();
  recording.recogniser.accept(speech(SEGMENT_BYTES + 60));
  await recording.until(({ progress }) => progress.length === 2);
  expect(recording.progress[1]).toEqual({ type: 'progress', consumedByte: 700, settledByte: 640 });
  recording.recogniser.close();
});

test('nothing follows a close, not even what was on its way', async () => {
  const recording = open();
  recording.recogniser.accept(speech(SEGMENT_BYTES));
  recording.recogniser.close();
  await Promise.resolve();
  expect(recording.events).toEqual([]);
});

test('audio after the finish is refused, a second finish is not', async () => {
  const recording = open();
  recording.recogniser.finalize();
  recording.recogniser.finish();
  recording.recogniser.finish();
  await recording.ended();
  expect(recording.events).toHaveLength(2);
  const busy = openScriptedEngine({ ...defaults, realTimeFactor: 1 });
  const { recogniser } = open({}, busy);
  recogniser.finish();
  expect(() => recogniser.accept(speech(2))).toThrow('accept after finish');
  await busy.close();
});

test('a closed recogniser takes no notice of audio', () => {
  const { recogniser, events } = open();
  recogniser.close();
  recogniser.accept(speech(2));
  expect(events).toEqual([]);
});

test('a recogniser does not start at an odd byte', () => {
  expect(() => open({ fromByte: 3 })).toThrow('even byte offset');
});

test('more audio than may wait fails the recogniser instead of filling the memory', async () => {
  const busy = openScriptedEngine({ ...defaults, realTimeFactor: 1 });
  const recording = open({}, busy);
  recording.recogniser.accept(new Uint8Array(25_000_000));
  await recording.failed();
  expect(recording.events).toEqual([{ type: 'failed', detail: expect.stringContaining('ahead') as string }]);
  await busy.close();
});

describe('with a real-time factor', () => {
  test('the finals are the same, recognisers take turns, and audio takes its share of time', async () => {
    const busy = openScriptedEngine({ ...defaults, segmentMs: 100, realTimeFactor: 0.1 });
    const quick = openScriptedEngine({ ...defaults, segmentMs: 100 });
    const audio = speech(32_000);
    const startedAt = performance.now();
    const [first, second, reference] = [open({}, busy), open({}, busy), open({}, quick)];
    for (const { recogniser } of [first, second, reference]) {
      recogniser.accept(audio);
      recogniser.finish();
    }
    await first.until(({ finals }) => finals.length === 5);
    expect(second.finals.length).toBeGreaterThanOrEqual(3);
    await Promise.all([first, second, reference].map((each) => each.ended()));
    // Two seconds of audio at a tenth of real time.
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    expect(first.finals).toEqual(reference.finals);
    expect(second.finals).toEqual(reference.finals);
    await Promise.all([busy.close(), quick.close()]);
  });

  test('progress tells what the engine has got to, not what it was given', async () => {
    const slow = openScriptedEngine({ ...defaults, realTimeFactor: 1 });
    const recording = open({}, slow);
    recording.recogniser.accept(speech(320_000));
    await recording.until(({ progress }) => progress.length === 2);
    expect(recording.consumedByte).toBeGreaterThan(0);
    expect(recording.consumedByte).toBeLessThan(64_000);
    await slow.close();
  });
});

test('a recogniser fails once the file exists that tells it to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-scripted-'));
  const failFile = join(folder, 'fail');
  const failing = openScriptedEngine({ ...defaults, failFile });
  const recording = open({}, failing);
  await recording.until(({ progress }) => progress.length === 1);
  await writeFile(failFile, '');
  await recording.failed();
  expect(() => recording.recogniser.accept(speech(2))).not.toThrow();
  await Promise.resolve();
  expect(recording.events.at(-1)).toEqual({ type: 'failed', detail: `told to fail by ${failFile}` });
  await failing.close();
  await rm(folder, { recursive: true });
});

test('makes no text of a stretch it is told not to hear, and fails at one that is poison, as long as it is live', async () => {
  const audio = Buffer.alloc(4 * SEGMENT_MS * 32, 'audio');
  const kinds = async (mode: 'live' | 'file', options: object): Promise<string[]> => {
    const types: string[] = [];
    await new Promise<void>((resolve) => {
      const engine = openScriptedEngine({ ...defaults, ...options });
      const recogniser = engine.open({ fromByte: 0, mode, language: 'en' }, ({ type }) => {
        if (type !== 'partial' && type !== 'progress') types.push(type);
        if (type === 'finished' || type === 'failed') resolve();
      });
      for (let at = 0; at < audio.length; at += 320) recogniser.accept(audio.subarray(at, at + 320));
      recogniser.finish();
    });
    return types;
  };
  const unheardMs = [SEGMENT_MS, 2 * SEGMENT_MS];
  expect(await kinds('live', { unheardMs })).toEqual(['final', 'unheard', 'final', 'final', 'finished']);
  expect(await kinds('file', { unheardMs })).toEqual(['final', 'final', 'final', 'final', 'finished']);
  const poisonMs = [2 * SEGMENT_MS, 3 * SEGMENT_MS];
  expect(await kinds('live', { poisonMs })).toEqual(['final', 'final', 'failed']);
  expect(await kinds('file', { poisonMs })).toEqual(['final', 'final', 'final', 'final', 'finished']);
});
