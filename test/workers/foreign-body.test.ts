/** Results of a live session in another service's form: which are next, wherever they are stored meanwhile. */
import type { LiveCallbackRequest } from '../../gateway/dialects/deepgram/callback.ts';
import { foreignResults } from '../../workers/foreign-body.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type { Segment } from '../../workflows/contract.ts';
import type { DeliverResultsArgs } from '../../workflows/webhook/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';
import { segment } from '../workflows/session/given.ts';

const ref = { tenant: 't', id: 's' };
const request: LiveCallbackRequest = {
  about: { requestId: 's', model: 'en', place: [0, 1], echo: {}, warnings: [] },
  ...{ created: '2026-01-02T03:04:05.000Z', punctuate: true },
};
const form = { dialect: 'deepgram', method: 'POST', request } as const;
const target = { url: 'https://hooks.example/x', receiver: 'r', retryMs: [], keepMs: 1, form };
const END = { state: 'completed', reason: null, detail: null, audioMs: 9000 } as const;

const put = (objects: MemoryObjects, key: string, value: unknown) =>
  objects.put(key, Buffer.from(JSON.stringify(value)));

/** What is told next of a session whose workflow has these in its tail. */
async function next(objects: MemoryObjects, tail: readonly Segment[], given: Partial<DeliverResultsArgs>) {
  const sessions = {
    segments: (_ref: unknown, from: number) =>
      Promise.resolve({ tailFrom: tail[0]?.index ?? 0, segments: tail.filter(({ index }) => index >= from) }),
  };
  const args = { ref, messageId: 'm', target, told: 0, count: 0, end: null, ...given };
  const bodies = await foreignResults(sessions, objects, args);
  return bodies.map((body) => {
    const { type, channel, duration } = JSON.parse(body) as {
      type: string;
      channel?: { alternatives: [{ transcript: string }] };
      duration: number;
    };
    return channel === undefined ? `${type} ${duration}` : channel.alternatives[0].transcript;
  });
}

const segments = (from: number, to: number): Segment[] =>
  Array.from({ length: to - from }, (_, i) => segment(from + i));
const texts = (from: number, to: number): string[] => segments(from, to).map(({ text }) => text);

test('out of the workflow, out of checkpoints, and out of the transcript once it is written', async () => {
  const objects = new MemoryObjects();
  expect(await next(objects, segments(0, 3), { told: 1, count: 3 })).toEqual(texts(1, 3));
  await put(objects, objectKeys.checkpoint(ref, null, 0, 3), segments(0, 3));
  expect(await next(objects, segments(3, 5), { told: 1, count: 5 })).toEqual(texts(1, 5));
  await put(objects, objectKeys.transcript(ref, null, 'json'), { segments: segments(0, 6).reverse() });
  expect(await next(objects, [], { told: 4, count: 6, end: END })).toEqual(texts(4, 6));
});

test('no more than is known to be committed, and the end when all of it is received', async () => {
  const objects = new MemoryObjects();
  expect(await next(objects, segments(0, 3), { told: 0, count: 2 })).toEqual(texts(0, 2));
  expect(await next(objects, [], { told: 2, count: 2, end: END })).toEqual(['Metadata 9']);
});

test('what cannot be read is not skipped', async () => {
  const read = next(new MemoryObjects(), segments(3, 5), { told: 1, count: 5 });
  await expect(read).rejects.toThrow('final 1 of 5 cannot be read');
});
