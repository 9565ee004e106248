/** Deepgram's live address at a gateway: real WebSockets, mostly Deepgram's own SDK; the workflows by their rules. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeepgramClient } from '@deepgram/sdk';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { deepgramEnd, deepgramResult } from '../../../../gateway/dialects/deepgram/callback.ts';
import type { LiveCallbackRequest } from '../../../../gateway/dialects/deepgram/callback.ts';
import type { Segment } from '../../../../workflows/contract.ts';
import { MESSAGE_ID_PATTERN } from '../../../../workflows/webhook/contract.ts';
import type { ResultsReceiver, SessionEnd } from '../../../../workflows/webhook/contract.ts';
import { Edge } from '../../../harness/edge.ts';
import type { Worker } from '../../../harness/edge.ts';
import { encode } from '../../../harness/encode.ts';
import { turns } from '../../../harness/quiet.ts';
import { Inbox } from '../../../harness/sockets.ts';
import { SOUND_MS, loudness, sound, wav } from '../../../harness/sound.ts';

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge().listen();
});
afterEach(() => edge.end());

interface Results {
  readonly channel_index: readonly number[];
  readonly start: number;
  readonly duration: number;
  readonly is_final: boolean;
  readonly speech_final: boolean;
  readonly from_finalize?: boolean;
  readonly channel: {
    readonly alternatives: readonly [{ transcript: string; confidence: number | null; words: object[] }];
  };
  readonly metadata: { readonly request_id: string; readonly warnings?: readonly { parameter: string }[] };
}

const RAW = 'encoding=linear16&sample_rate=16000';

/** A client without an SDK, once it is connected. */
async function dial(query: string, protocols: string[] = [], options: ClientOptions = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/listen?${query}`, protocols, options);
  const inbox = new Inbox(socket);
  const upgraded = once(socket, 'upgrade') as Promise<[IncomingMessage]>;
  await once(socket, 'open');
  const [{ headers }] = await upgraded;
  const say = (message: object) => socket.send(JSON.stringify(message));
  return { socket, inbox, headers, say, results: () => inbox.ofType<Results>('Results') };
}

/** What a handshake that is refused is answered. */
async function refused(
  query: string,
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Record<string, string> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/listen?${query}`);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const pieces = (await response.toArray()) as Buffer[];
  const body = JSON.parse(Buffer.concat(pieces).toString('utf8')) as Record<string, string>;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** The worker of a session's first lease, once it streams. */
async function workerOf(id: string): Promise<Worker> {
  await edge.sessions.until(id, (state) => state.client !== null);
  const { epoch } = edge.sessions.grant(id);
  return edge.worker({ epoch, id });
}

const final = (index: number, text: string, startMs: number, endMs: number, confidence?: number): Segment => {
  const words = text.split(' ').map((word, i, all) => {
    const step = (endMs - startMs) / all.length;
    const times = { startMs: startMs + i * step, endMs: startMs + (i + 1) * step };
    return { text: word, ...times, ...(confidence === undefined ? {} : { confidence }) };
  });
  const bytes = { startByte: startMs * 32, endByte: endMs * 32 };
  return { index, startMs, endMs, text, words, timing: 'model', channel: 0, ...bytes };
};

function commit(id: string, worker: Worker, segment: Segment): void {
  edge.sessions.commit(id, [segment], segment.endByte);
  worker.say({ type: 'final', segments: [segment] });
}

const partial = (worker: Worker, text: string, startMs: number, endMs: number) =>
  worker.say({ type: 'partial', text, startMs, endMs, channel: 0 });

