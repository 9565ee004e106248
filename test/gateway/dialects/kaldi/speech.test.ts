/** kaldi-gstreamer-server's WebSockets at the gateway: real sockets, stand-ins behind. */
import { setTimeout as pause } from 'node:timers/promises';
import { sound, wav } from '../../../harness/sound.ts';
import { Edge } from '../../../harness/edge.ts';
import { connect } from '../../../harness/sockets.ts';
import type { Opened } from '../../../harness/sockets.ts';
import { workerWith } from '../../live/admitted.ts';
import { given } from './given.ts';

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge({ maxFrameBytes: 200_000 }).listen();
});
afterEach(() => edge.end());

const RAW =
  'content-type=audio/x-raw,+layout=(string)interleaved,+rate=(int)16000,+format=(string)S16LE,+channels=(int)1';
const open = (query: string, at = edge): Promise<Opened> =>
  connect(`ws://127.0.0.1:${at.port}/client/ws/speech${query === '' ? '' : `?${query}`}`);

interface Said {
  readonly status: number;
  readonly id: string;
  readonly message?: string;
  readonly segment?: number;
  readonly ignored?: string[];
  readonly result?: { readonly final: boolean; readonly hypotheses: { readonly transcript: string }[] };
}
const said = ({ inbox }: Opened): Said[] => inbox.messages as Said[];
const finals = (client: Opened): (string | undefined)[] =>
  said(client)
    .filter(({ result }) => result?.final)
    .map(({ result }) => result?.hypotheses[0]?.transcript);

test('audio goes in, partials and finals come out in the old words, and EOS ends the session with 1000', async () => {
  const client = await open(`${RAW}&session=s`);
  client.socket.send(sound().subarray(0, 32_000));
  client.socket.send(sound().subarray(32_000, 64_000));
  await edge.sessions.until('s', (state) => state.client !== null);
  const { worker, hear } = await given(edge, 's');
  worker.say({ type: 'partial', text: 'see on', startMs: 0, endMs: 400, channel: 0 });
  await client.inbox.until(() => said(client).some(({ result }) => result?.final === false));
  hear('see on test', 0, 1000);
  await client.inbox.until(() => finals(client).length === 1);
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte === 64_000);
  hear('ja veel', 1000, 2000);
  await edge.sessions.complete('s');
  expect(await client.inbox.closed).toEqual({ code: 1000, reason: 'completed' });
  expect(said(client).filter(({ result }) => result !== undefined)).toEqual([
    { status: 0, segment: 0, result: { hypotheses: [{ transcript: 'see on' }], final: false }, id: 's' },
    { status: 0, segment: 0, result: { hypotheses: [{ transcript: 'see on test' }], final: true }, id: 's' },
    { status: 0, segment: 1, result: { hypotheses: [{ transcript: 'ja veel' }], final: true }, id: 's' },
  ]);
  expect((await edge.stored()).equals(sound().subarray(0, 64_000))).toBe(true);
});

test('an old client is told nothing that it does not know, and every message has its session', async () => {
  const client = await open(RAW);
  client.socket.send(sound());
  await edge.sessions.untilAsked('attach');
  const id = edge.sessions.asked[0]?.ref?.id ?? '';
  const { hear } = await given(edge, id);
  hear('one', 0, 1000);
  client.socket.send(Buffer.from('EOS'));
  await edge.sessions.until(id, (state) => state.audioEndByte !== null);
  await edge.sessions.complete(id);
  await client.inbox.closed;
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(said(client)).toEqual([
    { status: 0, segment: 0, result: { hypotheses: [{ transcript: 'one' }], final: true }, id },
  ]);
});

test.each([
  ['EOS and no audio', []],
  ['one byte of audio', [Buffer.from([1])]],
])('%s: an empty final, and a normal end', async (_, audio) => {
  const client = await open(`${RAW}&session=s`);
  for (const bytes of audio) client.socket.send(bytes);
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte === 0);
  edge.sessions.grant('s');
  await edge.sessions.complete('s');
  expect((await client.inbox.closed).code).toBe(1000);
  expect(finals(client)).toEqual(['']);
});

test('frames of an odd number of bytes are joined, not shifted, and half a sample at the end is dropped', async () => {
  const client = await open(`${RAW}&session=s`);
  const bytes = sound().subarray(20_000, 20_000 + 31 * 333);
  for (let at = 0; at < bytes.length; at += 333) client.socket.send(bytes.subarray(at, at + 333));
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte !== null);
  expect((await edge.stored()).equals(bytes.subarray(0, -1))).toBe(true);
});

test('without a content type bare samples are 16 kHz S16LE, and a container says itself what it is', async () => {
  for (const [id, bytes] of [
    ['bare', sound()],
    ['wav', wav(sound())],
    ['wav-of-unknown-length', wav(sound(), { dataBytes: 0xffff_ffff })],
  ] as const) {
    const client = await open(`content-type=&session=${id}`);
    client.socket.send(bytes);
    client.socket.send('EOS');
    await edge.sessions.until(id, (state) => state.audioEndByte !== null);
    expect((await edge.stored(id)).equals(sound())).toBe(true);
    client.socket.terminate();
  }
});

