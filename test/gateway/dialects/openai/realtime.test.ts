/** OpenAI's Realtime address over real WebSockets: what its clients send, and what they are told. */
import { WebSocket } from 'ws';
import { Edge } from '../../../harness/edge.ts';
import type { Worker } from '../../../harness/edge.ts';
import { connect } from '../../../harness/sockets.ts';
import type { Inbox, Opened } from '../../../harness/sockets.ts';
import { segment } from '../../../workflows/session/given.ts';

const catalogue = {
  defaultModel: 'en',
  models: { en: { languages: ['en'] }, de: { languages: ['de'] } },
  aliases: { 'whisper-1': null },
};

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge({ catalogue }).listen();
});
afterEach(() => edge.end());

interface Event {
  readonly type: string;
  readonly event_id: string;
  readonly [name: string]: unknown;
}

class Realtime {
  readonly socket: WebSocket;
  readonly inbox: Inbox;
  constructor({ socket, inbox }: Opened) {
    this.socket = socket;
    this.inbox = inbox;
  }

  say(event: object): void {
    this.socket.send(JSON.stringify(event));
  }

  append(bytes: Buffer): void {
    this.say({ type: 'input_audio_buffer.append', audio: bytes.toString('base64') });
  }

  next(type: string, which = 0): Promise<Event> {
    return this.inbox.next(type, which);
  }

  async session(): Promise<string> {
    return ((await this.next('session.created'))['session'] as { id: string }).id;
  }

  /** What the client is told is wrong with an event. */
  async wrong(event: object, which = 0): Promise<Record<string, unknown>> {
    this.say(event);
    return (await this.next('error', which))['error'] as Record<string, unknown>;
  }
}

async function call(query = '?intent=transcription', headers = {}, protocols: string[] = []): Promise<Realtime> {
  return new Realtime(await connect(`ws://127.0.0.1:${edge.port}/v1/realtime${query}`, { headers }, protocols));
}

/** 24 kHz: 48 bytes a millisecond. */
const pcm = (ms: number): Buffer => Buffer.alloc(ms * 48, 1);
const LOG_BYTES_PER_MS = 32;

const update = (input: object): object => ({
  type: 'session.update',
  session: { type: 'transcription', audio: { input } },
});

/** A worker for the client's session, once that is there. */
async function serve(id: string): Promise<Worker> {
  await edge.sessions.until(id, ({ generation }) => generation === 1);
  edge.sessions.grant(id);
  return edge.worker({ epoch: 1, id });
}

function commit(id: string, worker: Worker, index: number, throughMs: number): void {
  const made = { ...segment(index), endByte: throughMs * LOG_BYTES_PER_MS };
  edge.sessions.commit(id, [made], made.endByte);
  worker.say({ type: 'final', segments: [made] });
}

test('a session begins with session.created, and its settings are said back as they are in effect', async () => {
  const client = await call();
  const created = await client.next('session.created');
  expect(created).toMatchObject({
    event_id: expect.stringMatching(/^event_/) as string,
    session: {
      type: 'transcription',
      object: 'realtime.transcription_session',
      audio: { input: { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: { type: 'server_vad' } } },
    },
  });
  client.say(
    update({
      format: { type: 'audio/pcmu' },
      transcription: { model: 'whisper-1', language: 'en', prompt: 'mill' },
      noise_reduction: { type: 'near_field' },
      turn_detection: { type: 'server_vad', threshold: 0.6, silence_duration_ms: 300 },
    }),
  );
  expect(await client.next('session.updated')).toMatchObject({
    session: {
      audio: {
        input: {
          format: { type: 'audio/pcmu' },
          transcription: { model: 'whisper-1', language: 'en', prompt: null },
          noise_reduction: null,
        },
      },
      longhand: {
        ignored: [
          'audio.input.transcription.prompt',
          'audio.input.turn_detection.threshold',
          'audio.input.turn_detection.silence_duration_ms',
          'audio.input.noise_reduction',
        ],
      },
    },
  });
  // Nothing is begun for who sends no audio.
  expect(edge.sessions.asked).toEqual([]);
});