describe('with Deepgram’s own SDK', () => {
  test('a stream from beginning to end: interim results, finals, metadata, a normal close', async () => {
    const client = new DeepgramClient({ apiKey: 'secret', baseUrl: edge.url });
    const socket = await client.listen.v1.connect({
      model: 'nova-3',
      encoding: 'linear16',
      sample_rate: 16_000,
      interim_results: 'true',
      punctuate: 'true',
      queryParams: { session: 'sdk' },
      reconnectAttempts: 0,
      Authorization: 'secret',
    });
    const heard: Record<string, unknown>[] = [];
    const closed = new Promise<{ code: number }>((resolve) => socket.on('close', resolve));
    const seen: (() => void)[] = [];
    socket.on('message', (message) => {
      heard.push(message as unknown as Record<string, unknown>);
      for (const wake of seen.splice(0)) wake();
    });
    socket.connect();
    await socket.waitForOpen();
    const audio = Buffer.alloc(32_000, 7);
    socket.sendMedia(audio);
    const worker = await workerOf('sdk');
    await worker.inbox.audioOf(audio.length);
    partial(worker, 'Hello', 0, 300);
    while (heard.length < 1) await new Promise<void>((resolve) => seen.push(resolve));
    commit('sdk', worker, final(0, 'Hello, world.', 0, 900, 0.5));
    socket.sendCloseStream({ type: 'CloseStream' });
    await worker.inbox.next('end');
    await edge.sessions.until('sdk', (state) => state.audioEndByte === audio.length);
    await edge.sessions.complete('sdk');
    expect((await closed).code).toBe(1000);
    expect(heard).toEqual([
      expect.objectContaining({
        type: 'Results',
        is_final: false,
        speech_final: false,
        start: 0,
        duration: 0.3,
        channel: { alternatives: [{ transcript: 'Hello', confidence: null, words: [] }] },
        metadata: expect.objectContaining({
          request_id: 'sdk',
          warnings: [
            { parameter: 'model', type: 'substituted', message: '"nova-3" is not served here: model en answers' },
          ],
        }) as object,
      }),
      {
        type: 'Results',
        channel_index: [0, 1],
        start: 0,
        duration: 0.9,
        is_final: true,
        speech_final: true,
        from_finalize: false,
        channel: {
          alternatives: [
            {
              transcript: 'Hello, world.',
              confidence: 0.5,
              words: [
                { word: 'hello', start: 0, end: 0.45, confidence: 0.5, punctuated_word: 'Hello,' },
                { word: 'world', start: 0.45, end: 0.9, confidence: 0.5, punctuated_word: 'world.' },
              ],
            },
          ],
        },
        metadata: {
          request_id: 'sdk',
          model_info: { name: 'en', version: 'unknown', arch: 'unknown' },
          model_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        },
      },
      expect.objectContaining({
        type: 'Metadata',
        transaction_key: 'deprecated',
        request_id: 'sdk',
        sha256: createHash('sha256').update(audio).digest('hex'),
        duration: 1,
        channels: 1,
      }),
    ]);
    expect((await edge.stored('sdk')).equals(audio)).toBe(true);
  });
});

