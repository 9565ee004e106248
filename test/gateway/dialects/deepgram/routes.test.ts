/** Deepgram's HTTP addresses, spoken by its own SDK and by hand, over stand-ins for workflows and storage. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { Deepgram, DeepgramClient, DeepgramError } from '@deepgram/sdk';
import { deepgramCallback } from '../../../../gateway/dialects/deepgram/callback.ts';
import type { CallbackRequest } from '../../../../gateway/dialects/deepgram/callback.ts';
import { Failure } from '../../../../gateway/failures.ts';
import { objectKeys } from '../../../../workflows/contract.ts';
import { Backstage, Edge } from '../../../harness/edge.ts';
import { segment } from '../../../workflows/session/given.ts';

let edge: Edge;
let backstage: Backstage;
let client: DeepgramClient;
beforeEach(async () => {
  backstage = new Backstage();
  edge = await new Edge({}, backstage).listen();
  client = new DeepgramClient({ apiKey: 'any', baseUrl: edge.url, maxRetries: 0 });
});
afterEach(() => edge.end());

const AUDIO = Buffer.alloc(3200, 7);

/** The session that the next upload begins, once it is there, is transcribed. */
async function transcribed(segments = [segment(0, 'Hello there.'), segment(1, 'Bye.')]): Promise<string> {
  await backstage.sessions.untilAsked('startFile');
  const id = backstage.sessions.files.at(-1)?.ref.id ?? '';
  await backstage.sessions.finishFile(id, segments, 2100);
  return id;
}

const post = (query = '', body: Buffer | string | FormData = AUDIO, headers: Record<string, string> = {}) =>
  fetch(`${edge.url}/v1/listen?${query}`, { method: 'POST', body, headers });

async function error(response: Response) {
  const body = (await response.json()) as Record<string, string>;
  expect(body['request_id']).toBe(response.headers.get('dg-request-id'));
  return { status: response.status, ...body };
}

const stored = (): string[] => [...backstage.objects.objects.keys()].filter((key) => key.startsWith('uploads/'));
const storedBytes = () => Buffer.from(backstage.objects.objects.get(stored()[0] ?? '') ?? []);

describe('pre-recorded audio with Deepgram’s own SDK', () => {
  test('is transcribed, and the answer is in its form', async () => {
    const id = transcribed();
    const { data, rawResponse } = await client.listen.v1.media
      .transcribeFile(AUDIO, { model: 'nova-3', punctuate: true, utterances: true, tag: ['a', 'b'] })
      .withRawResponse();
    if (!('results' in data)) throw new Error('no results');
    expect(rawResponse.headers.get('dg-request-id')).toBe(await id);
    expect(data.metadata).toMatchObject({
      request_id: await id,
      sha256: createHash('sha256').update(AUDIO).digest('hex'),
      duration: 2.1,
      channels: 1,
      tags: ['a', 'b'],
      warnings: [{ parameter: 'model', type: 'substituted' }],
    });
    expect(data.results.channels).toMatchObject([
      {
        alternatives: [
          {
            transcript: 'Hello there. Bye.',
            words: [
              { start: 0, end: 0.9 },
              { start: 1, end: 1.9 },
            ],
          },
        ],
      },
    ]);
    expect(data.results.utterances).toHaveLength(1);
    expect(storedBytes().equals(AUDIO)).toBe(true);
  });

  test('that is no audio is a bad request in its words', async () => {
    const asked = client.listen.v1.media.transcribeFile(AUDIO, {});
    await backstage.sessions.untilAsked('startFile');
    const detail = 'no stream of audio';
    const ending = { state: 'failed', reason: 'unsupported_audio', detail, segments: 0, audioMs: 0 } as const;
    backstage.sessions.endFile(backstage.sessions.files[0]?.ref.id ?? '', ending);
    const refused: unknown = await asked.catch((failed: unknown) => failed);
    expect(refused).toBeInstanceOf(Deepgram.BadRequestError);
    expect((refused as DeepgramError).body).toEqual({
      err_code: 'Bad Request',
      err_msg: `Bad Request: failed to process audio: corrupt or unsupported data: ${detail}`,
      request_id: backstage.sessions.files[0]?.ref.id,
    });
  });

  test('where too much waits is told to come later', async () => {
    backstage.sessions.away = new Failure('queue_full', 'later');
    const refused: unknown = await client.listen.v1.media.transcribeFile(AUDIO, {}).catch((failed: unknown) => failed);
    expect(refused).toBeInstanceOf(DeepgramError);
    expect(refused).toMatchObject({ statusCode: 429, body: { err_code: 'TOO_MANY_REQUESTS' } });
    expect(stored()).toEqual([]);
  });
});