test('speech is told by turns: partials as deltas, finals as completed items', async () => {
  const client = await call('?model=whisper-1');
  const id = await client.session();
  client.append(pcm(1000));
  const worker = await serve(id);
  const partial = { type: 'partial', startMs: 40, endMs: 800, channel: 0 };
  worker.say({ ...partial, text: 'segment' });
  worker.say({ ...partial, text: 'segment 0' });
  await client.next('conversation.item.input_audio_transcription.delta');
  commit(id, worker, 0, 1000);
  const completed = await client.next('conversation.item.input_audio_transcription.completed');
  expect(completed).toMatchObject({
    transcript: 'segment 0',
    content_index: 0,
    usage: { type: 'duration', seconds: 1 },
  });
  expect(client.inbox.messages.map((message) => (message as Event).type.split('.').at(-1))).toEqual([
    'created',
    'speech_started',
    'delta',
    'speech_stopped',
    'committed',
    'delta',
    'completed',
  ]);
});

test('audio is the session’s at 24 kHz, and at 8 kHz mu-law and A-law', async () => {
  for (const [type, bytes] of [
    ['audio/pcm', pcm(500)],
    ['audio/pcmu', Buffer.alloc(4000, 0xff)],
    ['audio/pcma', Buffer.alloc(4000, 0xd5)],
  ] as const) {
    const client = await call();
    const id = await client.session();
    client.say(update({ format: { type } }));
    client.append(bytes);
    client.say({ type: 'session.close' });
    await edge.sessions.until(id, ({ audioEndByte }) => audioEndByte !== null);
    expect((await edge.stored(id)).length).toBe(500 * LOG_BYTES_PER_MS);
  }
});

describe('with turn_detection null', () => {
  test('a commit makes the recogniser finish what was said, and one item of it', async () => {
    const client = await call();
    const id = await client.session();
    client.say(update({ turn_detection: null }));
    client.append(pcm(1000));
    client.say({ type: 'input_audio_buffer.commit' });
    const committed = await client.next('input_audio_buffer.committed');
    const worker = await serve(id);
    await worker.inbox.next('finalize');
    commit(id, worker, 0, 1000);
    expect(await client.next('conversation.item.input_audio_transcription.completed')).toMatchObject({
      item_id: committed['item_id'],
      transcript: 'segment 0',
    });
  });

  test('silence that is committed is an empty item, once the recogniser has heard it', async () => {
    const client = await call();
    const id = await client.session();
    client.say(update({ turn_detection: null }));
    client.append(pcm(1000));
    client.say({ type: 'input_audio_buffer.commit' });
    const worker = await serve(id);
    await worker.inbox.next('finalize');
    worker.consumed(32_000, 20_000);
    worker.consumed(32_000, 20_000);
    expect(await client.next('conversation.item.input_audio_transcription.completed')).toMatchObject({
      transcript: '',
    });
  });

  test('several commits that wait for a worker are told to it each at its place, and to the one that follows it', async () => {
    const client = await call();
    const id = await client.session();
    client.say(update({ turn_detection: null }));
    for (let turn = 0; turn < 3; turn += 1) {
      client.append(pcm(500));
      client.say({ type: 'input_audio_buffer.commit' });
    }
    const worker = await serve(id);
    await worker.inbox.next('finalize', 2);
    worker.socket.terminate();
    await edge.sessions.until(id, ({ phase }) => phase.name === 'queued');
    edge.sessions.grant(id);
    const next = await edge.worker({ epoch: 2, id });
    await next.inbox.next('finalize', 2);
  });

  test('an empty commit is an error, and the session stays open', async () => {
    const client = await call();
    await client.session();
    client.say(update({ turn_detection: null }));
    expect(await client.wrong({ type: 'input_audio_buffer.commit', event_id: 'mine' })).toMatchObject({
      type: 'invalid_request_error',
      code: 'input_audio_buffer_commit_empty',
      event_id: 'mine',
    });
    client.append(pcm(1000));
    client.say({ type: 'input_audio_buffer.clear' });
    await client.next('input_audio_buffer.cleared');
    expect(await client.wrong({ type: 'input_audio_buffer.commit' }, 1)).toMatchObject({
      code: 'input_audio_buffer_commit_empty',
    });
    client.append(pcm(1000));
    client.say({ type: 'input_audio_buffer.commit' });
    await client.next('input_audio_buffer.committed');
  });
});

