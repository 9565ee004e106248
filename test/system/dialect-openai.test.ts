/** OpenAI's own client, unmodified, against a whole installation: files, streams and Realtime, scripted and with a real model. */
import alawmulaw from 'alawmulaw';
import OpenAI, { toFile } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { setTimeout as pause } from 'node:timers/promises';
import { wordErrors } from '../../workers/start/word-errors.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { noise, undisturbed } from '../harness/caller.ts';
import { wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { tlsProxy } from '../harness/tls-proxy.ts';
import type { TlsProxy } from '../harness/tls-proxy.ts';
import { untilHolds } from '../harness/until.ts';
import { upsampled } from '../harness/upsampled.ts';
import { readSpeech } from '../speech/speech.ts';

const SEGMENT_MS = 500;

let system: System;
let tls: TlsProxy;
let client: OpenAI;
beforeAll(async () => {
  system = await System.start({
    models: {
      en: { engine: 'scripted', segmentMs: SEGMENT_MS, realTimeFactor: 0.02 },
      speech: { engine: 'moonshine' },
    },
    workers: 2,
    settings: {
      LONGHAND_SPAN_MS: '5000',
      LONGHAND_WORKER_SILENCE_MS: '5000',
      LONGHAND_MODEL_ALIASES: '{"whisper-1":null,"gpt-4o-transcribe":"speech"}',
    },
  });
  await system.addWorker({ LONGHAND_MODEL: 'speech' });
  tls = await tlsProxy(system.port);
  client = new OpenAI({ apiKey: 'any', baseURL: `${system.httpUrl}/v1`, maxRetries: 0 });
}, 240_000);
afterAll(async () => {
  await tls.close();
  await system.stop();
}, 30_000);

const file = (pcm: Uint8Array) => toFile(wav(pcm), 'speech.wav');
const transcriptOf = (id: string) => system.json(`/v1/sessions/${id}/transcript`) as Promise<TranscriptDocument>;

interface Event {
  readonly type: string;
  readonly item_id?: string;
  readonly delta?: string;
  readonly transcript?: string;
  readonly session?: { readonly id: string };
}

const DELTA = 'conversation.item.input_audio_transcription.delta';
const COMPLETED = 'conversation.item.input_audio_transcription.completed';

/** A Realtime session by the SDK, which takes wss:// only. */
class Realtime {
  readonly socket: OpenAIRealtimeWS;
  readonly events: Event[] = [];
  readonly errors: Error[] = [];

  constructor() {
    const secure = new OpenAI({ apiKey: 'any', baseURL: `https://localhost:${tls.port}/v1` });
    this.socket = new OpenAIRealtimeWS({ intent: 'transcription', options: { ca: tls.certificate } }, secure);
    this.socket.on('event', (event) => this.events.push(event as Event));
    this.socket.on('error', (error) => this.errors.push(error));
  }

  async next(type: string, times = 1): Promise<Event> {
    await untilHolds(() => this.#of(type).length >= times);
    return this.#of(type)[times - 1] as Event;
  }

  #of(type: string): Event[] {
    return this.events.filter((event) => event.type === type);
  }

  async begin(format: 'audio/pcm' | 'audio/pcmu', model: string, detectsTurns: boolean): Promise<string> {
    const { session } = await this.next('session.created');
    this.socket.send({
      type: 'session.update',
      session: {
        type: 'transcription',
        audio: {
          input: {
            format: format === 'audio/pcm' ? { type: format, rate: 24_000 } : { type: format },
            transcription: { model },
            turn_detection: detectsTurns ? { type: 'server_vad' } : null,
          },
        },
      },
    });
    await this.next('session.updated');
    return session?.id ?? '';
  }

  append(audio: Buffer): void {
    this.socket.send({ type: 'input_audio_buffer.append', audio: audio.toString('base64') });
  }

  commit(): void {
    this.socket.send({ type: 'input_audio_buffer.commit' });
  }

  /** By the raw socket: the SDK has no word for it in transcription sessions. */
  async close(): Promise<void> {
    this.socket.socket.send('{"type":"session.close"}');
    await this.next('session.closed');
  }

  get transcripts(): string[] {
    return this.#of(COMPLETED).map(({ transcript = '' }) => transcript);
  }

  /** Deltas of each item, joined. */
  get said(): string[] {
    const byItem = Map.groupBy(this.#of(DELTA), ({ item_id }) => item_id);
    return [...byItem.values()].map((deltas) => deltas.map(({ delta }) => delta).join(''));
  }
}

describe('files', () => {
  test('a transcription is that of the session, in every format', async () => {
    const audio = noise('openai', 12_000);
    const { data, response } = await client.audio.transcriptions
      .create({ file: await file(audio), model: 'whisper-1' })
      .withResponse();
    const id = response.headers.get('x-longhand-session') ?? '';
    const { text, segments } = await transcriptOf(id);
    expect(data).toEqual({ text, usage: { type: 'duration', seconds: 12 } });
    expect(segments.length).toBeGreaterThan(20);
    const verbose = await client.audio.transcriptions.create({
      file: await file(audio),
      model: 'en',
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
    });
    expect(verbose.text).toBe(text);
    expect(verbose.duration).toBe(12);
    expect(verbose.segments?.map((segment) => segment.text).join('')).toBe(` ${text}`);
    expect(verbose.segments?.map(({ start }) => start)).toEqual(segments.map(({ startMs }) => startMs / 1000));
    expect(verbose.words?.length).toBe(segments.flatMap(({ words }) => words).length);
    for (const format of ['srt', 'vtt'] as const) {
      const subtitles = await client.audio.transcriptions.create({
        file: await file(audio),
        model: 'en',
        response_format: format,
      });
      const native = await fetch(`${system.httpUrl}/v1/sessions/${id}/transcript?format=${format}`);
      expect(subtitles as unknown).toBe(await native.text());
    }
  });

  test('a stream gives what is finished before the whole is, also where a worker is killed, and nothing twice', async () => {
    const { data: stream, response } = await client.audio.transcriptions
      .create({ file: await file(noise('stream', 60_000)), model: 'en', stream: true })
      .withResponse();
    const id = response.headers.get('x-longhand-session') ?? '';
    let said = '';
    let stateAtFirst = '';
    let whole = '';
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') {
        if (said === '') {
          stateAtFirst = ((await system.json(`/v1/sessions/${id}`)) as { state: string }).state;
          await system.workers[0]?.kill();
          await system.addWorker();
        }
        said += event.delta;
      } else if (event.type === 'transcript.text.done') whole = event.text;
    }
    expect(stateAtFirst).toBe('streaming');
    expect(whole).toBe((await transcriptOf(id)).text);
    expect(said).toBe(whole);
  });

  test('what is no audio is refused as the client expects it', async () => {
    const asked = client.audio.transcriptions.create({
      file: await toFile(Buffer.alloc(5000, 7), 'x.mp3'),
      model: 'en',
    });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'unsupported_format', param: 'file' });
  });

  test('a client that goes away leaves no session running', async () => {
    const leaving = new AbortController();
    const asked = client.audio.transcriptions.create(
      { file: await file(noise('leaving', 300_000)), model: 'en' },
      { signal: leaving.signal },
    );
    const gone = asked.catch(() => null);
    const newest = async () =>
      ((await system.json('/v1/sessions?limit=1')) as { sessions: { id: string; state: string }[] }).sessions[0];
    await untilHolds(async () => (await newest())?.state === 'streaming');
    const { id = '' } = (await newest()) ?? {};
    leaving.abort();
    await gone;
    await untilHolds(
      async () => ((await system.json(`/v1/sessions/${id}`)) as { state: string }).state === 'cancelled',
    );
  });

  test('models and their aliases are there', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(['en', 'speech', 'whisper-1', 'gpt-4o-transcribe']);
  });
});

