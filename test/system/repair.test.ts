/** Speech of which no text came, or at which recognisers fail, is transcribed again, alone, at the end. Real processes. */
import { Caller, noise, undisturbed } from '../harness/caller.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
const scripted = { engine: 'scripted', segmentMs: SEGMENT_MS };

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: {
      en: { ...scripted, unheardMs: [800, 1600] },
      poison: { ...scripted, poisonMs: [800, 1600] },
    },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  await Promise.all([1, 2, 3].map(() => system.addWorker({ LONGHAND_MODEL: 'poison' })));
}, 120_000);
afterAll(() => system.stop(), 30_000);

interface Transcript {
  readonly segments: { text: string; index: number; revision?: number; startByte: number; endByte: number }[];
  readonly holes: { startMs: number; endMs: number }[];
  readonly audioMs: number;
}

const transcriptOf = async (session: string): Promise<Transcript> =>
  (await system.json(`/v1/sessions/${session}/transcript`)) as Transcript;

test('speech without text comes as finals of revision 1 before the end, and stands in its place in the transcript', async () => {
  const audio = noise('unheard', 4000);
  const caller = await new Caller(system.url, { session: 'unheard', audio }).call();
  const { segments: count } = await caller.done();
  const texts = await undisturbed(audio, SEGMENT_MS);
  const { segments, holes } = await transcriptOf('unheard');
  expect(segments.map(({ text }) => text)).toEqual(texts);
  expect(holes).toEqual([]);
  expect(segments.map(({ startByte }) => startByte)).toEqual([
    0,
    ...segments.slice(0, -1).map(({ endByte }) => endByte),
  ]);
  // The client was given each once, in the order of the indexes; what was repaired came last.
  expect(caller.finals.map(({ index }) => index)).toEqual(texts.map((_text, index) => index));
  expect(count).toBe(texts.length);
  expect(caller.finals.filter(({ revision }) => revision === 1).map(({ text }) => text)).toEqual(texts.slice(2, 4));
  expect(caller.finals.slice(-2).map(({ audioStartMs, audioEndMs }) => [audioStartMs, audioEndMs])).toEqual([
    [800, 1200],
    [1200, 1600],
  ]);
  // Who joins late is given the same.
  const late = await new Caller(system.url, { session: 'unheard', audio: Buffer.alloc(0) }).call();
  await late.done();
  expect(late.finals).toEqual(caller.finals);
}, 60_000);

test('audio at which every recogniser fails costs the call nothing else: it goes on behind it, and is tried again at the end', async () => {
  const audio = noise('poison', 16_000);
  const options = { session: 'poison', audio, speed: 4, parameters: { model: 'poison' } };
  const caller = await new Caller(system.url, options).call();
  expect(await caller.done()).toMatchObject({ state: 'completed' });
  expect(caller.reconnects).toBe(0);
  const { segments, holes, audioMs } = await transcriptOf('poison');
  expect(segments.map(({ text }) => text)).toEqual(await undisturbed(audio, SEGMENT_MS));
  expect([holes, audioMs]).toEqual([[], 16_000]);
  const repaired = segments.filter(({ revision }) => revision === 1);
  expect(repaired[0]).toMatchObject({ startByte: 800 * 32 });
  expect(repaired.at(-1)).toMatchObject({ endByte: 10_800 * 32 });
}, 120_000);