describe('what is told', () => {
  test('without punctuate a transcript is small letters, without interim_results there are no partials', async () => {
    const client = await dial(`${RAW}&session=s`);
    const worker = await workerOf('s');
    partial(worker, 'Well', 0, 100);
    commit('s', worker, final(0, 'Well, O’Brien — 42.', 0, 800));
    await client.inbox.next('Results');
    expect(client.results()).toHaveLength(1);
    const [alternative] = client.results()[0]?.channel.alternatives ?? [];
    expect(alternative?.transcript).toBe('well o’brien — 42');
    expect(alternative?.words[0]).toEqual({ word: 'well', start: 0, end: 0.2, confidence: null });
  });

  test('vad_events: speech starts once an utterance, before its first result', async () => {
    const client = await dial(`${RAW}&session=s&vad_events=true&interim_results=true`);
    const worker = await workerOf('s');
    partial(worker, 'a', 100, 200);
    partial(worker, 'a b', 100, 300);
    commit('s', worker, final(0, 'a b', 100, 400));
    commit('s', worker, final(1, 'c', 900, 1000));
    await client.inbox.until(() => client.results().length === 4);
    const types = client.inbox.messages.map((message) => (message as { type: string }).type);
    expect(types).toEqual(['SpeechStarted', 'Results', 'Results', 'Results', 'SpeechStarted', 'Results']);
    expect(client.inbox.ofType('SpeechStarted')).toEqual([
      { type: 'SpeechStarted', channel: [0, 1], timestamp: 0.1 },
      { type: 'SpeechStarted', channel: [0, 1], timestamp: 0.9 },
    ]);
  });

  test('utterance_end_ms: an utterance ends once the recogniser has heard so much audio without a word, and once', async () => {
    const client = await dial(`${RAW}&session=s&utterance_end_ms=1000`);
    const worker = await workerOf('s');
    commit('s', worker, final(0, 'one', 0, 500));
    await client.inbox.next('Results');
    worker.consumed(1499 * 32);
    worker.consumed(1500 * 32);
    worker.consumed(3000 * 32);
    commit('s', worker, final(1, 'two', 3000, 3500));
    await client.inbox.next('Results', 1);
    partial(worker, 'three', 4000, 4200);
    worker.consumed(9000 * 32);
    commit('s', worker, final(2, 'three', 4000, 9000));
    // No word about the quiet before it was told: the recogniser was ahead of its finals.
    commit('s', worker, final(3, 'four', 10_500, 11_000));
    await client.inbox.next('Results', 3);
    expect(client.inbox.ofType('UtteranceEnd')).toEqual([
      { type: 'UtteranceEnd', channel: [0, 1], last_word_end: 0.5 },
      { type: 'UtteranceEnd', channel: [0, 1], last_word_end: 9 },
    ]);
  });

  test('Finalize: the final of what was sent so far says that it was asked for, an earlier one does not', async () => {
    const client = await dial(`${RAW}&session=s`);
    const worker = await workerOf('s');
    client.socket.send(Buffer.alloc(32_000));
    client.say({ type: 'Finalize' });
    await worker.inbox.next('finalize');
    commit('s', worker, final(0, 'early', 0, 500));
    commit('s', worker, final(1, 'asked', 500, 1000));
    commit('s', worker, final(2, 'later', 1000, 1500));
    await client.inbox.next('Results', 2);
    expect(client.results().map(({ from_finalize: asked }) => asked)).toEqual([false, true, false]);
  });

  test('Finalize where there is nothing to make a final of is answered by an empty one', async () => {
    const client = await dial(`${RAW}&session=s`);
    const worker = await workerOf('s');
    client.socket.send(Buffer.alloc(32_000));
    client.say({ type: 'Finalize' });
    await worker.inbox.next('finalize');
    worker.consumed(32_000);
    expect(await client.inbox.next('Results')).toMatchObject({
      is_final: true,
      from_finalize: true,
      start: 1,
      channel: { alternatives: [{ transcript: '', words: [] }] },
    });
  });

  test('a parameter that is not done as asked is reported with the first result and with the metadata', async () => {
    const client = await dial(
      `${RAW}&session=s&endpointing=300&keyterm=a&keyterm=b&language=en-US&tag=desk&extra=call:7`,
    );
    const worker = await workerOf('s');
    commit('s', worker, final(0, 'a', 0, 100));
    commit('s', worker, final(1, 'b', 100, 200));
    client.say({ type: 'CloseStream' });
    await edge.sessions.until('s', (state) => state.audioEndByte !== null);
    await edge.sessions.complete('s');
    const metadata = await client.inbox.next<{ warnings: { parameter: string }[] }>('Metadata');
    expect(metadata.warnings.map(({ parameter }) => parameter)).toEqual(['endpointing', 'keyterm', 'language']);
    const echo = { tags: ['desk'], extra: { call: '7' } };
    expect(metadata).toMatchObject(echo);
    expect(client.results()[1]?.metadata).toMatchObject(echo);
    expect(client.results().map((result) => result.metadata.warnings?.length)).toEqual([3, undefined]);
  });
});