test.each([
  ['content-type=audio/x-raw,+rate=(int)abc', /rate "abc"/],
  ['content-type=audio/x-raw,+rate=int)16000', /name=\(type\)value/],
  ['content-type=%ZZ', /no type of audio/],
  ['content-type=a&content-type=b', /more than once/],
  ['session=../../x', /session/],
])('%s: status 5 says why, on a socket that is opened first, and 1008 closes it', async (query, message) => {
  const client = await open(query);
  expect((await client.inbox.closed).code).toBe(1008);
  expect(said(client)).toEqual([
    { status: 5, message: expect.stringMatching(message) as string, id: expect.any(String) as string },
  ]);
  expect(edge.sessions.asked).toEqual([]);
});

test('a model and a language that are not served: status 8, and nothing is used as a path', async () => {
  for (const query of ['model=../../etc', 'language=xx']) {
    const client = await open(query);
    await client.inbox.closed;
    expect(said(client)).toMatchObject([{ status: 8, message: expect.stringContaining('en') as string }]);
  }
});

test('what has no effect is named once in an answer', async () => {
  const client = await open(`${RAW}&session=s&nbest=5&lm=x`);
  client.socket.send(JSON.stringify({ adaptation_state: { type: 'string+gzip+base64', value: 'x' } }));
  client.socket.send('{"some":"json"}');
  client.socket.send('no json at all');
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte === 0);
  edge.sessions.grant('s');
  await edge.sessions.complete('s');
  await client.inbox.closed;
  expect(said(client).flatMap(({ ignored = [] }) => ignored)).toEqual([
    'nbest',
    'lm',
    'adaptation_state',
    'text message',
  ]);
});

test('user-id and content-id are labels of the session; what no label can hold is named in an answer', async () => {
  for (const [query, labels, ignored] of [
    ['user-id=J%C3%BCri&content-id=call/17', ['user-id:Jüri', 'content-id:call/17'], []],
    ['user-id=&content-id=none', ['content-id:none'], []],
    ['user-id=a"b&content-id=x', ['content-id:x'], ['user-id']],
  ] as const) {
    const id = crypto.randomUUID();
    const client = await open(`${RAW}&session=${id}&${query}`);
    client.socket.send('EOS');
    await edge.sessions.until(id, (state) => state.audioEndByte === 0);
    expect(await (await fetch(`${edge.url}/v1/sessions/${id}`)).json()).toMatchObject({ labels });
    edge.sessions.grant(id);
    await edge.sessions.complete(id);
    await client.inbox.closed;
    expect(said(client).flatMap((message) => message.ignored ?? [])).toEqual(ignored);
  }
});

test('what follows EOS is ignored', async () => {
  const client = await open(`${RAW}&session=s`);
  client.socket.send(sound());
  client.socket.send('EOS');
  client.socket.send(sound());
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte !== null);
  expect((await edge.stored()).length).toBe(sound().length);
});

test('a client that names its session is told what is stored, and comes back to it with the segments it has', async () => {
  const first = await open(`${RAW}&session=s`);
  first.socket.send(sound().subarray(0, 64_000));
  await first.inbox.until(() =>
    first.inbox.messages.some((one) => (one as { stored_bytes?: number }).stored_bytes === 64_000),
  );
  const { hear } = await given(edge, 's');
  hear('one', 0, 1000);
  hear('two', 1000, 2000);
  await first.inbox.until(() => finals(first).length === 2);
  first.socket.terminate();
  await edge.sessions.until('s', (state) => state.client === null);
  const second = await open(`${RAW}&session=s&segment=1`);
  await second.inbox.until(() => finals(second).length === 1);
  expect(second.inbox.messages[0]).toEqual({ status: 0, stored_bytes: 64_000, segments: 2, id: 's' });
  expect(finals(second)).toEqual(['two']);
});

test('audio without a word, longer than is allowed: status 1, a normal close, and the session ends with what was said', async () => {
  const client = await open(`${RAW}&session=s`);
  for (let i = 0; i < 62; i += 1) client.socket.send(Buffer.alloc(32_000));
  await edge.sessions.until('s', (state) => state.client !== null);
  const { worker, hear } = await given(edge, 's');
  hear('one', 0, 500);
  await client.inbox.until(() => finals(client).length === 1);
  worker.consumed(60_400 * 32);
  worker.consumed(60_600 * 32);
  expect(await client.inbox.closed).toEqual({ code: 1000, reason: 'no speech' });
  expect(said(client).at(-1)).toEqual({ status: 1, message: 'no speech for 60000 ms', id: 's' });
  await edge.sessions.until('s', (state) => state.audioEndByte === 62 * 32_000);
}, 50_000);

