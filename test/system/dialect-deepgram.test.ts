/** Deepgram's own SDK, unmodified, against a whole installation: live and pre-recorded. */
import { setTimeout as pause } from 'node:timers/promises';
import { DeepgramClient } from '@deepgram/sdk';
import { wordErrors } from '../../workers/start/word-errors.ts';
import { noise, undisturbed } from '../harness/caller.ts';
import { wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';
import { WebhookReceiver } from '../harness/webhook-receiver.ts';
import { readSpeech } from '../speech/speech.ts';

const SEGMENT_MS = 400;
const SCRIPTED = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };
const SETTINGS = { LONGHAND_WORKER_SILENCE_MS: '5000', LONGHAND_OUTBOUND_ALLOW: '127.0.0.1' };
const CHUNK_MS = 100;
const BYTES_PER_MS = 32;

let system: System;
const systems: System[] = [];
beforeAll(async () => {
  system = await System.start({ models: SCRIPTED, workers: 3, settings: SETTINGS });
  systems.push(system);
}, 120_000);
const receivers: WebhookReceiver[] = [];
afterAll(async () => {
  await Promise.all(systems.map((each) => each.stop()));
  for (const each of receivers) each.close();
}, 60_000);

async function receiver(): Promise<WebhookReceiver> {
  const listening = await new WebhookReceiver().listen();
  receivers.push(listening);
  return listening;
}

const clientOf = (of: System) => new DeepgramClient({ apiKey: 'any', baseUrl: of.httpUrl, maxRetries: 0 });

interface Heard {
  readonly type: string;
  readonly is_final?: boolean;
  readonly start?: number;
  readonly channel?: { readonly alternatives: readonly { readonly transcript: string }[] };
}

