/** Finals of a file whose channels are apart: told while spans finish, in any order, each at its place in the transcript. */
import fc from 'fast-check';
import { FileFinals } from '../../../gateway/events/final-source.ts';
import { LOG_BYTES_PER_MS, objectKeys } from '../../../workflows/contract.ts';
import type { FilePlan, Segment, SessionView } from '../../../workflows/contract.ts';
import { spansOf } from '../../../workflows/plan.ts';
import { MemoryObjects } from '../../harness/memory-objects.ts';
import { segment } from '../../workflows/session/given.ts';

const ref = { tenant: 't', id: 'f' };
const stores = (objects: MemoryObjects) => ({
  objects,
  sessions: { segments: () => Promise.reject(new Error('live')) },
});
const encode = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));

/** Lengths of each channel's spans, in seconds. */
const lengths = fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), {
  minLength: 2,
  maxLength: 3,
});

const planOf = (channels: readonly (readonly number[])[]): FilePlan => ({
  cuts: channels.map((spans) => {
    let at = 0;
    return [0, ...spans.map((seconds) => (at += seconds * 1000 * LOG_BYTES_PER_MS))];
  }),
});

async function put(objects: MemoryObjects, span: number, segments: readonly Segment[]): Promise<void> {
  await objects.put(objectKeys.transcript(ref, span, 'json'), encode({ state: 'completed', segments }));
}

/** All finals there are, read from an index on as a reader does that is behind. */
async function all(finals: FileFinals, from = 0): Promise<Segment[]> {
  const read: Segment[] = [];
  while (from + read.length < finals.count) {
    const more = await finals.read(from + read.length);
    if (more.length === 0) throw new Error('nothing more comes');
    read.push(...more);
  }
  return read;
}

async function look(finals: FileFinals, channels: number, done: number, total: number): Promise<void> {
  const view = { spans: { done, total }, channels } as SessionView;
  while (await finals.advance(view)) continue;
}

test('whatever span finishes next, what was told stays, nothing is told that another channel may still come before, and in the end it is the transcript', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer(), fc.integer({ min: 1, max: 150 }), async (channels, seed, perSpan) => {
      const random = fc.sample(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), { numRuns: 1, seed })[0];
      const next = (): number => Number(random?.next().value ?? 0);
      const objects = new MemoryObjects();
      const plan = planOf(channels);
      const spans = spansOf(plan);
      await objects.put(objectKeys.plan(ref), encode(plan));
      const texts = spans.map(({ channel, fromByte, toByte }, span) => {
        const [fromMs, toMs] = [fromByte / LOG_BYTES_PER_MS, toByte / LOG_BYTES_PER_MS];
        const count = Math.floor(next() * perSpan);
        // In steps of 100 ms, so that channels often begin at the same time.
        const starts = Array.from({ length: count }, () => fromMs + Math.floor((next() * (toMs - fromMs)) / 100) * 100);
        return starts.sort((a, b) => a - b).map((startMs, i) => ({ ...segment(i, `${span}/${i}`), startMs, channel }));
      });
      const whole = texts.flat().sort((a, b) => a.startMs - b.startMs || a.channel - b.channel);
      const finals = new FileFinals(stores(objects), ref);
      const order = spans.map((_span, i) => ({ i, at: i + next() * 8 })).sort((a, b) => a.at - b.at);
      for (const [done, { i }] of order.entries()) {
        await put(objects, i, texts[i] ?? []);
        await look(finals, channels.length, done + 1, spans.length);
        const from = Math.floor(next() * finals.count);
        const told = await all(finals, from);
        const expected = whole.slice(from, finals.count).map((one, at) => ({ ...one, index: from + at }));
        expect(told).toEqual(expected);
      }
      expect(finals.count).toBe(whole.length);
      // Another gateway, that comes late, tells the same.
      const late = new FileFinals(stores(objects), ref);
      await look(late, channels.length, spans.length, spans.length);
      expect(await all(late)).toEqual(await all(finals));
    }),
    { seed: 11, numRuns: 40 },
  );
}, 30_000);

test('they come while the file goes on: with half of the spans of both channels finished, half of the finals are told', async () => {
  const objects = new MemoryObjects();
  const plan = planOf([
    [10, 10, 10, 10],
    [10, 10, 10, 10],
  ]);
  await objects.put(objectKeys.plan(ref), encode(plan));
  const finals = new FileFinals(stores(objects), ref);
  for (const [span, { channel, fromByte }] of spansOf(plan).slice(0, 4).entries()) {
    await put(objects, span, [{ ...segment(0, `${span}`), startMs: fromByte / LOG_BYTES_PER_MS, channel }]);
  }
  await look(finals, 2, 4, 8);
  expect((await all(finals)).map(({ index, text }) => [index, text])).toEqual([[0, '0'], [1, '1'], [2, '2'], [3, '3']]); // prettier-ignore
});

test('a file that an earlier version planned elsewhere is told at its end', async () => {
  const objects = new MemoryObjects();
  await put(objects, 0, [segment(0)]);
  const finals = new FileFinals(stores(objects), ref);
  await look(finals, 2, 1, 2);
  expect(finals.count).toBe(0);
});
