/** OpenAI's transcription address, spoken by its own client and by hand, over stand-ins for workflows and storage. */
import OpenAI, { APIError, toFile } from 'openai';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as dial } from 'node:net';
import { Failure } from '../../../../gateway/failures.ts';
import { objectKeys } from '../../../../workflows/contract.ts';
import type { Segment } from '../../../../workflows/contract.ts';
import { Backstage, Edge } from '../../../harness/edge.ts';
import { segment } from '../../../workflows/session/given.ts';

const catalogue = {
  defaultModel: 'en',
  models: { en: { languages: ['en'] }, de: { languages: ['de'] } },
  aliases: { 'whisper-1': null, 'gpt-4o-transcribe': 'de' },
};

let edge: Edge;
let backstage: Backstage;
let client: OpenAI;
beforeEach(async () => {
  backstage = new Backstage();
  edge = await new Edge({ catalogue }, backstage).listen();
  client = new OpenAI({ apiKey: 'any', baseURL: `${edge.url}/v1`, maxRetries: 0 });
});
afterEach(() => edge.end());

const audio = () => toFile(Buffer.alloc(3200, 7), 'speech.wav', { type: 'audio/wav' });

const SEGMENTS: Segment[] = [
  {
    ...segment(0, 'fire at'),
    startMs: 120,
    endMs: 900,
    words: [
      { text: 'fire', startMs: 120, endMs: 500, confidence: 0.5 },
      { text: 'at', startMs: 510, endMs: 900, confidence: 0.5 },
    ],
  },
  segment(1, 'the mill'),
];

/** The session that the next upload begins, once it is there, is transcribed. */
async function transcribed(segments = SEGMENTS, audioMs = 2100): Promise<string> {
  await backstage.sessions.untilAsked('startFile');
  const id = backstage.sessions.files.at(-1)?.ref.id ?? '';
  await backstage.sessions.finishFile(id, segments, audioMs);
  return id;
}

const left = (): string[] => [...backstage.objects.objects.keys()].filter((key) => key.startsWith('uploads/'));

