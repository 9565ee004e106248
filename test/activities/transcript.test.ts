import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createTranscripts } from '../../activities/transcript.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type {
  Repairs,
  Segment,
  TranscriptDocument,
  TranscriptMeta,
  WriteTranscriptArgs,
} from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const ref = { tenant: 'default', id: 'call-17' };
const meta: TranscriptMeta = {
  id: ref.id,
  tenant: ref.tenant,
  model: 'en',
  language: 'en',
  state: 'completed',
  audioMs: 10_000,
};

const segment = (index: number, text = `Sentence ${index}.`): Segment => ({
  index,
  startMs: index * 1000,
  endMs: index * 1000 + 900,
  text,
  words: [],
  timing: 'estimated',
  channel: 0,
  startByte: index * 32_000,
  endByte: (index + 1) * 32_000,
});
const segments = (from: number, to: number): Segment[] =>
  Array.from({ length: to - from }, (_, at) => segment(from + at));

function setUp() {
  const objects = new MemoryObjects();
  const audio = { durableBytes: 0, extent: () => Promise.resolve({ durableBytes: audio.durableBytes }) };
  const activities = createTranscripts(objects, audio);
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  return {
    objects,
    audio,
    checkpoint: (of: Segment[], span: number | null = null) =>
      environment.run(activities.checkpointTranscript, { ref, span, segments: of }),
    write: (
      tail: Segment[],
      segmentCount: number,
      span: number | null = null,
      more: Pick<WriteTranscriptArgs, 'coverage' | 'repairs'> = {},
    ) => environment.run(activities.writeTranscript, { ref, span, tail, segmentCount, meta, ...more }),
    merge: (spans: number, repairs?: Repairs) =>
      environment.run(activities.mergeSpans, { ref, spans, meta, ...(repairs === undefined ? {} : { repairs }) }),
    document: () => JSON.parse(objects.text(objectKeys.transcript(ref, null, 'json'))) as TranscriptDocument,
  };
}

const damaged = { type: 'TranscriptDamaged', nonRetryable: true };

test('checkpoints and the tail make the whole transcript, in all formats', async () => {
  const { objects, checkpoint, write, document } = setUp();
  await checkpoint(segments(0, 3));
  await checkpoint(segments(3, 5));
  await write(segments(5, 7), 7);
  expect(document()).toEqual({
    ...meta,
    text: segments(0, 7)
      .map(({ text }) => text)
      .join(' '),
    segments: segments(0, 7),
    holes: [],
  });
  expect(objects.text(objectKeys.transcript(ref, null, 'txt')).split('\n')).toHaveLength(8);
  expect(objects.text(objectKeys.transcript(ref, null, 'srt'))).toContain('00:00:06,000 --> 00:00:06,900\nSentence 6.');
  expect(objects.text(objectKeys.transcript(ref, null, 'vtt'))).toMatch(/^WEBVTT\n/);
});

test('the checkpoints of two days are read side by side, a bounded number at a time', async () => {
  const { objects, checkpoint, write, document } = setUp();
  for (let first = 0; first < 43_000; first += 50) await checkpoint(segments(first, first + 50));
  let [reading, most] = [0, 0];
  const get = objects.get.bind(objects);
  objects.get = async (key) => {
    reading += 1;
    most = Math.max(most, reading);
    await new Promise((resolve) => setTimeout(resolve, 5));
    reading -= 1;
    return get(key);
  };
  await write([], 43_000);
  expect(most).toBe(16);
  expect(document().segments).toHaveLength(43_000);
});

test('json is written last: where it is, all formats are', async () => {
  const { objects, write } = setUp();
  await write(segments(0, 1), 1);
  expect([...objects.objects.keys()].at(-1)).toBe(objectKeys.transcript(ref, null, 'json'));
});

test('a checkpoint holds the segments its key names', async () => {
  const { objects, checkpoint } = setUp();
  await checkpoint(segments(3, 5), 2);
  expect(JSON.parse(objects.text(objectKeys.checkpoint(ref, 2, 3, 5)))).toEqual(segments(3, 5));
  await checkpoint([]);
  expect(objects.objects.size).toBe(1);
});

test('everything may run again, and checkpoints that overlap agree', async () => {
  const { checkpoint, write, document } = setUp();
  for (const [from, to] of [
    [0, 3],
    [0, 3],
    [0, 5],
    [3, 6],
  ] as const)
    await checkpoint(segments(from, to));
  await write(segments(5, 7), 7);
  await write(segments(5, 7), 7);
  expect(document().segments).toEqual(segments(0, 7));
});

test('an empty session has an empty transcript', async () => {
  const { write, document, objects } = setUp();
  await write([], 0);
  expect(document()).toMatchObject({ text: '', segments: [] });
  expect(objects.text(objectKeys.transcript(ref, null, 'txt'))).toBe('');
});

test('a gap, a missing end or two segments of one index is a failure no retry repeats, and nothing is written', async () => {
  const { objects, checkpoint, write } = setUp();
  await checkpoint(segments(0, 3));
  await expect(write(segments(4, 6), 6)).rejects.toMatchObject({
    ...damaged,
    message: 'the transcript is not whole: segment 3 is expected, 4 is there',
  });
  await expect(write(segments(3, 5), 6)).rejects.toMatchObject(damaged);
  await expect(write(segments(3, 6), 5)).rejects.toMatchObject(damaged);
  await expect(write([segment(2, 'Other words.'), segment(3)], 4)).rejects.toMatchObject({
    ...damaged,
    message: 'the transcript is not whole: two segments have the index 2',
  });
  await expect(checkpoint([segment(7), segment(9)])).rejects.toMatchObject(damaged);
  expect(objects.objects.has(objectKeys.transcript(ref, null, 'json'))).toBe(false);
});