test('a client that sends no audio to a worker who listens is told status 1; while it waits for one it is not', async () => {
  await edge.end();
  edge = await new Edge({ kaldi: { status9: false, silenceMs: 200 } }).listen();
  const client = await open(`${RAW}&session=s`);
  client.socket.send(sound());
  await edge.sessions.until('s', (state) => state.client !== null);
  await client.inbox.until(() => client.inbox.messages.some((one) => 'stored_bytes' in (one as object)));
  await pause(400);
  expect(client.socket.readyState).toBe(client.socket.OPEN);
  await given(edge, 's');
  expect(await client.inbox.closed).toEqual({ code: 1000, reason: 'no speech' });
});

test('no worker: the client waits; with the old answer set it is told status 9, and nothing is begun', async () => {
  const waiting = await open(`${RAW}&session=s`);
  await edge.sessions.untilAsked('attach');
  expect(waiting.inbox.messages).toMatchObject([{ stored_bytes: 0 }]);
  await edge.end();
  edge = await new Edge({ kaldi: { status9: true, silenceMs: 0 } }).listen();
  const refused = await open(RAW);
  expect(await refused.inbox.closed).toEqual({ code: 1000, reason: 'queue_full' });
  expect(said(refused)).toEqual([
    { status: 9, message: 'No decoder available, try again later', id: expect.any(String) as string },
  ]);
  expect(edge.sessions.asked).toEqual([]);
});

test('with the old answer set a client whom a free slot awaits comes in', async () => {
  await edge.end();
  edge = await new Edge({ kaldi: { status9: true, silenceMs: 0 } }).listen();
  edge.sessions.present = [workerWith('w', 2, ['x'])];
  const client = await open(`${RAW}&session=s`);
  client.socket.send(sound());
  client.socket.send('EOS');
  await edge.sessions.until('s', (state) => state.audioEndByte === sound().length);
});

test('the status is told on connecting and at each change, once for all who watch', async () => {
  edge.sessions.present = [workerWith('w', 2, ['x']), { ...workerWith('w', 2, []), draining: true }];
  edge.sessions.ended = 7;
  const status = (): Promise<Opened> => connect(`ws://127.0.0.1:${edge.port}/client/ws/status`);
  const first = await status();
  await first.inbox.until(() => first.inbox.messages.length === 1);
  const second = await status();
  await second.inbox.until(() => second.inbox.messages.length === 1);
  edge.sessions.present = [workerWith('w', 2, [])];
  await first.inbox.until(() => first.inbox.messages.length === 2);
  await second.inbox.until(() => second.inbox.messages.length === 2);
  const told = [
    { num_workers_available: 1, num_requests_processed: 7 },
    { num_workers_available: 2, num_requests_processed: 7 },
  ];
  expect(first.inbox.messages).toEqual(told);
  expect(second.inbox.messages).toEqual(told);
  for (const { socket } of [first, second]) socket.terminate();
});

test.each([
  ['a close without a code', Buffer.from([0x88, 0x80, 0, 0, 0, 0])],
  ['a close with the code 999', Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe7])],
  ['a close with the code 5000', Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x13, 0x88])],
])('%s leaves the session open for another connection', async (_, frame) => {
  const client = await open(`${RAW}&session=s`);
  client.socket.send(sound());
  await client.inbox.until(() => client.inbox.messages.length > 1);
  const raw = client.socket as unknown as { readonly _socket: { write(bytes: Buffer): void } };
  raw._socket.write(frame);
  await edge.sessions.until('s', (state) => state.client === null);
  const again = await open(`${RAW}&session=s`);
  await again.inbox.until(() => again.inbox.messages.length > 0);
  expect(again.inbox.messages[0]).toMatchObject({ stored_bytes: sound().length });
  client.socket.terminate();
});

test('a frame that is too large, fragments without end, and text that is no UTF-8 close that client alone', async () => {
  const large = await open(RAW);
  large.socket.send(Buffer.alloc(200_001));
  expect((await large.inbox.closed).code).toBe(1009);
  const endless = await open(RAW);
  for (let i = 0; i < 21; i += 1) endless.socket.send(Buffer.alloc(10_000), { fin: false });
  expect((await endless.inbox.closed).code).toBe(1009);
  const garbled = await open(RAW);
  garbled.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
  expect((await garbled.inbox.closed).code).toBe(1007);
  const other = await open(`${RAW}&session=other`);
  for (let i = 0; i < 3000; i += 1) other.socket.send(Buffer.from([i & 0xff]));
  other.socket.send('EOS');
  await edge.sessions.until('other', (state) => state.audioEndByte === 3000);
});

test('random bytes that claim to be Ogg: status 5 and 1008, and the decoder is gone', async () => {
  const client = await open('content-type=audio/ogg&session=s');
  client.socket.send(Buffer.concat([Buffer.from('OggS'), Buffer.alloc(50_000, 7)]));
  client.socket.send('EOS');
  expect((await client.inbox.closed).code).toBe(1008);
  expect(said(client).at(-1)).toMatchObject({ status: 5, id: 's' });
}, 20_000);
