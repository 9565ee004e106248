/** A caller connects while a slot is idle: how soon the first partial comes. One after the other. */
import { randomUUID } from 'node:crypto';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { CHUNK_BYTES, Speaker } from '../speaker.ts';
import { shown, summaryOf } from '../statistics.ts';
import type { Series } from './series.ts';

const CALLS = 60;
const GOAL_MS = 250;
const AUDIO = Buffer.alloc(CHUNK_BYTES, 'hello');

/** Connect, speak one chunk, hear its partial, end. Answers milliseconds from connecting to the partial. */
async function call(url: string): Promise<number> {
  const first = Promise.withResolvers<number>();
  const begunMs = performance.now();
  const speaker = new Speaker({
    url: `${url}?session=connect-${randomUUID()}`,
    audio: AUDIO,
    heard: (message, atMs) => {
      if (message.type === 'partial') first.resolve(atMs - begunMs);
    },
  });
  speaker.over.catch(first.reject);
  await speaker.ready;
  speaker.sendChunk();
  const tookMs = await first.promise;
  await speaker.end();
  return tookMs;
}

export const connect: Series = {
  name: 'connect',
  run: ({ quick }) =>
    withSystem({}, async (system) => {
      await quiet();
      const others = watchOthers();
      const tookMs: number[] = [];
      // The first calls find nothing compiled yet.
      for (let i = 0; i < 5; i += 1) await call(liveUrl(system));
      for (let i = 0; i < (quick ? 20 : CALLS); i += 1) tookMs.push(await call(liveUrl(system)));
      const { n, p50, p95, max } = summaryOf(tookMs);
      return [
        {
          what: 'connect → first partial, idle slot, p95',
          measured: `${shown(p95)} ms; p50 ${shown(p50)}, max ${shown(max)}`,
          goal: `≤ ${GOAL_MS} ms`,
          reached: p95 <= GOAL_MS,
          note: `${n} calls one after the other; ${othersNote(others())}`,
        },
      ];
    }),
};