describe('a transcription by the official client', () => {
  test('as json has the text and the length, and its answer names the session', async () => {
    const id = transcribed();
    const { data, response } = await client.audio.transcriptions
      .create({ file: await audio(), model: 'whisper-1' })
      .withResponse();
    expect(data).toEqual({ text: 'fire at the mill', usage: { type: 'duration', seconds: 3 } });
    expect(response.headers.get('x-longhand-session')).toBe(await id);
    expect(response.headers.get('x-request-id')).toBe(await id);
    expect(response.headers.get('x-longhand-model')).toBe('en');
    expect(response.headers.get('x-longhand-ignored')).toBeNull();
    expect(backstage.sessions.files).toMatchObject([
      { kind: 'file', fileName: 'speech.wav', uploadBytes: 3200, model: 'en', language: 'en' },
    ]);
  });

  test('as verbose_json has segments, words, or both, as it asks for', async () => {
    const ask = async (granularities?: ('word' | 'segment')[]) => {
      backstage.sessions.asked.length = 0;
      void transcribed();
      return client.audio.transcriptions.create({
        file: await audio(),
        model: 'en',
        response_format: 'verbose_json',
        ...(granularities === undefined ? {} : { timestamp_granularities: granularities }),
      });
    };
    const both = await ask(['word', 'segment']);
    expect(both).toMatchObject({ language: 'english', duration: 2.1, text: 'fire at the mill' });
    expect(both.segments).toMatchObject([
      { id: 0, start: 0.12, end: 0.9, text: ' fire at', avg_logprob: Math.log(0.5) },
      { id: 1, start: 1, end: 1.9, text: ' the mill', avg_logprob: 0 },
    ]);
    expect(both.words?.slice(0, 2)).toMatchObject([
      { word: 'fire', start: 0.12, end: 0.5 },
      { word: 'at', start: 0.51, end: 0.9 },
    ]);
    expect(Object.keys(await ask())).toEqual(expect.arrayContaining(['segments']));
    expect(await ask()).not.toHaveProperty('words');
    expect(await ask(['word'])).not.toHaveProperty('segments');
  });

  test.each([
    ['text', 'fire at the mill\n'],
    ['srt', '1\n00:00:00,120 --> 00:00:00,953\nfire at\n\n2\n00:00:01,000 --> 00:00:01,900\nthe mill\n'],
    ['vtt', 'WEBVTT\n\n00:00:00.120 --> 00:00:00.953\nfire at\n\n00:00:01.000 --> 00:00:01.900\nthe mill\n'],
  ] as const)('as %s is plain text', async (format, expected) => {
    void transcribed();
    const { data, response } = await client.audio.transcriptions
      .create({ file: await audio(), model: 'en', response_format: format })
      .withResponse();
    expect(data as unknown).toBe(expected);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  test('as a stream gives a delta for each finished span in the order of the audio, and the whole at the end', async () => {
    const stream = await client.audio.transcriptions.create({ file: await audio(), model: 'en', stream: true });
    const ref = backstage.sessions.files[0]?.ref ?? { tenant: 't', id: '' };
    const finishSpan = (span: number, text: string) =>
      backstage.objects.put(objectKeys.transcript(ref, span, 'json'), Buffer.from(JSON.stringify({ text })));
    await finishSpan(1, 'the mill');
    await finishSpan(0, 'fire at');
    const events: object[] = [];
    for await (const event of stream) {
      events.push(event);
      if (events.length === 2) await backstage.sessions.finishFile(ref.id, SEGMENTS, 2100);
    }
    expect(events).toEqual([
      { type: 'transcript.text.delta', delta: 'fire at' },
      { type: 'transcript.text.delta', delta: ' the mill' },
      { type: 'transcript.text.done', text: 'fire at the mill', usage: { type: 'duration', seconds: 3 } },
    ]);
  });

  test('that fails in the middle of its stream throws what was wrong', async () => {
    const stream = await client.audio.transcriptions.create({ file: await audio(), model: 'en', stream: true });
    const failed = { state: 'failed', reason: 'engine_failed', detail: 'the recogniser failed', segments: 0 } as const;
    backstage.sessions.endFile(backstage.sessions.files[0]?.ref.id ?? '', { ...failed, audioMs: 0 });
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({ code: 'engine_failed', type: 'server_error' });
  });

  test('whose transcript has holes says so', async () => {
    void (async () => {
      await backstage.sessions.untilAsked('startFile');
      const hole = { startMs: 1000, endMs: 2500 };
      await backstage.sessions.finishFile(backstage.sessions.files[0]?.ref.id ?? '', SEGMENTS, 3000, [hole]);
    })();
    expect(await client.audio.transcriptions.create({ file: await audio(), model: 'en' })).toMatchObject({
      holes: [{ start: 1, end: 2.5 }],
    });
  });

  test('may use an alias of a model, and a model that is not there is 404 model_not_found', async () => {
    void transcribed();
    await client.audio.transcriptions.create({ file: await audio(), model: 'gpt-4o-transcribe' });
    expect(backstage.sessions.files[0]).toMatchObject({ model: 'de', language: 'de' });
    const unknown = client.audio.transcriptions.create({ file: await audio(), model: '../../etc' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(left()).toHaveLength(1);
  });

  test('names the parameters that change nothing', async () => {
    void transcribed();
    const { response } = await client.audio.transcriptions
      .create({
        file: await audio(),
        model: 'en',
        prompt: 'mill, weir',
        keywords: ['weir'],
        temperature: 0.4,
        chunking_strategy: { type: 'server_vad', threshold: 0.6 },
      })
      .withResponse();
    expect(response.headers.get('x-longhand-ignored')).toBe('prompt, keywords, temperature, chunking_strategy');
  });

  test('takes what is so already without a word', async () => {
    void transcribed();
    const { response } = await client.audio.transcriptions
      .create({ file: await audio(), model: 'en', temperature: 0, chunking_strategy: 'auto', languages: ['en'] })
      .withResponse();
    expect(response.headers.get('x-longhand-ignored')).toBeNull();
  });
});

describe('what cannot be done is refused by name, and nothing of it is left', () => {
  afterEach(() => {
    expect(left()).toEqual([]);
    expect(backstage.sessions.files).toEqual([]);
  });

  test.each([
    ['include', { include: ['logprobs'] }],
    ['response_format', { response_format: 'diarized_json' }],
    ['known_speaker_names', { known_speaker_names: ['agent'] }],
    ['known_speaker_references', { known_speaker_references: [`data:audio/wav;base64,${'A'.repeat(20_000)}`] }],
    ['languages', { languages: ['en', 'de'] }],
    ['language', { language: 'fr' }],
    ['temperature', { temperature: 1.5 }],
    ['temperature', { temperature: -1 }],
    ['timestamp_granularities', { timestamp_granularities: ['word'] }],
    ['stream', { stream: true, response_format: 'srt' }],
    ['chunking_strategy.threshold', { chunking_strategy: { type: 'server_vad', threshold: 2 } }],
    ['chunking_strategy.type', { chunking_strategy: { type: 'semantic_vad' } }],
  ])('%s (%#)', async (param, more) => {
    const asked = client.audio.transcriptions.create({ file: await audio(), model: 'en', ...more } as never);
    const error = await asked.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param });
  });

  const file = new Blob([Buffer.alloc(3200)]);
  type Parts = readonly (readonly [name: string, value: string | Blob])[];
  test.each<readonly [what: string, code: string, parts: Parts]>([
    ['no file', 'invalid_form', [['model', 'en']]],
    ['two files', 'invalid_form', [['file', file], ['file', file]]], // prettier-ignore
    ['a file of another name', 'invalid_form', [['audio', file]]],
    ['an empty file', 'empty_audio', [['file', new Blob([])]]],
    ['an unknown field', 'unknown_parameter', [['file', file], ['diarise', 'true']]], // prettier-ignore
    ['a single field as a list', 'unknown_parameter', [['file', file], ['model[]', 'en']]], // prettier-ignore
    ['a field of a prototype', 'unknown_parameter', [['__proto__', 'x'], ['file', file]]], // prettier-ignore
    ['a field twice', 'invalid_value', [['file', file], ['model', 'en'], ['model', 'de']]], // prettier-ignore
    ['a number that is none', 'invalid_value', [['temperature', 'NaN'], ['file', file]]], // prettier-ignore
    ['a switch that is none', 'invalid_value', [['stream', 'yes'], ['file', file]]], // prettier-ignore
    ['a format that is none', 'invalid_value', [['response_format', 'xml'], ['file', file]]], // prettier-ignore
    ['a granularity that is none', 'invalid_value', [['timestamp_granularities[]', 'phone'], ['file', file]]], // prettier-ignore
    ['a chunking that is none', 'invalid_value', [['chunking_strategy', '{"type":7}'], ['file', file]]], // prettier-ignore
    ['a prompt without end', 'invalid_form', [['prompt', 'x'.repeat(20_000)], ['file', file]]], // prettier-ignore
    ['a hundred fields', 'invalid_form', [['file', file], ...Array.from({ length: 100 }, () => ['keywords[]', 'x'] as const)]], // prettier-ignore
  ])('%s', async (_what, code, parts) => {
    const form = new FormData();
    for (const [name, value] of parts) form.append(name, value);
    const answer = await fetch(`${edge.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { message: expect.stringMatching(/.{10}/) as string, type: 'invalid_request_error', code },
    });
  });

  test('a body that is no form', async () => {
    const answer = await fetch(`${edge.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"file":"x","model":"whisper-1"}',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'unsupported_content_type' } });
  });

  test('a file larger than the limit is 413', async () => {
    const file = await toFile(Buffer.alloc(200_000), 'x.wav');
    await expect(client.audio.transcriptions.create({ file, model: 'en' })).rejects.toMatchObject({
      status: 413,
      code: 'upload_too_large',
    });
  });

  test('a session name that is none', async () => {
    const asked = client.audio.transcriptions.create(
      { file: await audio(), model: 'en' },
      { headers: { 'X-Longhand-Session': '../x' } },
    );
    await expect(asked).rejects.toMatchObject({ status: 400, param: 'X-Longhand-Session' });
  });

  test('translation', async () => {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- it is what clients still call
    const asked = client.audio.translations.create({ file: await audio(), model: 'whisper-1' });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'unsupported_endpoint' });
  });
});

describe('errors are told in their own shape', () => {
  test('a file that cannot be decoded is 400, not 415', async () => {
    backstage.sessions.probeAnswer = { ok: false, reason: 'unsupported_audio', detail: 'no audio in it' };
    const asked = client.audio.transcriptions.create({ file: await audio(), model: 'en' });
    await expect(asked).rejects.toMatchObject({ status: 400, code: 'unsupported_format', param: 'file' });
  });

  test('Temporal that is away is 503, and when to come again', async () => {
    backstage.sessions.away = new Failure('temporal_unavailable', 'away');
    const asked = client.audio.transcriptions.create({ file: await audio(), model: 'en' });
    const error = await asked.catch((thrown: unknown) => thrown as APIError);
    expect(error).toMatchObject({ status: 503, type: 'server_error', code: 'temporal_unavailable' });
    const headers = error instanceof APIError ? error.headers : undefined;
    expect(headers?.get('retry-after')).toBe('2');
    expect(headers?.get('x-should-retry')).toBe('true');
  });

  test('a session that failed for good is not worth another try, and its client makes none', async () => {
    const patient = new OpenAI({ apiKey: 'any', baseURL: `${edge.url}/v1`, maxRetries: 2 });
    void (async () => {
      await backstage.sessions.untilAsked('startFile');
      const failed = {
        state: 'failed',
        reason: 'engine_failed',
        detail: 'it failed',
        segments: 0,
        audioMs: 0,
      } as const;
      backstage.sessions.endFile(backstage.sessions.files[0]?.ref.id ?? '', failed);
    })();
    const asked = patient.audio.transcriptions.create({ file: await audio(), model: 'en' });
    await expect(asked).rejects.toMatchObject({ status: 500, code: 'engine_failed' });
    expect(backstage.sessions.files).toHaveLength(1);
  });

  test('another method is 405, and an address that is none is left to the others', async () => {
    const wrong = await fetch(`${edge.url}/v1/audio/transcriptions`);
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await wrong.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
    const nothing = await fetch(`${edge.url}/v1/audio/speech`, { method: 'POST' });
    expect(nothing.status).toBe(404);
  });
});

/** Ends when a connection that stands still from now on has been cut off. */
async function standingStill(): Promise<void> {
  const socket = dial(edge.port, '127.0.0.1');
  socket.write('POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n');
  await once(socket.resume(), 'close');
}

describe('one who waits', () => {
  test('and goes away has the session cancelled, which nobody else knows', async () => {
    const leaving = new AbortController();
    const asked = client.audio.transcriptions.create({ file: await audio(), model: 'en' }, { signal: leaving.signal });
    await backstage.sessions.untilAsked('probed');
    leaving.abort();
    await expect(asked).rejects.toThrow('aborted');
    await backstage.sessions.untilAsked('cancel');
  });

  test('and goes away from a session of a name of its own leaves it running, to be fetched by that name', async () => {
    const leaving = new AbortController();
    const asked = client.audio.transcriptions.create(
      { file: await audio(), model: 'en' },
      { signal: leaving.signal, headers: { 'X-Longhand-Session': 'call-7' } },
    );
    await backstage.sessions.untilAsked('probed');
    leaving.abort();
    await expect(asked).rejects.toThrow('aborted');
    await transcribed();
    const again = await fetch(`${edge.url}/v1/sessions/call-7/transcript`);
    expect(await again.json()).toMatchObject({ text: 'fire at the mill' });
    expect(backstage.sessions.asked.map(({ what }) => what)).not.toContain('cancel');
    const taken = client.audio.transcriptions.create(
      { file: await audio(), model: 'en' },
      { headers: { 'X-Longhand-Session': 'call-7' } },
    );
    await expect(taken).rejects.toMatchObject({ status: 409, code: 'session_exists' });
  });

  test('longer than is allowed is told where the transcript will be, and the session goes on', async () => {
    await edge.end();
    edge = await new Edge({ answerWaitMs: 50 }, backstage).listen();
    const hurried = new OpenAI({ apiKey: 'any', baseURL: `${edge.url}/v1`, maxRetries: 2 });
    const error = await hurried.audio.transcriptions
      .create({ file: await audio(), model: 'en' })
      .catch((thrown: unknown) => thrown as APIError);
    const id = backstage.sessions.files[0]?.ref.id ?? '';
    expect(error).toMatchObject({ status: 504, code: 'timeout' });
    expect((error as APIError).message).toContain(`/v1/sessions/${id}/transcript`);
    expect(backstage.sessions.files).toHaveLength(1);
    expect(backstage.sessions.asked.map(({ what }) => what)).not.toContain('cancel');
  });

  test('at a gateway that ends is told to come again', async () => {
    const asked = client.audio.transcriptions.create({ file: await audio(), model: 'en' });
    const told = expect(asked).rejects.toMatchObject({ status: 503, code: 'shutting_down' });
    await backstage.sessions.untilAsked('probed');
    await edge.server.drain();
    await told;
    await backstage.sessions.untilAsked('cancel');
  });

  test('is not cut off by the limit for connections that stand still', async () => {
    await edge.end();
    edge = await new Edge({ uploadStallMs: 100 }, backstage).listen();
    const asked = client.withOptions({ baseURL: `${edge.url}/v1` }).audio.transcriptions.create({
      file: await audio(),
      model: 'en',
    });
    await backstage.sessions.untilAsked('probed');
    await standingStill();
    await transcribed();
    expect((await asked).text).toBe('fire at the mill');
  });
});

test('a client that sends its file before its fields, and cuts the form off, leaves nothing', async () => {
  const request = httpRequest(`${edge.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  });
  request.on('error', () => undefined);
  request.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nhalf');
  await new Promise((resolve) => request.write('of it', resolve));
  request.destroy();
  await edge.server.drain();
  expect(left()).toEqual([]);
  expect(backstage.sessions.files).toEqual([]);
});

describe('models', () => {
  test('are listed with their aliases, and looked up', async () => {
    const list = await client.models.list();
    expect(list.data.map(({ id }) => id)).toEqual(['en', 'de', 'whisper-1', 'gpt-4o-transcribe']);
    expect(await client.models.retrieve('whisper-1')).toMatchObject({ id: 'whisper-1', object: 'model' });
    await expect(client.models.retrieve('tts-1')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});