test.each([
  ['multichannel=true', 'separate'],
  ['multichannel=false', 'mixed'],
])('with %s channels are %s', async (query, channels) => {
  const done = transcribed();
  await post(query);
  await done;
  expect(backstage.sessions.files).toMatchObject([{ channels }]);
});

describe('audio at an address', () => {
  const url = 'https://93.184.215.14/talk/speech.wav';

  test('is fetched by its session, and the answer is the same', async () => {
    const done = transcribed();
    const { data } = await client.listen.v1.media.transcribeUrl({ url, model: 'en' }).withRawResponse();
    if (!('results' in data)) throw new Error('no results');
    expect(data.results.channels[0]?.alternatives?.[0]?.transcript).toBe('hello there bye');
    expect(data.metadata).toMatchObject({ request_id: await done, sha256: null });
    expect(backstage.sessions.files).toMatchObject([{ sourceUrl: url, fileName: 'speech.wav' }]);
  });

  test('that cannot be had is a bad request', async () => {
    const asked = post('', JSON.stringify({ url }), { 'content-type': 'application/json' });
    await backstage.sessions.untilAsked('startFile');
    const ending = {
      state: 'failed',
      reason: 'fetch_failed',
      detail: 'answered 404',
      segments: 0,
      audioMs: 0,
    } as const;
    backstage.sessions.endFile(backstage.sessions.files[0]?.ref.id ?? '', ending);
    expect(await error(await asked)).toMatchObject({ status: 400, err_code: 'REMOTE_CONTENT_ERROR' });
  });

  test.each(['http://127.0.0.1/a.wav', 'http://169.254.169.254/latest', 'file:///etc/passwd', 'nowhere'])(
    '%s is none to speak to',
    async (address) => {
      const answer = await post('', JSON.stringify({ url: address }), { 'content-type': 'application/json' });
      expect(await error(answer)).toMatchObject({ status: 400, err_code: 'REMOTE_CONTENT_ERROR' });
      expect(backstage.sessions.files).toEqual([]);
    },
  );

  test.each(['{"url":', '{}', '{"url":7}', `{"url":"${url}","language":"en"}`, '[]', ''])(
    'the body %s is not the JSON it should be',
    async (body) => {
      const answer = await post('', body, { 'content-type': 'application/json' });
      expect(await error(answer)).toMatchObject({
        status: 400,
        category: 'INVALID_JSON',
        message: 'Invalid JSON submitted.',
      });
    },
  );
});

describe('a callback', () => {
  const callback = 'https://93.184.215.14/hook?of=me';

  test('is answered at once with the request’s id; the session tells its end there, in Deepgram’s form', async () => {
    const { data } = await client.listen.v1.media
      .transcribeFile(AUDIO, { model: 'en', callback, callback_method: 'PUT', punctuate: true, tag: 'a' })
      .withRawResponse();
    const [file] = backstage.sessions.files;
    expect(data).toEqual({ request_id: file?.ref.id });
    const { webhook } = file ?? {};
    expect(webhook).toMatchObject({
      url: callback,
      retryMs: [30_000, 60_000, ...Array<unknown>(8).fill(expect.any(Number))],
    });
    expect(webhook?.form).toMatchObject({ dialect: 'deepgram', method: 'PUT' });
    const request = webhook?.form?.request as CallbackRequest;
    expect(JSON.parse(JSON.stringify(request))).toEqual(request);
    const document = { segments: [segment(0, 'Hello.')], audioMs: 1000, text: 'Hello.', language: 'en', model: 'en' };
    const whole = { ...document, id: file?.ref.id ?? '', tenant: 't', state: 'completed' } as const;
    expect(deepgramCallback(request, whole, null)).toMatchObject({
      metadata: { request_id: file?.ref.id, sha256: createHash('sha256').update(AUDIO).digest('hex'), tags: ['a'] },
      results: { channels: [{ alternatives: [{ transcript: 'Hello.' }] }] },
    });
    expect(deepgramCallback(request, null, { code: 'unsupported_audio', detail: 'no stream of audio' })).toEqual({
      err_code: 'Bad Request',
      err_msg: 'Bad Request: failed to process audio: corrupt or unsupported data: no stream of audio',
      request_id: file?.ref.id,
    });
  });

  test('of a file at an address too', async () => {
    const body = JSON.stringify({ url: 'https://93.184.215.14/a.wav' });
    const answer = await post(`callback=${encodeURIComponent(callback)}`, body, { 'content-type': 'application/json' });
    expect(await answer.json()).toEqual({ request_id: backstage.sessions.files[0]?.ref.id });
    expect(backstage.sessions.files).toMatchObject([{ webhook: { url: callback, form: { method: 'POST' } } }]);
  });

  test.each([
    ['http://10.0.0.1/hook', 'callback: the address leads to an address that is not public'],
    ['ftp://example.org', 'callback: the address begins with ftp:'],
    ['https://me:secret@example.org', 'callback: the address holds a user name or a password'],
  ])('to %s is refused before anything is stored', async (address, why) => {
    const answer = await error(await post(`callback=${encodeURIComponent(address)}`));
    expect(answer).toMatchObject({ status: 400, err_msg: expect.stringContaining(why) as string });
    expect(stored()).toEqual([]);
  });

  test('has a method only if there is one', async () => {
    expect(await error(await post('callback_method=POST'))).toMatchObject({
      err_msg: expect.stringContaining('callback_method: only with callback') as string,
    });
  });
});

