/** Real speech through the real model, the whole way: live and as a file. */
import alawmulaw from 'alawmulaw';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wordErrors } from '../../workers/start/word-errors.ts';
import { Caller } from '../harness/caller.ts';
import { encode } from '../harness/encode.ts';
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

// Bad input, row 8.
describe('a file is understood, however it is encoded:', () => {
  const telephone = ['-ar', '8000', '-ac', '1'];
  const ENCODINGS: readonly { name: string; options: readonly string[]; bound: keyof typeof MEASURED }[] = [
    { name: '16k.wav', options: [], bound: 'wide' },
    { name: '8k.wav', options: ['-ar', '8000'], bound: 'telephone' },
    { name: '44k1.wav', options: ['-ar', '44100'], bound: 'wide' },
    { name: '48k-stereo.wav', options: ['-ar', '48000', '-ac', '2'], bound: 'wide' },
    { name: '24bit.wav', options: ['-c:a', 'pcm_s24le'], bound: 'wide' },
    { name: '48k-stereo-24bit.wav', options: ['-ar', '48000', '-ac', '2', '-c:a', 'pcm_s24le'], bound: 'wide' },
    { name: 'float.wav', options: ['-c:a', 'pcm_f32le'], bound: 'wide' },
    { name: 'mulaw.wav', options: [...telephone, '-c:a', 'pcm_mulaw'], bound: 'telephone' },
    { name: 'alaw.wav', options: [...telephone, '-c:a', 'pcm_alaw'], bound: 'telephone' },
    { name: 'mulaw.au', options: [...telephone, '-c:a', 'pcm_mulaw'], bound: 'telephone' },
    { name: 'opus.webm', options: ['-c:a', 'libopus', '-b:a', '32k'], bound: 'wide' },
    { name: 'opus.ogg', options: ['-c:a', 'libopus', '-b:a', '16k'], bound: 'wide' },
    { name: 'moov-at-the-end.m4a', options: ['-c:a', 'aac', '-b:a', '64k'], bound: 'wide' },
    { name: '64k.mp3', options: ['-b:a', '64k'], bound: 'wide' },
    { name: 'speech.flac', options: [], bound: 'wide' },
  ];
  const rates = new Map<string, number>();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longhand-encodings-'));
    const { pcm, text } = await readAllSpeech(800);
    await writeFile(join(folder, 'plain.wav'), wav(pcm));
    await encode(folder, 'plain.wav', ENCODINGS);
    await Promise.all(
      ENCODINGS.map(async ({ name }) => {
        const bytes = Uint8Array.from(await readFile(join(folder, name)));
        const { body } = await postFile(system, bytes, `?session=${name}`);
        rates.set(name, rate(text, (await finishedFile(system, name)).text));
        expect(body).toMatchObject({ id: name });
      }),
    );
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const limitOf = (bound: keyof typeof MEASURED): number => MEASURED[bound] + MARGIN;
  const table = (): string =>
    ENCODINGS.map(({ name, bound }) =>
      [name.padEnd(22), rates.get(name)?.toFixed(4), `at most ${limitOf(bound).toFixed(4)}`].join('  '),
    ).join('\n');

  test.each(ENCODINGS)('$name', ({ name, bound }) => {
    const found = rates.get(name) ?? 1;
    if (found > limitOf(bound)) throw new Error(`word error rate of ${name}: ${found}\n${table()}`);
  });

  test('the index of the m4a comes last, so that it cannot be decoded as it comes', async () => {
    const bytes = await readFile(join(folder, 'moov-at-the-end.m4a'));
    expect(bytes.indexOf('moov')).toBeGreaterThan(bytes.indexOf('mdat'));
  });
});