describe('what is wrong is told, and the session stays open', () => {
  test.each<readonly [what: string, event: object, error: object]>([
    ['an event that is none', { type: 'say.what' }, { param: 'type' }],
    ['an event of a conversation', { type: 'response.create' }, { param: 'type' }],
    ['an event without a type', {}, { param: 'type' }],
    ['a field that is none', { type: 'input_audio_buffer.commit', x: 1 }, { param: 'x' }],
    ['audio that is no text', { type: 'input_audio_buffer.append', audio: 7 }, { param: 'audio' }],
    ['audio that is no base64', { type: 'input_audio_buffer.append', audio: '<!>' }, { param: 'audio' }],
    ['audio of a length that no base64 has', { type: 'input_audio_buffer.append', audio: 'AAAAA' }, { param: 'audio' }],
    ['another kind of session', { type: 'session.update', session: { type: 'realtime' } }, { param: 'session.type' }],
    ['no session', { type: 'session.update', session: 'x' }, { param: 'session' }],
    ['a setting that is none', { type: 'session.update', session: { voice: 'x' } }, { param: 'session.voice', code: 'unknown_parameter' }], // prettier-ignore
    ['a rate that is none', update({ format: { type: 'audio/pcm', rate: 16_000 } }), { param: 'session.audio.input.format.rate' }], // prettier-ignore
    ['a format that is none', update({ format: { type: 'audio/mp3' } }), { param: 'session.audio.input.format.type' }],
    ['a model that is none', update({ transcription: { model: 'x' } }), { param: 'model', code: 'model_not_found' }],
    ['a language that is none', update({ transcription: { language: 'xx' } }), { param: 'language' }],
    ['semantic turns', update({ turn_detection: { type: 'semantic_vad' } }), { param: 'session.audio.input.turn_detection.type' }], // prettier-ignore
    ['a threshold out of range', update({ turn_detection: { type: 'server_vad', threshold: 7 } }), { param: 'session.audio.input.turn_detection.threshold' }], // prettier-ignore
    ['log probabilities', { type: 'session.update', session: { include: ['item.input_audio_transcription.logprobs'] } }, { param: 'session.include' }], // prettier-ignore
  ])('%s', async (_what, event, error) => {
    const client = await call();
    expect(await client.wrong(event)).toMatchObject({ type: 'invalid_request_error', ...error });
    client.say(update({ turn_detection: null }));
    await client.next('session.updated');
  });

  test('a frame that is no JSON, or binary, or endlessly deep', async () => {
    const client = await call();
    client.socket.send('{');
    client.socket.send(Buffer.alloc(100));
    client.socket.send(Buffer.from(JSON.stringify(update({}))));
    client.socket.send('[1]');
    client.socket.send('['.repeat(50_000));
    await client.next('error', 4);
    expect(client.inbox.ofType('error')).toHaveLength(5);
    client.say(update({}));
    await client.next('session.updated');
  });

  test('another format, model or language once audio was sent', async () => {
    const client = await call();
    client.append(pcm(100));
    expect(await client.wrong(update({ format: { type: 'audio/pcmu' } }))).toMatchObject({ param: 'session.format' });
    expect(await client.wrong(update({ transcription: { model: 'de' } }), 1)).toMatchObject({ param: 'session.model' });
    client.say(update({ turn_detection: null }));
    await client.next('session.updated');
  });
});