describe('raw samples', () => {
  test.each([
    ['linear16', 16_000, 1, 1, 16],
    ['linear32', 48_000, 2, 3, 32],
    ['mulaw', 8000, 1, 7, 8],
    ['alaw', 8000, 2, 6, 8],
  ])(
    '%s of %d Hz and %d channels is stored with a header that says so',
    async (encoding, rate, channels, tag, bits) => {
      const done = transcribed();
      await post(`encoding=${encoding}&sample_rate=${rate}&channels=${channels}`);
      await done;
      const file = storedBytes();
      expect(file.subarray(44).equals(AUDIO)).toBe(true);
      expect(file.toString('latin1', 0, 4) + file.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ');
      expect([file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24), file.readUInt16LE(34)]).toEqual([
        tag,
        channels,
        rate,
        bits,
      ]);
    },
  );

  test('a file that says itself what it is, is believed', async () => {
    const wav = Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE'), AUDIO]);
    const done = transcribed();
    const response = await post('encoding=linear16&sample_rate=16000', wav);
    const { metadata } = (await response.json()) as { metadata: { sha256: string } };
    await done;
    expect(storedBytes().equals(wav)).toBe(true);
    expect(metadata.sha256).toBe(createHash('sha256').update(wav).digest('hex'));
  });
});

describe('what should not come', () => {
  test.each([
    ['punctuate=1', 'punctuate: "1" is not true or false'],
    ['interim_results=true', 'interim_results: not for pre-recorded audio'],
    ['utt_split=long', 'utt_split: "long" is not a number of seconds'],
    ['diarize=true', 'diarize: not supported: speakers are not told apart'],
    ['summarize=v2', 'summarize: not supported'],
    ['encoding=mulaw&channels=9', 'channels: 9 is not 1 to 8'],
    ['callback_method=GET', 'callback_method: "GET" is not one of POST, PUT'],
    ['colour=red', '"colour" is no parameter: one of model'],
  ])('%s is a bad request that says why, and nothing is stored', async (query, why) => {
    const answer = await error(await post(query));
    expect(answer).toMatchObject({ status: 400, err_code: 'INVALID_QUERY_PARAMETER' });
    expect(answer).toMatchObject({ err_msg: expect.stringContaining(why) as string });
    expect(stored()).toEqual([]);
    expect(backstage.sessions.files).toEqual([]);
  });

  test('a switch that is off asks for nothing', async () => {
    const done = transcribed();
    const response = await post('diarize=false&redact=false&smart_format=false&summarize=false&numerals=False');
    const { metadata } = (await response.json()) as { metadata: object };
    await done;
    expect(metadata).not.toHaveProperty('warnings');
  });

  test('an empty body is no audio, a form is no audio, too large a body is refused', async () => {
    expect(await error(await post('', ''))).toMatchObject({
      status: 400,
      err_msg: expect.stringMatching(/corrupt or unsupported data/) as string,
    });
    const form = new FormData();
    form.set('file', new Blob([AUDIO]));
    expect(await error(await post('', form))).toMatchObject({ status: 400, err_code: 'Bad Request' });
    expect(await error(await post('', Buffer.alloc(300_000)))).toMatchObject({
      status: 413,
      err_code: 'PAYLOAD_TOO_LARGE',
    });
    expect(stored()).toEqual([]);
  });

  test('a body that is cut off leaves nothing', async () => {
    const socket = dial(edge.port, '127.0.0.1');
    socket.write('POST /v1/listen HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc');
    await once(socket, 'connect');
    socket.end();
    await once(socket.resume(), 'close');
    expect(stored()).toEqual([]);
    expect(backstage.sessions.files).toEqual([]);
  });

  test('a session of this name that is there already is told', async () => {
    const done = transcribed();
    await post('session=named');
    await done;
    expect(await error(await post('session=named'))).toMatchObject({ status: 409, err_code: 'SESSION_EXISTS' });
  });

  test('other methods and other addresses', async () => {
    const response = await fetch(`${edge.url}/v1/listen`, { method: 'PUT', body: AUDIO });
    expect(response.headers.get('allow')).toBe('POST');
    expect(await error(response)).toMatchObject({ status: 405, err_code: 'METHOD_NOT_ALLOWED' });
    const grant = await fetch(`${edge.url}/v1/auth/grant`, { method: 'POST' });
    expect(await error(grant)).toMatchObject({ status: 501, err_code: 'NOT_IMPLEMENTED' });
  });
});

