import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createTranscripts } from '../../activities/transcript.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type { Segment, TranscriptDocument, TranscriptMeta } from '../../workflows/contract.ts';
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
  const activities = createTranscripts(objects);
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  return {
    objects,
    checkpoint: (of: Segment[], span: number | null = null) =>
      environment.run(activities.checkpointTranscript, { ref, span, segments: of }),
    write: (tail: Segment[], segmentCount: number, span: number | null = null) =>
      environment.run(activities.writeTranscript, { ref, span, tail, segmentCount, meta }),
    merge: (spans: number) => environment.run(activities.mergeSpans, { ref, spans, meta }),
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
  const begunMs = performance.now();
  await write([], 43_000);
  expect(performance.now() - begunMs).toBeLessThan(860 * 5);
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
  const { writeTranscript } = createTranscripts(objects);
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
  await write([segment(0, 'Eleventh.'), segment(1, 'Twelfth.')], 2, 2);
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