describe('audio', () => {
  test('linear32 is taken as 16-bit samples, cut anywhere; too loud is cut, no number is silence', async () => {
    const client = await dial('encoding=linear32&sample_rate=16000&session=s');
    const worker = await workerOf('s');
    const floats = Buffer.alloc(20);
    [0.5, -0.5, 2, -2, NaN].forEach((value, i) => floats.writeFloatLE(value, i * 4));
    client.socket.send(floats.subarray(0, 3));
    client.socket.send(floats.subarray(3, 9));
    client.socket.send(floats.subarray(9));
    const heard = await worker.inbox.audioOf(10);
    expect(Array.from({ length: 5 }, (_, i) => heard.readInt16LE(i * 2))).toEqual([
      16_384, -16_384, 32_767, -32_768, 0,
    ]);
  });

  test('multichannel: each channel is a session with its own samples and results; the end waits for all', async () => {
    const client = await dial(`${RAW}&channels=2&multichannel=true&session=call`);
    const left = await workerOf('call');
    const right = await workerOf('call.ch1');
    const frames = Buffer.alloc(4 * 800);
    for (let i = 0; i < 800; i += 1) {
      frames.writeInt16LE(i, i * 4);
      frames.writeInt16LE(-i, i * 4 + 2);
    }
    client.socket.send(frames.subarray(0, 1001));
    client.socket.send(frames.subarray(1001));
    const samples = (audio: Buffer) => Array.from({ length: 3 }, (_, i) => audio.readInt16LE((797 + i) * 2));
    expect(samples(await left.inbox.audioOf(1600))).toEqual([797, 798, 799]);
    expect(samples(await right.inbox.audioOf(1600))).toEqual([-797, -798, -799]);
    commit('call.ch1', right, final(0, 'right', 0, 25));
    commit('call', left, final(0, 'left', 10, 40));
    await client.inbox.next('Results', 1);
    expect(
      client.results().map(({ channel_index: place, channel }) => [place, channel.alternatives[0].transcript]),
    ).toEqual(
      expect.arrayContaining([
        [[1, 2], 'right'],
        [[0, 2], 'left'],
      ]),
    );
    client.say({ type: 'CloseStream' });
    for (const id of ['call', 'call.ch1']) {
      await edge.sessions.until(id, (state) => state.audioEndByte === 1600);
      expect(client.inbox.ofType('Metadata')).toEqual([]);
      await edge.sessions.complete(id);
    }
    expect(await client.inbox.next('Metadata')).toMatchObject({ request_id: 'call', channels: 2, duration: 0.05 });
    expect((await client.inbox.closed).code).toBe(1000);
  });

  test('a frame that holds nothing ends the stream, as older clients do', async () => {
    const client = await dial(`${RAW}&session=s`);
    client.socket.send(Buffer.alloc(0));
    await edge.sessions.until('s', (state) => state.audioEndByte === 0);
  });

  test('a session that is taken up again goes on where it stood: finals it has are not repeated', async () => {
    const first = await dial(`${RAW}&session=s`);
    const worker = await workerOf('s');
    first.socket.send(Buffer.alloc(3200));
    await worker.inbox.audioOf(3200);
    commit('s', worker, final(0, 'one', 0, 50));
    await first.inbox.next('Results');
    first.socket.terminate();
    await edge.sessions.until('s', (state) => state.client === null);
    const second = await dial(`${RAW}&session=s&index=1`);
    await edge.sessions.until('s', (state) => state.client !== null);
    second.socket.send(Buffer.alloc(3200, 1));
    expect((await worker.inbox.audioOf(6400)).subarray(3200).equals(Buffer.alloc(3200, 1))).toBe(true);
    commit('s', worker, final(1, 'two', 100, 150));
    expect(await second.inbox.next('Results')).toMatchObject({
      start: 0.1,
      channel: { alternatives: [{ transcript: 'two' }] },
    });
  });
});