describe('who waits', () => {
  test('and leaves, has a session cancelled that nobody else knows by name', async () => {
    const leaving = new AbortController();
    const asked = fetch(`${edge.url}/v1/listen`, { method: 'POST', body: AUDIO, signal: leaving.signal });
    await backstage.sessions.untilAsked('startFile');
    leaving.abort();
    await asked.catch(() => undefined);
    const { ref } = await backstage.sessions.untilAsked('cancel');
    expect(ref?.id).toBe(backstage.sessions.files[0]?.ref.id);
  });

  test('for longer than is allowed is told where the transcript will be', async () => {
    const impatient = await new Edge({ answerWaitMs: 50 }, backstage).listen();
    const response = await fetch(`${impatient.url}/v1/listen?session=slow`, { method: 'POST', body: AUDIO });
    expect(await error(response)).toMatchObject({
      status: 504,
      err_code: 'GATEWAY_TIMEOUT',
      err_msg: expect.stringContaining('/v1/sessions/slow/transcript') as string,
    });
    await impatient.end();
  });

  test('at a gateway that ends is told to ask again, and so is who comes', async () => {
    const asked = post();
    await backstage.sessions.untilAsked('startFile');
    const drained = edge.server.drain();
    expect(await error(await asked)).toMatchObject({ status: 503, err_code: 'SHUTTING_DOWN' });
    await drained;
  });
});

test('status: how the gateway is and what it does', async () => {
  const status = async () => (await fetch(`${edge.url}/v1/status`)).json();
  expect(await status()).toEqual({ system_health: 'Healthy', active_batch_requests: 0, active_stream_requests: 0 });
  const asked = post();
  await backstage.sessions.untilAsked('startFile');
  await (await edge.client()).session();
  expect(await status()).toEqual({ system_health: 'Healthy', active_batch_requests: 1, active_stream_requests: 1 });
  await transcribed();
  await asked;
  backstage.sessions.away = new Failure('temporal_unavailable', 'away');
  expect(await status()).toMatchObject({ system_health: 'Critical', active_batch_requests: 0 });
});

test('a transcript that is damaged in storage is an error of the service', async () => {
  const asked = post();
  await backstage.sessions.untilAsked('startFile');
  const [file] = backstage.sessions.files;
  backstage.sessions.endFile(file?.ref.id ?? '', {
    state: 'completed',
    reason: null,
    detail: null,
    segments: 0,
    audioMs: 0,
  });
  expect(
    backstage.objects.objects.has(objectKeys.transcript({ tenant: 't', id: file?.ref.id ?? '' }, null, 'json')),
  ).toBe(false);
  expect(await error(await asked)).toMatchObject({ status: 409, err_code: 'NOT_FINISHED' });
});