test('a checkpoint that is damaged in storage is read again, and at the sixth attempt the failure is final', async () => {
  const { objects } = setUp();
  objects.get = () => Promise.reject(Object.assign(new Error('spoilt'), { reason: 'storage_corruption' }));
  await objects.put(objectKeys.checkpoint(ref, null, 0, 1), Buffer.from('[]'));
  const { writeTranscript } = createTranscripts(objects, { extent: () => Promise.resolve({ durableBytes: 0 }) });
  const attempt = (number: number) =>
    new MockActivityEnvironment({ attempt: number }, { logger: new DefaultLogger('ERROR') }).run(writeTranscript, {
      ref,
      span: null,
      tail: [],
      segmentCount: 1,
      meta,
    });
  await expect(attempt(5)).rejects.toMatchObject({ reason: 'storage_corruption' });
  await expect(attempt(6)).rejects.toMatchObject({ type: 'StorageDamaged', nonRetryable: true });
});

test('a checkpoint that is not JSON is a failure that quotes nothing of it', async () => {
  const { objects, write } = setUp();
  await objects.put(objectKeys.checkpoint(ref, null, 0, 1), Buffer.from('[{"text":"secret'));
  const refused = write([], 1);
  await expect(refused).rejects.toMatchObject(damaged);
  await expect(refused).rejects.not.toThrow('secret');
});

test('spans are joined in order and numbered through', async () => {
  const { checkpoint, write, merge, document } = setUp();
  await checkpoint(segments(0, 2), 0);
  await write([segment(2)], 3, 0);
  await write([], 0, 1);
  const later = (index: number, text: string) => ({ ...segment(index + 3, text), index });
  await write([later(0, 'Eleventh.'), later(1, 'Twelfth.')], 2, 2);
  expect(await merge(3)).toBe(5);
  expect(await merge(3)).toBe(5);
  expect(document().segments.map(({ index, text }) => `${index} ${text}`)).toEqual([
    '0 Sentence 0.',
    '1 Sentence 1.',
    '2 Sentence 2.',
    '3 Eleventh.',
    '4 Twelfth.',
  ]);
});

test('a span whose transcript is missing is a failure, not a shorter file', async () => {
  const { write, merge } = setUp();
  await write([segment(0)], 1, 0);
  await expect(merge(2)).rejects.toMatchObject(damaged);
});

// ---- holes

/** Seconds of audio as bytes of the log. */
const seconds = (count: number): number => count * 32_000;
const coverage = { fromByte: 0, toByte: null, throughByte: seconds(4), holes: [] };

test('stored audio that no segment accounts for is answered, and nothing is written before it is repaired', async () => {
  const { objects, audio, write } = setUp();
  audio.durableBytes = seconds(6);
  const known = [...segments(0, 2), { ...segment(2), startByte: seconds(3), endByte: seconds(4) }];
  const holes = [{ fromByte: seconds(2), toByte: seconds(3) }];
  expect(await write(known, 3, null, { coverage: { ...coverage, holes }, repairs: null })).toEqual({
    segments: 3,
    holes: [...holes, { fromByte: seconds(4), toByte: seconds(6) }],
  });
  expect(await Array.fromAsync(objects.list(objectKeys.transcripts(ref, null)))).toEqual([]);
});

test('a session without a hole is written at once', async () => {
  const { audio, write, document } = setUp();
  audio.durableBytes = seconds(4);
  expect(await write(segments(0, 4), 4, null, { coverage, repairs: null })).toEqual({ segments: 4, holes: [] });
  expect(document().holes).toEqual([]);
});

test('what was repaired stands in its place in the audio, as revision 1, and its index follows the others', async () => {
  const { write, document, objects } = setUp();
  await write([{ ...segment(0, 'again'), startByte: seconds(1), endByte: seconds(2) }], 1, 0);
  const known = [segment(0), { ...segment(1), startByte: seconds(2), endByte: seconds(3) }];
  const open = [{ fromByte: seconds(5), toByte: seconds(6) }];
  const repairs = { firstSpan: 0, spans: 2, open };
  expect(await write(known, 2, null, { coverage, repairs })).toEqual({ segments: 3, holes: open });
  expect(document().segments.map(({ text, index, revision }) => [text, index, revision ?? 0])).toEqual([
    ['Sentence 0.', 0, 0],
    ['again', 2, 1],
    ['Sentence 1.', 1, 0],
  ]);
  expect(document().text).toBe('Sentence 0. again Sentence 1.');
  expect(document().holes).toEqual([{ startMs: 5000, endMs: 6000 }]);
  expect(objects.text(objectKeys.transcript(ref, null, 'txt'))).toBe('Sentence 0.\nagain\nSentence 1.\n');
});

test('a file takes up what was repaired of its spans', async () => {
  const { write, merge, document } = setUp();
  await write([segment(0)], 1, 0);
  await write([{ ...segment(0, 'third'), startByte: seconds(2), endByte: seconds(3) }], 1, 1);
  await write([{ ...segment(0, 'second'), startByte: seconds(1), endByte: seconds(2) }], 1, 2);
  expect(await merge(2, { firstSpan: 2, spans: 1, open: [] })).toBe(3);
  expect(document().segments.map(({ text, revision }) => [text, revision ?? 0])).toEqual([
    ['Sentence 0.', 0],
    ['second', 1],
    ['third', 0],
  ]);
});
