/** Real speech through the real model, the whole way: live and as a file. */
import alawmulaw from 'alawmulaw';
import { wordErrors } from '../../workers/start/word-errors.ts';
import { Caller } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { readAllSpeech, readSpeech } from '../speech/speech.ts';

/** Word error rates that foundations measured for this model (16 kHz, 8 kHz mu-law), and a margin for 93 words. */
const MEASURED = { wide: 0.055, telephone: 0.063 };
const MARGIN = 0.03;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'moonshine' } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
}, 240_000);
afterAll(() => system.stop(), 30_000);

function rate(reference: string, heard: string): number {
  const { errors, words } = wordErrors(reference, heard);
  return errors / words;
}

const heardBy = (caller: Caller): string => caller.finals.map(({ text }) => text).join(' ');

test('the bundled sample, live: partials come first, and the words are the ones that were spoken', async () => {
  const { pcm, text } = await readSpeech('jfk.wav');
  const caller = new Caller(system.url, { session: 'sample', audio: Buffer.from(pcm), chunkMs: 100, speed: 1 });
  let partialsBeforeFirstFinal = 0;
  caller.client.once('final', () => (partialsBeforeFirstFinal = caller.partials));
  await caller.call();
  await caller.done();
  expect(partialsBeforeFirstFinal).toBeGreaterThan(0);
  expect(wordErrors(text, heardBy(caller)).errors).toBeLessThanOrEqual(2);
  for (const { startMs, endMs, words, timing } of caller.finals) {
    expect(timing).toBe('estimated');
    for (const word of words) expect(startMs <= word.startMs && word.endMs <= endMs).toBe(true);
  }
});

test('all samples, live: the word error rate is that of the model', async () => {
  const { pcm, text } = await readAllSpeech(800);
  const caller = new Caller(system.url, { session: 'all-live', audio: Buffer.from(pcm), chunkMs: 100, speed: 2 });
  await caller.call();
  await caller.done();
  expect(rate(text, heardBy(caller))).toBeLessThanOrEqual(MEASURED.wide + MARGIN);
}, 90_000);

test('a telephone call (8 kHz mu-law), live: the same', async () => {
  const { pcm, text } = await readAllSpeech(800);
  const wide = new Int16Array(Buffer.from(pcm).buffer.slice(0));
  const narrow = Int16Array.from(
    { length: wide.length >> 1 },
    (_, i) => ((wide[2 * i] ?? 0) + (wide[2 * i + 1] ?? 0)) / 2,
  );
  const audio = Buffer.from(alawmulaw.mulaw.encode(narrow));
  const caller = new Caller(system.url, {
    session: 'telephone',
    audio,
    parameters: { encoding: 'mulaw', sample_rate: '8000' },
    chunkMs: 25,
    speed: 0.5,
  });
  await caller.call();
  await caller.done();
  expect(caller.acks.at(-1)).toBe(audio.length);
  expect(rate(text, heardBy(caller))).toBeLessThanOrEqual(MEASURED.telephone + MARGIN);
}, 90_000);

test('all samples as a file in several spans: the word error rate is that of the model', async () => {
  const { pcm, text } = await readAllSpeech(800);
  const { status, body } = await postFile(system, wav(pcm));
  expect(status).toBe(202);
  const transcript = await finishedFile(system, String(body['id']));
  expect(rate(text, transcript.text)).toBeLessThanOrEqual(MEASURED.wide + MARGIN);
});
