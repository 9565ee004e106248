/** Vosk's protocol at the gateway: real sockets, stand-ins behind. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { voskServer } from '../../../../gateway/dialects/vosk/server.ts';
import { Edge } from '../../../harness/edge.ts';
import { connect } from '../../../harness/sockets.ts';
import type { Opened } from '../../../harness/sockets.ts';
import { sound } from '../../../harness/sound.ts';
import { given } from '../kaldi/given.ts';

let edge: Edge;
let vosk: Server;
beforeEach(async () => {
  edge = await new Edge({ maxFrameBytes: 200_000 }).listen();
  vosk = voskServer(edge.gateway.settings.catalogue, edge.server.live).listen(0, '127.0.0.1');
  await once(vosk, 'listening');
});
afterEach(async () => {
  vosk.close();
  await edge.end();
  vosk.closeAllConnections();
});

const open = (): Promise<Opened> => connect(`ws://127.0.0.1:${(vosk.address() as AddressInfo).port}/`);

/** A client that waits for one answer after each piece. */
class Caller {
  readonly #opened: Opened;
  #read = 0;

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  async answer(): Promise<unknown> {
    const { inbox } = this.#opened;
    this.#read += 1;
    await inbox.until(() => inbox.messages.length >= this.#read);
    return inbox.messages[this.#read - 1];
  }

  ask(data: Buffer | string): Promise<unknown> {
    this.#opened.socket.send(data);
    return this.answer();
  }

  get messages(): number {
    return this.#opened.inbox.messages.length;
  }

  get closed(): Opened['inbox']['closed'] {
    return this.#opened.inbox.closed;
  }

  tell(text: string): void {
    this.#opened.socket.send(text);
  }
}

async function caller(config: object | null = { sample_rate: 16_000, session: 's' }): Promise<Caller> {
  const one = new Caller(await open());
  if (config !== null) one.tell(`{ "config" : ${JSON.stringify(config)} }`);
  return one;
}

const piece = (i: number): Buffer => sound().subarray(i * 8000, (i + 1) * 8000);
const word = (text: string, startMs: number, endMs: number) => ({
  conf: 1,
  end: endMs / 1000,
  start: startMs / 1000,
  word: text,
});

test('each piece of audio has one answer: the oldest final that was not told, else the newest partial', async () => {
  const client = await caller();
  expect(await client.ask(piece(0))).toEqual({ partial: '' });
  const { worker, hear } = await given(edge, 's');
  worker.say({ type: 'partial', text: 'see', startMs: 0, endMs: 100, channel: 0 });
  worker.say({ type: 'partial', text: 'see on', startMs: 0, endMs: 200, channel: 0 });
  hear('see on', 0, 200);
  hear('test', 200, 250);
  worker.say({ type: 'partial', text: 'ja', startMs: 250, endMs: 300, channel: 0 });
  // The worker's words come by another connection: one that follows them has seen them come.
  await edge.sessions.until('s', (state) => state.nextIndex === 2);
  const told = [await client.ask(piece(1))];
  while (told.filter((one) => 'text' in (one as object)).length < 2) told.push(await client.ask(piece(2)));
  const results = told.filter((one) => 'text' in (one as object));
  expect(results).toEqual([
    { result: [word('see', 0, 200), word('on', 0, 200)], text: 'see on' },
    { result: [word('test', 200, 250)], text: 'test' },
  ]);
  expect(client.messages).toBe(1 + told.length);
});

test('eof is answered once, with all finals that are left, joined; then the connection ends normally', async () => {
  const client = await caller();
  await client.ask(piece(0));
  await client.ask(piece(1));
  const { hear } = await given(edge, 's');
  client.tell('{"eof" : 1}');
  await edge.sessions.until('s', (state) => state.audioEndByte === 16_000);
  hear('see on', 0, 200);
  hear('test', 200, 500);
  await edge.sessions.complete('s');
  expect(await client.answer()).toEqual({
    result: [word('see', 0, 200), word('on', 0, 200), word('test', 200, 500)],
    text: 'see on test',
  });
  expect(await client.closed).toEqual({ code: 1000, reason: 'completed' });
  expect(client.messages).toBe(3);
  expect((await edge.stored()).equals(sound().subarray(0, 16_000))).toBe(true);
});

test.each([
  ['eof and no audio', [], 0],
  ['one byte of audio', [Buffer.from([1])], 0],
  ['an odd number of bytes', [piece(0).subarray(0, 333), piece(0).subarray(333, 667)], 666],
])('%s: an empty result, and a normal end', async (_, audio, bytes) => {
  const client = await caller();
  for (const one of audio) expect(await client.ask(one)).toEqual({ partial: '' });
  client.tell('{"eof" : 1}');
  await edge.sessions.until('s', (state) => state.audioEndByte === bytes);
  edge.sessions.grant('s');
  await edge.sessions.complete('s');
  expect(await client.answer()).toEqual({ text: '' });
  expect((await client.closed).code).toBe(1000);
  expect((await edge.stored()).equals(piece(0).subarray(0, bytes))).toBe(true);
});

test('without a configuration audio is of 8000 Hz; with one it is of its rate, however it is spaced', async () => {
  const plain = await caller(null);
  await plain.ask(piece(0));
  const first = await edge.sessions.untilAsked('attach');
  expect(first.facts).toMatchObject({ audio: { encoding: 's16le', sampleRate: 8000, channels: 1 } });
  const spaced = await caller(null);
  spaced.tell('\n{"config":{"sample_rate":48000.0}}  ');
  await spaced.ask(piece(0));
  expect((await edge.sessions.untilAsked('attach', 2)).facts).toMatchObject({ audio: { sampleRate: 48_000 } });
});

test('words and max_alternatives are honoured, what has no effect is named once', async () => {
  const client = await caller({
    sample_rate: 16_000,
    session: 's',
    words: 0,
    max_alternatives: 3,
    phrase_list: ['a b'],
  });
  expect(await client.ask(piece(0))).toEqual({ partial: '', ignored: ['phrase_list'] });
  expect(await client.ask(piece(0))).toEqual({ partial: '' });
  const { hear } = await given(edge, 's');
  client.tell('{"eof" : 1}');
  await edge.sessions.until('s', (state) => state.audioEndByte !== null);
  hear('see on', 0, 200);
  await edge.sessions.complete('s');
  expect(await client.answer()).toEqual({ alternatives: [{ confidence: 1, text: 'see on' }] });
});

test('reset is answered once, with what was heard so far, and the session goes on', async () => {
  const client = await caller();
  await client.ask(piece(0));
  const { worker, hear } = await given(edge, 's');
  await worker.inbox.until(() => worker.inbox.audio.length === 8000);
  client.tell('{"reset" : 1}');
  await worker.inbox.next('finalize');
  hear('see on', 0, 250);
  expect(await client.answer()).toMatchObject({ text: 'see on' });
  expect(await client.ask(piece(1))).toEqual({ partial: '' });
  client.tell('{"reset" : 1}');
  worker.consumed(16_000);
  // Nobody spoke: the recogniser has heard it all, and has no final to make.
  expect(await client.answer()).toEqual({ text: '' });
});

test.each([
  ['a model by a path', { config: { model: '../../etc/passwd' } }, 'unknown_model', 4400],
  ['a model that is not served', { config: { model: 'vosk-model-en-us-0.22' } }, 'unknown_model', 4400],
  ['a model of many strange letters', { config: { model: 'é😀'.repeat(200) } }, 'unknown_model', 4400],
  ['a rate that is none', { config: { sample_rate: 'abc' } }, 'invalid_parameter', 4400],
  ['4 GHz', { config: { sample_rate: 4e9 } }, 'invalid_parameter', 4400],
  ['a session by a path', { config: { session: '../x' } }, 'invalid_parameter', 4400],
  ['a configuration that is none', { config: 5 }, 'invalid_parameter', 4400],
  ['another message', { hello: 1 }, 'invalid_message', 1003],
])('%s is refused with what is allowed, and nothing is begun', async (_, message, code, close) => {
  const client = await caller(null);
  expect(await client.ask(JSON.stringify(message))).toMatchObject({ error: { code } });
  expect((await client.closed).code).toBe(close);
  expect(edge.sessions.asked).toEqual([]);
});

test('text that is no JSON, and a configuration in mid-session, close that client alone', async () => {
  const other = await caller({ session: 'other' });
  await other.ask(piece(0));
  const garbled = await caller(null);
  expect(await garbled.ask('config')).toMatchObject({ error: { code: 'invalid_message' } });
  const late = await caller();
  await late.ask(piece(0));
  expect(await late.ask('{"config":{"sample_rate":8000}}')).toMatchObject({ error: { code: 'invalid_message' } });
  expect(await other.ask(piece(0))).toEqual({ partial: '' });
});

test('a client that names its session goes on with it, after the finals it has', async () => {
  const first = await open();
  first.socket.send('{"config":{"sample_rate":16000,"session":"s"}}');
  first.socket.send(piece(0));
  const { hear } = await given(edge, 's');
  hear('one', 0, 100);
  hear('two', 100, 200);
  await edge.sessions.until('s', (state) => state.nextIndex === 2);
  first.socket.terminate();
  await edge.sessions.until('s', (state) => state.client === null);
  const again = await caller({ sample_rate: 16_000, session: 's', segment: 1 });
  const told = [await again.ask(piece(1))];
  while (!('text' in (told.at(-1) as object))) told.push(await again.ask(piece(1)));
  expect(told.at(-1)).toMatchObject({ text: 'two' });
});

test('a web page of another site is kept out, and a plain request is told what is spoken here', async () => {
  const { port } = vosk.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  expect(answer.status).toBe(426);
  await expect(connect(`ws://127.0.0.1:${port}/`, { origin: 'https://evil.example' })).rejects.toThrow('403');
});

test('a frame that is too large, and a close with a code that is not allowed, harm nobody else', async () => {
  const large = await open();
  large.socket.send(Buffer.alloc(200_001));
  expect((await large.inbox.closed).code).toBe(1009);
  const odd = await open();
  odd.socket.send('{"config":{"session":"odd"}}');
  odd.socket.send(piece(0));
  await odd.inbox.until(() => odd.inbox.messages.length === 1);
  await edge.sessions.until('odd', (state) => state.client !== null);
  (odd.socket as unknown as { readonly _socket: { write(bytes: Buffer): void } })._socket.write(
    Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe7]),
  );
  await edge.sessions.until('odd', (state) => state.client === null);
  odd.socket.terminate();
  expect(await (await caller({ session: 'other' })).ask(piece(0))).toEqual({ partial: '' });
});