/** A stream of 16 kHz mono s16le by the SDK, in real time. */
class Stream {
  readonly heard: Heard[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed: number | null = null;

  async speak(of: System, session: string, audio: Buffer, more: { callback?: string } = {}): Promise<void> {
    const socket = await clientOf(of).listen.v1.connect({
      ...more,
      model: 'nova-3',
      encoding: 'linear16',
      sample_rate: 16_000,
      punctuate: 'true',
      interim_results: 'true',
      vad_events: 'true',
      queryParams: { session },
      reconnectAttempts: 0,
      Authorization: 'any',
    });
    socket.on('message', (message) => {
      this.heard.push(message as Heard);
      this.#wake();
    });
    socket.on('close', ({ code }) => {
      this.#closed = code;
      this.#wake();
    });
    socket.connect();
    await socket.waitForOpen();
    const chunk = CHUNK_MS * BYTES_PER_MS;
    for (let at = 0; at < audio.length; at += chunk) {
      socket.sendMedia(audio.subarray(at, at + chunk));
      await pause(CHUNK_MS);
    }
    socket.sendCloseStream({ type: 'CloseStream' });
    await this.until(() => this.#closed !== null);
  }

  get closeCode(): number | null {
    return this.#closed;
  }

  get finals(): string[] {
    const finals = this.heard.filter(({ type, is_final: isFinal }) => type === 'Results' && isFinal === true);
    return finals.map(({ channel }) => channel?.alternatives[0]?.transcript ?? '');
  }

  count(type: string): number {
    return this.heard.filter((message) => message.type === type).length;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

test('a worker that is killed, and a handover, in the middle of a stream: every word once, and the client notices neither', async () => {
  const audio = noise('deepgram', 8000);
  const stream = new Stream();
  const spoken = stream.speak(system, 'killed', audio);
  await stream.until(() => stream.finals.length >= 3);
  await (await system.workerOf('killed')).kill();
  await stream.until(() => stream.finals.length >= 8);
  const moved = await fetch(`${system.httpUrl}/v1/sessions/killed/handover`, { method: 'POST' });
  expect(moved.status).toBe(202);
  await spoken;
  expect(stream.closeCode).toBe(1000);
  expect(stream.finals).toEqual(await undisturbed(audio, SEGMENT_MS));
  expect(stream.heard.at(-1)).toMatchObject({ type: 'Metadata', request_id: 'killed', duration: 8, channels: 1 });
  expect(stream.count('Metadata')).toBe(1);
  expect(stream.count('SpeechStarted')).toBeGreaterThan(0);
  const session = (await system.json('/v1/sessions/killed')) as { state: string; epoch: number; kind: string };
  expect(session).toMatchObject({ kind: 'live', state: 'completed', epoch: 3 });
  await system.addWorker();
}, 60_000);

/** What a callback was sent, without what came again after an orchestrator died. */
const sentTo = (far: WebhookReceiver, path: string): Heard[] =>
  [...new Map(far.of(path).map(({ id, text }) => [id, text])).values()].map((text) => JSON.parse(text) as Heard);
const finalsOf = (sent: readonly Heard[]): (string | undefined)[] =>
  sent.flatMap(({ type, channel }) => (type === 'Results' ? [channel?.alternatives[0]?.transcript] : []));

test('live with a callback: each final once and in order, though worker, orchestrator and receiver fail; deleted with the session', async () => {
  const audio = noise('deepgram-callback', 8000);
  const far = await receiver();
  // The third one hangs: the orchestrator that waits for its answer is killed.
  const callback = far.at('/results', (response, times) => {
    if (times !== 2) response.writeHead(204).end();
  });
  const stream = new Stream();
  const spoken = stream.speak(system, 'called', audio, { callback });
  await far.untilAsked('/results', 3);
  await system.orchestrator.kill();
  await system.orchestrator.start();
  await (await system.workerOf('called')).kill();
  await spoken;
  expect(stream.closeCode).toBe(1000);
  expect(stream.heard[0]).toEqual({ request_id: 'called' });
  const { webhooks } = (await system.json('/v1/webhooks')) as { webhooks: { id: string; session: string }[] };
  const [{ id } = { id: '' }, ...others] = webhooks.filter(({ session }) => session === 'called');
  expect(others).toEqual([]);
  const shown = await until(
    'all is received',
    () => system.json(`/v1/webhooks/${id}`) as Promise<{ state: string; results: number }>,
    ({ state }) => state === 'delivered',
  );
  const expected = await undisturbed(audio, SEGMENT_MS);
  expect(shown).toMatchObject({ type: 'session.results', results: expected.length, event: null, reason: null });
  const sent = sentTo(far, '/results');
  expect(finalsOf(sent)).toEqual(expected);
  expect(stream.finals).toEqual(expected);
  expect(sent.at(-1)).toMatchObject({ type: 'Metadata', request_id: 'called', duration: 8, channels: 1 });
  // No result comes before the one before it was received.
  const order = far.of('/results').map(({ id: message }) => Number(message.split('.')[1]));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  const erased = await fetch(`${system.httpUrl}/v1/sessions/called`, { method: 'DELETE' });
  expect(erased.status).toBe(204);
  expect((await fetch(`${system.httpUrl}/v1/webhooks/${id}`)).status).toBe(404);
  await system.addWorker();
}, 90_000);

describe('pre-recorded', () => {
  const audio = noise('deepgram-file', 5000);
  const expected = async () => (await undisturbed(audio, SEGMENT_MS)).join(' ');

  async function transcribed(body: Uint8Array, query: Record<string, string | number> = {}) {
    const { data, rawResponse } = await clientOf(system)
      .listen.v1.media.transcribeFile(Buffer.from(body), { model: 'en', smart_format: true }, { queryParams: query })
      .withRawResponse();
    if (!('results' in data)) throw new Error('no results');
    return { data, id: rawResponse.headers.get('dg-request-id') ?? '' };
  }

  test('a WAV file and the same as raw samples give the same words, and are sessions like any other', async () => {
    const text = await expected();
    const { data, id } = await transcribed(wav(audio));
    expect(data.results.channels[0]?.alternatives?.[0]?.transcript).toBe(text);
    expect(data.metadata).toMatchObject({ request_id: id, duration: 5, channels: 1 });
    expect(await system.json(`/v1/sessions/${id}`)).toMatchObject({ kind: 'file', state: 'completed' });
    const raw = await transcribed(audio, { encoding: 'linear16', sample_rate: 16_000 });
    expect(raw.data.results.channels[0]?.alternatives?.[0]?.transcript).toBe(text);
  }, 30_000);

  test('multichannel: each channel has its own words', async () => {
    const right = noise('deepgram-right', 5000);
    const both = Buffer.alloc(2 * audio.length);
    for (let at = 0; at < audio.length; at += 2) {
      audio.copy(both, 2 * at, at, at + 2);
      right.copy(both, 2 * at + 2, at, at + 2);
    }
    const raw = { encoding: 'linear16', sample_rate: 16_000, channels: 2, multichannel: 'true', utterances: 'true' };
    const { data } = await transcribed(both, raw);
    expect(data.metadata.channels).toBe(2);
    expect(data.results.channels.map(({ alternatives }) => alternatives?.[0]?.transcript)).toEqual([
      await expected(),
      (await undisturbed(right, SEGMENT_MS)).join(' '),
    ]);
    expect(new Set(data.results.utterances?.map(({ channel }) => channel))).toEqual(new Set([0, 1]));
  }, 60_000);

  test('audio at an address, and the result sent to one: received once it answers, unsigned, in Deepgram’s form', async () => {
    const text = await expected();
    const far = await receiver();
    far.at('/talk.wav', (response) => void response.end(wav(audio)));
    const callback = far.at('/hook');
    const begun = await clientOf(system)
      .listen.v1.media.transcribeUrl({ url: far.at('/talk.wav'), model: 'en', punctuate: true, callback })
      .withRawResponse();
    const id = begun.rawResponse.headers.get('dg-request-id');
    expect(begun.data).toEqual({ request_id: id });
    const [received] = await far.untilAsked('/hook');
    expect(received).toMatchObject({ contentType: 'application/json', signature: '' });
    expect(JSON.parse(received?.text ?? '')).toMatchObject({
      metadata: { request_id: id, sha256: null, duration: 5 },
      results: { channels: [{ alternatives: [{ transcript: text }] }] },
    });
    const failing = far.at('/failed');
    const { data } = await clientOf(system)
      .listen.v1.media.transcribeFile(Buffer.from('no audio '.repeat(100)), {
        callback: failing,
        callback_method: 'PUT',
      })
      .withRawResponse();
    const [failed] = await far.untilAsked('/failed');
    expect(JSON.parse(failed?.text ?? '')).toMatchObject({ err_code: 'Bad Request', ...data });
  }, 60_000);

  test('what is no audio is a bad request', async () => {
    await expect(transcribed(Buffer.from('not audio at all, and long enough to be looked at'))).rejects.toMatchObject({
      statusCode: 400,
      body: { err_msg: expect.stringMatching(/corrupt or unsupported data/) as string },
    });
  }, 30_000);
});

test('real speech by the real model: the words that were spoken, live and as a file', async () => {
  const spoken = await System.start({
    models: { en: { engine: 'moonshine' } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  systems.push(spoken);
  const { pcm, text } = await readSpeech('jfk.wav');
  const stream = new Stream();
  await stream.speak(spoken, 'jfk', Buffer.from(pcm));
  expect(stream.count('Results')).toBeGreaterThan(stream.finals.length);
  expect(wordErrors(text, stream.finals.join(' ')).errors).toBeLessThanOrEqual(2);
  const { data } = await clientOf(spoken)
    .listen.v1.media.transcribeFile(Buffer.from(wav(pcm)), { smart_format: true, utterances: true })
    .withRawResponse();
  if (!('results' in data)) throw new Error('no results');
  const [alternative] = data.results.channels[0]?.alternatives ?? [];
  expect(wordErrors(text, alternative?.transcript ?? '').errors).toBeLessThanOrEqual(2);
  expect(alternative?.paragraphs?.paragraphs).not.toHaveLength(0);
  expect(alternative?.words?.map(({ confidence }) => confidence)).toEqual(alternative?.words?.map(() => null));
}, 240_000);