describe('Realtime', () => {
  test('turns are the finals of the session, which is moved to another worker in the middle and nobody notices', async () => {
    const audio = Buffer.from(alawmulaw.mulaw.encode(new Int16Array(Uint8Array.from(noise('realtime', 3000)).buffer)));
    const realtime = new Realtime();
    const id = await realtime.begin('audio/pcmu', 'whisper-1', true);
    const before = async () => ((await system.json(`/v1/sessions/${id}`)) as { epoch: number }).epoch;
    for (let at = 0; at < audio.length; at += 800) {
      realtime.append(audio.subarray(at, at + 800));
      await pause(50);
      if (at === audio.length / 2) await fetch(`${system.httpUrl}/v1/sessions/${id}/handover`, { method: 'POST' });
    }
    await realtime.close();
    const { segments, text } = await transcriptOf(id);
    expect(await before()).toBeGreaterThan(1);
    expect(realtime.transcripts).toEqual(segments.map((segment) => segment.text));
    expect(realtime.transcripts.join(' ')).toBe(text);
    expect(realtime.errors).toEqual([]);
  });

  test('what the client commits is an item each, an empty commit an error that closes nothing', async () => {
    const realtime = new Realtime();
    await realtime.begin('audio/pcm', 'en', false);
    realtime.commit();
    await untilHolds(() => realtime.errors.length > 0);
    expect(realtime.errors[0]?.message).toMatch(/buffer too small/);
    for (const [turn, ms] of [1, 2, 3].entries()) {
      realtime.append(upsampled(noise(`turn ${turn}`, ms * 700)));
      realtime.commit();
    }
    await realtime.next(COMPLETED, 3);
    expect(new Set(realtime.transcripts).size).toBe(3);
    expect(realtime.transcripts.every((text) => text !== '')).toBe(true);
    expect(realtime.said).toEqual(realtime.transcripts);
    realtime.socket.close();
  });

  test('a client that just closes its socket leaves a session that is completed', async () => {
    const realtime = new Realtime();
    const id = await realtime.begin('audio/pcm', 'en', true);
    realtime.append(upsampled(noise('closing', 2000)));
    await realtime.next(COMPLETED);
    realtime.socket.close();
    await untilHolds(
      async () => ((await system.json(`/v1/sessions/${id}`)) as { state: string }).state === 'completed',
    );
  });
});