/** The sound as Opus in Ogg. */
async function compressed(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-deepgram-'));
  try {
    await writeFile(join(folder, 'plain.wav'), wav(sound()));
    await encode(folder, 'plain.wav', [{ name: 'sound.ogg', options: ['-c:a', 'libopus'] }]);
    return await readFile(join(folder, 'sound.ogg'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('a stream that says itself what it is', () => {
  test.each(['', 'encoding=opus', 'encoding=flac'])('a WAV file is taken as its samples (%s)', async (query) => {
    const client = await dial(`session=s&${query}`);
    const worker = await workerOf('s');
    const samples = sound();
    const file = wav(samples);
    client.socket.send(file.subarray(0, 50));
    client.socket.send(file.subarray(50));
    expect((await worker.inbox.audioOf(samples.length)).equals(samples)).toBe(true);
    client.say({ type: 'CloseStream' });
    await edge.sessions.until('s', (state) => state.audioEndByte === samples.length);
  });

  test('a compressed one is decoded as it comes, and ends with all of it', async () => {
    const client = await dial('session=s');
    const worker = await workerOf('s');
    const file = await compressed();
    for (let at = 0; at < file.length; at += 1000) client.socket.send(file.subarray(at, at + 1000));
    client.say({ type: 'CloseStream' });
    await edge.sessions.until('s', (state) => (state.audioEndByte ?? 0) > SOUND_MS * 31);
    await worker.inbox.next('end');
    expect(loudness(worker.inbox.audio)).toContain('####');
  }, 30_000);

  test('what is no audio closes with 1008 and DATA-0000', async () => {
    const client = await dial('session=s');
    await edge.sessions.until('s', (state) => state.client !== null);
    client.socket.send(Buffer.from('this is no audio, and goes on for a while: '.repeat(2000)));
    client.say({ type: 'CloseStream' });
    expect(await client.inbox.next('Error')).toMatchObject({ variant: 'unsupported_audio' });
    expect(await client.inbox.closed).toEqual({
      code: 1008,
      reason: 'DATA-0000: The payload cannot be decoded as audio',
    });
  }, 30_000);

  test('a stream that ends before a byte of it came is a session without audio', async () => {
    const client = await dial('session=s');
    client.say({ type: 'CloseStream' });
    await edge.sessions.until('s', (state) => state.audioEndByte === 0);
  });
});

describe('who comes', () => {
  test.each([
    [['token', 'secret-key'], 'token'],
    [['bearer', 'secret-jwt', 'x-deepgram-session-id', 'abc'], 'bearer'],
  ])('of the subprotocols %j only %s is said back, never the secret', async (protocols, agreed) => {
    const client = await dial(`${RAW}&session=s`, protocols);
    expect(client.socket.protocol).toBe(agreed);
    expect(client.headers['dg-request-id']).toBe('s');
    expect(JSON.stringify(client.headers)).not.toContain('secret');
  });

  test('without a name the session has one of its own, which the answer tells', async () => {
    const client = await dial(RAW, [], { headers: { authorization: 'Token k' } });
    const id = String(client.headers['dg-request-id']);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    await edge.sessions.until(id, (state) => state.client !== null);
  });
});

describe('a callback', () => {
  const CALLBACK = 'callback=https://93.184.215.14/hook&callback_method=put';
  const resultsOf = (id: string): ResultsReceiver | undefined => edge.sessions.input(id).results;
  const formOf = (id: string): LiveCallbackRequest => resultsOf(id)?.target.form.request as LiveCallbackRequest;
  const END: SessionEnd = { state: 'completed', reason: null, detail: null, audioMs: 2500 };

  test('the session knows where its results go and how they are written; the client is told besides', async () => {
    const client = await dial(`${RAW}&session=s&${CALLBACK}&punctuate=true&tag=a&keyterm=x`);
    const worker = await workerOf('s');
    expect(client.inbox.messages[0]).toEqual({ request_id: 's' });
    expect(resultsOf('s')).toMatchObject({
      messageId: expect.stringMatching(MESSAGE_ID_PATTERN) as string,
      target: {
        url: 'https://93.184.215.14/hook',
        retryMs: Array.from({ length: 10 }, (_, i) => (i + 1) * 30_000),
        form: { dialect: 'deepgram', method: 'PUT' },
      },
    });
    const said = final(0, 'Hello there.', 500, 1500);
    commit('s', worker, said);
    const told = await client.inbox.next<Results>('Results');
    // What the callback is sent is what the client is told.
    expect(deepgramResult(formOf('s'), said)).toEqual(told);
    expect(told.metadata.warnings).toMatchObject([{ parameter: 'keyterm' }]);
    expect(deepgramResult(formOf('s'), { ...said, index: 1 })).not.toHaveProperty('metadata.warnings');
    expect(deepgramEnd(formOf('s'), END)).toMatchObject({
      ...{ type: 'Metadata', request_id: 's', sha256: null, duration: 2.5, channels: 1, tags: ['a'] },
      warnings: [{ parameter: 'keyterm' }],
    });
    const failed: SessionEnd = { ...END, state: 'failed', reason: 'engine_failed', detail: 'it failed' };
    expect(deepgramEnd(formOf('s'), failed)).toEqual({
      ...{ type: 'Error', variant: 'engine_failed', description: 'it failed', message: 'engine_failed: it failed' },
    });
  });

  test('each channel’s session tells its own, by its number', async () => {
    await dial(`${RAW}&session=two&channels=2&multichannel=true&${CALLBACK}`);
    await edge.sessions.until('two.ch1', (state) => state.client !== null);
    expect(deepgramResult(formOf('two.ch1'), final(0, 'right', 0, 500))).toMatchObject({ channel_index: [1, 2] });
    expect(deepgramEnd(formOf('two'), END)).toMatchObject({ channels: 2, channel_index: [0, 2] });
    expect(resultsOf('two')?.messageId).not.toBe(resultsOf('two.ch1')?.messageId);
  });

  test('an address that may not be spoken to closes the connection and says so, and no session begins', async () => {
    const client = await dial(`${RAW}&session=inside&callback=http://10.0.0.1/hook`);
    expect(await client.inbox.closed).toMatchObject({ code: 1008 });
    expect(client.inbox.ofType('Error')).toMatchObject([
      {
        variant: 'invalid_parameter',
        description: expect.stringContaining('callback: the address leads to an address that is not public') as string,
      },
    ]);
    expect(edge.sessions.asked.filter(({ what }) => what === 'attach')).toEqual([]);
  });

  test('a client that comes again is let in whatever its callback: that of the first time counts', async () => {
    const first = await dial(`${RAW}&session=again&${CALLBACK}`);
    await edge.sessions.until('again', (state) => state.client !== null);
    const { messageId } = resultsOf('again') as ResultsReceiver;
    first.socket.terminate();
    const next = await dial(`${RAW}&session=again&callback=http://10.0.0.1/hook`);
    await edge.sessions.until('again', (state) => state.generation === 2);
    expect(next.inbox.ofType('Error')).toEqual([]);
    expect(resultsOf('again')?.messageId).toBe(messageId);
  });
});

describe('what should not come', () => {
  test.each([
    ['encoding=pcm', 'encoding: "pcm" is not one of linear16, linear32'],
    ['encoding=linear16', 'sample_rate: needed with encoding linear16'],
    [`encoding=linear16&sample_rate=fast`, 'sample_rate: "fast" is not a whole number'],
    ['encoding=linear16&sample_rate=7', 'sample_rate: 7 is not one of 8000'],
    [`${RAW}&channels=9`, 'channels: 9 is not 1 to 8'],
    ['multichannel=true&channels=2', 'multichannel: only of raw samples'],
    [`${RAW}&interim_results=yes`, 'interim_results: "yes" is not true or false'],
    [`${RAW}&diarize=true`, 'diarize: not supported: speakers are not told apart'],
    [`${RAW}&redact=pci&redact=ssn`, 'redact: not supported'],
    [
      `${RAW}&callback=wss://example.org`,
      'callback: "wss://example.org" is no address that begins with https: or http:',
    ],
    [`${RAW}&callback=hooks`, 'callback: "hooks" is no address'],
    [`${RAW}&callback_method=PUT`, 'callback_method: only with callback'],
    [`${RAW}&callback=https://example.org&callback_method=GET`, 'callback_method: "GET" is not one of POST, PUT'],
    [`${RAW}&paragraphs=true`, 'paragraphs: not for live audio'],
    [`${RAW}&utterances=1`, 'utterances: not for live audio'],
    [`${RAW}&nonsense=1`, '"nonsense" is no parameter: one of model, language'],
    [`${RAW}&__proto__=1`, '"__proto__" is no parameter'],
    [`${RAW}&model=en&model=en`, 'model: given more than once'],
    [`${RAW}&session=a/b`, 'session: "a/b" is not letters'],
  ])('a handshake with %s is a bad request that says why', async (query, why) => {
    const { status, headers, body } = await refused(query);
    expect(status).toBe(400);
    expect(body).toEqual({
      err_code: 'INVALID_QUERY_PARAMETER',
      err_msg: expect.stringContaining(why) as string,
      request_id: headers['dg-request-id'],
    });
    expect(headers['dg-error']).toContain(why);
    expect(edge.sessions.asked).toEqual([]);
  });

  test.each(['model=klingon', 'language=xx', 'language=multi'])(
    'a handshake with %s finds no such model',
    async (query) => {
      const { status, body } = await refused(`${RAW}&${query}`);
      expect(status).toBe(400);
      expect(body['err_msg']).toMatch(/^Bad Request: No such model\/language\/tier combination found: /);
    },
  );

  test.each(['hello', '{"type":', '{"type":"Start"}', '[]', 'null', '{}'])(
    'the text %s is answered by what there is, and the stream goes on',
    async (text) => {
      const client = await dial(`${RAW}&session=s`);
      const worker = await workerOf('s');
      client.socket.send(text);
      const error = await client.inbox.next<{ variant: string; description: string }>('Error');
      expect(error.variant).toBe('SchemaError');
      expect(error.description).toContain('{"type":"KeepAlive"}');
      client.socket.send(Buffer.alloc(320, 5));
      expect(await worker.inbox.audioOf(320)).toEqual(Buffer.alloc(320, 5));
    },
  );

  test('hints in the middle of a stream are refused in Deepgram’s words, and the stream goes on', async () => {
    const client = await dial(`${RAW}&session=s`);
    await edge.sessions.until('s', (state) => state.client !== null);
    client.say({ type: 'Configure', keyterms: ['a'] });
    expect(await client.inbox.next('ConfigureFailure')).toMatchObject({
      request_id: 's',
      code: 'CONFIGURE_KEYTERMS_NOT_SUPPORTED',
    });
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('a session that fails closes with an error first', async () => {
    const client = await dial(`${RAW}&session=s`);
    await edge.sessions.until('s', (state) => state.client !== null);
    const other = await dial('encoding=mulaw&sample_rate=8000&session=s');
    expect(await other.inbox.next('Error')).toMatchObject({ variant: 'format_changed' });
    expect(await other.inbox.closed).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^format_changed: /) as string,
    });
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('a plain GET is no WebSocket', async () => {
    const request = httpRequest(`${edge.url}/v1/listen`);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBeGreaterThanOrEqual(404);
    await turns(1);
  });
});
