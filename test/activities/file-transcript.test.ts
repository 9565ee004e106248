/** What an earlier life of a file has left: what is finished is taken up, what is not is done again from its beginning. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createFileTranscripts } from '../../activities/file-transcript.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type {
  FileSpan,
  FinishFileArgs,
  Segment,
  SpanYield,
  TranscriptDocument,
  TranscriptWritten,
} from '../../workflows/contract.ts';
import { segment } from '../workflows/session/given.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const ref = { tenant: 't', id: 'talk' };
/** One second of audio. */
const SECOND = 32_000;
const spans: FileSpan[] = [0, 1, 2].map((at) => ({ channel: 0, fromByte: at * SECOND, toByte: (at + 1) * SECOND }));
const meta = { ...ref, model: 'en', language: 'en', state: 'completed', audioMs: 3000 } as const;

let objects: MemoryObjects;
beforeEach(() => {
  objects = new MemoryObjects();
});
const activities = () => createFileTranscripts(objects, { extent: () => Promise.reject(new Error('not looked for')) });
const run = <A, T>(activity: (args: A) => Promise<T>, args: A): Promise<T> =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, args);
const survey = (version = 1): Promise<SpanYield> => run(activities().surveySpans, { ref, version, spans });
const finish = (changes: Partial<FinishFileArgs>): Promise<number> =>
  run(activities().finishFile, {
    ref,
    version: 1,
    done: { next: 1, open: [] },
    repairs: { firstSpan: 3, spans: 0 },
    holes: [],
    meta,
    uploadId: null,
    ...changes,
  });

/** The transcript of a span as its workflow has left it; a checkpoint beside it. */
async function written(span: number, state: TranscriptDocument['state'], version = 1): Promise<void> {
  const document = { ...meta, state, segments: [{ ...segment(0, `of span ${span}`), words: [] }], holes: [] };
  await objects.put(objectKeys.checkpoint(ref, span, 0, 1, version), Buffer.from('[]'));
  await objects.put(objectKeys.transcript(ref, span, 'json', version), Buffer.from(JSON.stringify(document)));
}
const left = (): string[] => [...objects.objects.keys()].sort();

test('spans that are completed count; of those that are not nothing is left', async () => {
  await written(0, 'completed');
  await written(1, 'cancelled');
  await written(2, 'completed');
  expect(await survey()).toEqual({ done: { next: 3, open: [1] }, bytes: 2 * SECOND, segments: 2, holes: [] });
  expect(left().filter((key) => key.startsWith(objectKeys.transcripts(ref, 1)))).toEqual([]);
  expect(left()).toHaveLength(4);
});

test('a span that has checkpoints and no transcript is begun anew', async () => {
  await objects.put(objectKeys.checkpoint(ref, 0, 0, 1), Buffer.from('[]'));
  expect(await survey()).toMatchObject({ done: { next: 0, open: [] }, bytes: 0 });
  expect(left()).toEqual([]);
});

test('what was repaired is repaired again', async () => {
  await written(3, 'completed');
  expect(await survey()).toMatchObject({ done: { next: 0, open: [] } });
  expect(left()).toEqual([]);
});

test('a file that goes on has no transcript until it ends again; those of its versions stay', async () => {
  const formats = ['json', 'txt', 'srt', 'vtt'] as const;
  for (const format of formats) await objects.put(objectKeys.transcript(ref, null, format), Buffer.from('x'));
  await objects.put(objectKeys.transcript(ref, null, 'json', 2), Buffer.from('x'));
  await survey();
  expect(left()).toEqual([objectKeys.transcript(ref, null, 'json', 2)]);
});

test('a version is made of its own spans, and written beside the first', async () => {
  await written(0, 'completed');
  await written(0, 'completed', 2);
  await finish({});
  const first = objects.text(objectKeys.transcript(ref, null, 'json'));
  expect(await finish({ version: 2, meta: { ...meta, model: 'other', version: 2 } })).toBe(1);
  expect(objects.text(objectKeys.transcript(ref, null, 'json'))).toBe(first);
  expect(JSON.parse(objects.text(objectKeys.transcript(ref, null, 'json', 2)))).toMatchObject({ model: 'other' });
});

test('what is not done is told as holes, and the upload goes with the transcript', async () => {
  await written(0, 'completed');
  await objects.put(objectKeys.upload('t', 'u'), Buffer.from('x'));
  await finish({ holes: spans.slice(1), meta: { ...meta, state: 'stopped' }, uploadId: 'u' });
  const { holes, state } = JSON.parse(objects.text(objectKeys.transcript(ref, null, 'json'))) as TranscriptDocument;
  expect({ holes, state }).toEqual({
    holes: [
      { startMs: 1000, endMs: 2000 },
      { startMs: 2000, endMs: 3000 },
    ],
    state: 'stopped',
  });
  expect(left().filter((key) => key.startsWith('uploads/'))).toEqual([]);
});

describe('a file of one span, which is written in one go', () => {
  const tail: Segment[] = [{ ...segment(1, 'the second'), startByte: 320, endByte: SECOND }];
  const finishWhole = (toByte = SECOND): Promise<TranscriptWritten & { isWhole: boolean }> => {
    const coverage = { fromByte: 0, toByte, throughByte: SECOND, holes: [] };
    const span = { ref, span: 0, tail, segmentCount: 2, meta, coverage };
    return run(activities().finishWhole, { span, meta, uploadId: 'u' });
  };
  beforeEach(async () => {
    const first = [{ ...segment(0, 'the first'), startByte: 0, endByte: 320 }];
    await objects.put(objectKeys.checkpoint(ref, 0, 0, 1), Buffer.from(JSON.stringify(first)));
    await objects.put(objectKeys.upload('t', 'u'), Buffer.from('x'));
  });

  test('has what was written on the way and what came with the end, in every format, and no upload', async () => {
    expect(await finishWhole()).toEqual({ segments: 2, holes: [], isWhole: true });
    const document = objects.text(objectKeys.transcript(ref, null, 'json'));
    expect(JSON.parse(document)).toMatchObject({ text: 'the first the second', state: 'completed' });
    for (const format of ['txt', 'srt', 'vtt'] as const) {
      expect(objects.text(objectKeys.transcript(ref, null, format))).toContain('the second');
    }
    expect(left().filter((key) => key.startsWith('uploads/') || key.endsWith('/000000/transcript.json'))).toEqual([]);
    expect(await finishWhole()).toEqual({ segments: 2, holes: [], isWhole: true });
    expect(objects.text(objectKeys.transcript(ref, null, 'json'))).toBe(document);
  });

  test('is its span’s alone where audio has no text: that is repaired first', async () => {
    expect(await finishWhole(3 * SECOND)).toEqual({
      segments: 2,
      holes: [{ fromByte: SECOND, toByte: 3 * SECOND }],
      isWhole: false,
    });
    expect(JSON.parse(objects.text(objectKeys.transcript(ref, 0, 'json')))).toMatchObject({ holes: [{ endMs: 3000 }] });
    expect(left()).toContain(objectKeys.upload('t', 'u'));
    expect(left()).not.toContain(objectKeys.transcript(ref, null, 'json'));
  });

  test('is not written where committed segments are missing', async () => {
    await objects.deleteAll(objectKeys.checkpoints(ref, 0));
    await expect(finishWhole()).rejects.toMatchObject({ type: 'TranscriptDamaged' });
    expect(left()).toContain(objectKeys.upload('t', 'u'));
  });
});