describe('real speech', () => {
  test('as a file: the words are the ones that were spoken', async () => {
    const { pcm, text } = await readSpeech('jfk.wav');
    const heard = await client.audio.transcriptions.create({ file: await file(pcm), model: 'gpt-4o-transcribe' });
    expect(wordErrors(text, heard.text).errors).toBeLessThanOrEqual(2);
  });

  test('live at 24 kHz: deltas come while it is spoken, and the words are the ones that were spoken', async () => {
    const { pcm, text } = await readSpeech('jfk.wav');
    const audio = upsampled(pcm);
    const realtime = new Realtime();
    await realtime.begin('audio/pcm', 'gpt-4o-transcribe', true);
    for (let at = 0; at < audio.length; at += 4800) {
      realtime.append(audio.subarray(at, at + 4800));
      await pause(100);
    }
    await realtime.close();
    const types = realtime.events.map(({ type }) => type);
    expect(types.indexOf(DELTA)).toBeGreaterThan(-1);
    expect(types.indexOf(DELTA)).toBeLessThan(types.indexOf(COMPLETED));
    expect(wordErrors(text, realtime.transcripts.join(' ')).errors).toBeLessThanOrEqual(3);
  }, 90_000);

  test('that the client commits at its end is complete at once, and silence is an empty item', async () => {
    const { pcm } = await readSpeech('jfk.wav');
    const realtime = new Realtime();
    await realtime.begin('audio/pcm', 'gpt-4o-transcribe', false);
    // "And so, my fellow Americans", and 400 ms more: too short a pause for the recogniser to end the turn by itself.
    realtime.append(upsampled(pcm.subarray(0, 2600 * 32)));
    realtime.commit();
    expect((await realtime.next(COMPLETED)).transcript).toMatch(/so,? my fellow/i);
    realtime.append(upsampled(pcm.subarray(2600 * 32, 3100 * 32)));
    realtime.commit();
    expect((await realtime.next(COMPLETED, 2)).transcript).toBe('');
    realtime.socket.close();
  }, 60_000);
});

test('the scripted texts are those of the audio that was sent', async () => {
  const audio = noise('exact', 3000);
  const { text } = await client.audio.transcriptions.create({ file: await file(audio), model: 'en' });
  expect(text).toBe((await undisturbed(audio, SEGMENT_MS)).join(' '));
});