describe('the handshake', () => {
  test('agrees on `realtime` and never says the key back', async () => {
    const client = await call('?intent=transcription', {}, ['realtime', 'openai-insecure-api-key.sk-secret']);
    expect(client.socket.protocol).toBe('realtime');
    await client.session();
  });

  test.each(['?intent=chat', '?voice=x', '?model=a&model=b', '?session=../x'])('refuses %s', async (query) => {
    const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/realtime${query}`);
    socket.on('error', () => undefined);
    const body = await new Promise<string>((resolve) => {
      socket.on('unexpected-response', (_request, response) => {
        let text = `${response.statusCode} `;
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      });
    });
    expect(body).toMatch(/^400 {"error":{"message":".+","type":"invalid_request_error"/);
  });

  test('with a model that is none is told at the first audio, and closed', async () => {
    const client = await call('?model=gpt-realtime');
    await client.session();
    client.append(pcm(100));
    expect((await client.next('error'))['error']).toMatchObject({ code: 'model_not_found' });
    expect((await client.inbox.closed).code).toBe(4400);
  });

  test('of the beta is answered in its own shape', async () => {
    const client = await call('?intent=transcription', { 'OpenAI-Beta': 'realtime=v1' });
    expect(await client.next('transcription_session.created')).toMatchObject({
      session: { input_audio_format: 'pcm16', turn_detection: { type: 'server_vad' } },
    });
    client.say({
      type: 'transcription_session.update',
      session: {
        input_audio_format: 'g711_ulaw',
        input_audio_transcription: { model: 'whisper-1' },
        input_audio_noise_reduction: { type: 'near_field' },
        turn_detection: null,
      },
    });
    expect(await client.next('transcription_session.updated')).toMatchObject({
      session: {
        input_audio_format: 'g711_ulaw',
        input_audio_transcription: { model: 'whisper-1' },
        turn_detection: null,
        longhand: { ignored: ['input_audio_noise_reduction'] },
      },
    });
  });
});

describe('a client that goes', () => {
  test('ends its session, which nobody can come back to', async () => {
    const client = await call();
    const id = await client.session();
    client.append(pcm(1000));
    await edge.sessions.until(id, ({ generation }) => generation === 1);
    client.socket.terminate();
    await edge.sessions.until(id, ({ audioEndByte }) => audioEndByte === 32_000);
  });

  test('before its session is open ends it too, with all that it sent', async () => {
    const client = await call();
    const id = await client.session();
    client.append(pcm(1000));
    client.socket.close();
    await edge.sessions.until(id, ({ audioEndByte }) => audioEndByte === 32_000);
  });

  test('from a session of a name of its own may come back, and is told how much of its audio is there', async () => {
    const first = await call('?session=call-7');
    expect(await first.session()).toBe('call-7');
    first.say(update({}));
    expect(await first.next('session.updated')).toMatchObject({
      session: { longhand: { durable_bytes: 0, items: 0 } },
    });
    first.append(pcm(1000));
    await edge.sessions.until('call-7', ({ generation }) => generation === 1);
    first.socket.terminate();
    await edge.sessions.untilAsked('detach');
    const second = await call('?intent=transcription', { 'X-Longhand-Session': 'call-7' });
    second.say(update({ turn_detection: null }));
    const { session } = await second.next('session.updated');
    // What the resampler holds back is not stored yet.
    expect((session as { longhand: { durable_bytes: number } }).longhand.durable_bytes).toBeGreaterThan(990 * 48);
    // What is there already counts: it can be committed as it is.
    second.say({ type: 'input_audio_buffer.commit' });
    await second.next('input_audio_buffer.committed');
    expect(edge.sessions.asked.map(({ what }) => what)).not.toContain('finishAudio');
  });

  test('by session.close is told the rest, session.closed, and closed', async () => {
    const client = await call();
    const id = await client.session();
    client.append(pcm(1000));
    const worker = await serve(id);
    client.say({ type: 'session.close' });
    await worker.inbox.next('end');
    const late = { type: 'input_audio_buffer.append', audio: pcm(100).toString('base64') };
    expect(await client.wrong(late)).toMatchObject({ code: 'session_closing', param: 'audio' });
    commit(id, worker, 0, 1000);
    await edge.sessions.complete(id);
    expect((await client.inbox.closed).code).toBe(1000);
    expect(client.inbox.ofType('conversation.item.input_audio_transcription.completed')).toHaveLength(1);
    expect((client.inbox.messages.at(-1) as Event).type).toBe('session.closed');
  });
});

test('a gateway that ends tells also those who have no session yet', async () => {
  const client = await call();
  await client.session();
  await edge.server.drain();
  expect((await client.inbox.closed).code).toBe(1012);
});

test('a gateway that ends says so, and closes', async () => {
  const client = await call('?session=call-7');
  client.say(update({}));
  await client.next('session.updated');
  await edge.server.drain();
  expect((await client.inbox.closed).code).toBe(1012);
  expect((await client.next('error'))['error']).toMatchObject({ code: 'shutting_down', type: 'server_error' });
});
