/** What comes to the gateway's WebSocket addresses that should not: each gets its documented answer, and the process lives. */
import { connect as dial } from 'node:net';
import { WebSocket } from 'ws';
import { Edge } from '../../harness/edge.ts';
import { PLANE_CLOSE } from '../../../workflows/audio-plane.ts';
import { sessionWorkflowId } from '../../../workflows/contract.ts';
import type { Client } from '../../harness/edge.ts';
import { connect } from '../../harness/sockets.ts';
import { turns } from '../../harness/quiet.ts';
import { workerWith } from './admitted.ts';

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge({ maxFrameBytes: 10_000 }).listen();
});
afterEach(() => edge.end());

/** Another session that must not notice. */
async function unharmed(): Promise<void> {
  const client = await edge.client('session=other');
  client.send(Buffer.alloc(100));
  await client.acked(100);
}

/** Writes bytes to the port and answers what comes back until the connection ends. */
async function raw(text: string): Promise<string> {
  const socket = dial(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.setEncoding('latin1');
  let answer = '';
  socket.on('data', (data: string) => (answer += data));
  socket.write(text);
  // Also where the rest of what was written is not read any more, which resets the connection.
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}

const upgrade = (target: string, headers = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`;

test.each(['//', '//[', 'http://[', '/nowhere', '/v1/live/', '/v1', '/%zz', '*', '/v1/live%00', '/internal'])(
  'an upgrade at %s, which is none of ours, is not found',
  async (target) => {
    expect(await raw(upgrade(target))).toMatch(/^HTTP\/1\.1 4\d\d /);
    await unharmed();
  },
);

test('a handshake that is none is a bad request', async () => {
  expect(
    await raw('GET /v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
  ).toMatch(/^HTTP\/1\.1 400 /);
  expect(await raw(upgrade('/v1/live').replace('websocket', 'h2c'))).toMatch(/^HTTP\/1\.1 400 /);
  await unharmed();
});

test('a head of 64 kB is refused, of a request as of an upgrade', async () => {
  const long = `Authorization: Bearer ${'x'.repeat(64 << 10)}\r\n`;
  expect(await raw(upgrade('/v1/live', long))).toMatch(/^HTTP\/1\.1 431 /);
  expect(await raw(`GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\n${long}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  expect(JSON.stringify(edge.lines)).not.toContain('xxx');
  await unharmed();
});

test.each([
  ['nonsense=1', 'unknown_parameter', 4400],
  ['model=nope', 'unknown_model', 4400],
  ['language=xx', 'unknown_language', 4400],
  ['sample_rate=1', 'invalid_parameter', 4400],
  ['session=a&session=b', 'invalid_parameter', 4400],
  ['content-type=%ZZ', 'unknown_parameter', 4400],
])('a connection with %s is told %s and closed with %d', async (query, code, close) => {
  const client = await edge.client(query);
  expect(await client.inbox.next('error')).toMatchObject({ code, retryable: false });
  expect(await client.inbox.closed).toEqual({ code: close, reason: code });
  expect(edge.sessions.asked).toEqual([]);
});

test('another format than the session was started with is refused, with the one it was', async () => {
  const first = await edge.client('session=s&encoding=mulaw');
  await first.session();
  const second = await edge.client('session=s');
  expect(await second.inbox.next('error')).toMatchObject({ code: 'format_changed', retryable: false });
  expect(await second.code()).toBe(4415);
  expect(first.socket.readyState).toBe(WebSocket.OPEN);
});

test('above the limit of its tenant a new session is refused for now, and one that is open comes in again', async () => {
  const limited = await new Edge({ maxTenantSessions: 1 }).listen();
  await (await limited.client('session=first')).session();
  const second = await limited.client('session=second');
  expect(await second.inbox.next('error')).toMatchObject({ code: 'tenant_limit', retryable: true });
  expect(await second.code()).toBe(1013);
  await (await limited.client('session=first')).session();
  await limited.end();
});

async function bounded(maxQueue: number): Promise<void> {
  await edge.end();
  edge = await new Edge({ maxQueue }).listen();
}

const answerOf = async (id: string): Promise<string> => {
  const { inbox } = await edge.client(`session=${id}`);
  await inbox.until(() => inbox.ofType('session').length + inbox.ofType('error').length > 0);
  return inbox.ofType<{ code: string }>('error')[0]?.code ?? 'comes in';
};

test('of a burst of clients as many come in as may wait; the others are refused for now', async () => {
  await bounded(3);
  const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => edge.client(`session=s${i}`)));
  await Promise.all(clients.map(({ inbox }) => inbox.until(() => inbox.messages.length > 0)));
  const refused = clients.filter(({ inbox }) => inbox.ofType('session').length === 0);
  expect(refused).toHaveLength(7);
  for (const client of refused) {
    expect(await client.inbox.next('error')).toMatchObject({ code: 'queue_full', retryable: true });
    expect(await client.code()).toBe(1013);
  }
});

test('a session that gets a worker, or is over before, makes room for the next one to wait at once', async () => {
  await bounded(1);
  const answers = async (...ids: string[]): Promise<string[]> => {
    const all: string[] = [];
    for (const id of ids) all.push(await answerOf(id));
    return all;
  };
  expect(await answers('a', 'b')).toEqual(['comes in', 'queue_full']);
  await edge.worker({ epoch: edge.sessions.grant('a').epoch, id: 'a' });
  await (await edge.client('session=a')).inbox.next('started');
  expect(await answers('c', 'd')).toEqual(['comes in', 'queue_full']);
  const waiting = await edge.client('session=c');
  await waiting.session();
  await edge.sessions.cancel({ tenant: 't', id: 'c' });
  await waiting.inbox.next('done');
  expect(await answers('e', 'f')).toEqual(['comes in', 'queue_full']);
});

test('the slot of a session that has ended is free at once', async () => {
  await bounded(0);
  const { sessions } = edge;
  sessions.present = [workerWith('w', 1, [])];
  const client = await edge.client('session=a');
  await client.session();
  await edge.worker({ epoch: sessions.grant('a').epoch, id: 'a' });
  await client.inbox.next('started');
  sessions.present = [workerWith('w', 1, [sessionWorkflowId({ tenant: 't', id: 'a' })])];
  expect(await answerOf('b')).toBe('queue_full');
  await sessions.complete('a');
  await client.inbox.next('done');
  expect([await answerOf('c'), await answerOf('d')]).toEqual(['comes in', 'queue_full']);
});

test('the slot of a worker that hands its lease back is free at once; that of one that is lost is not', async () => {
  await bounded(0);
  const { sessions } = edge;
  sessions.present = [workerWith('w', 1, [])];
  expect(await answerOf('a')).toBe('comes in');
  const lost = await edge.worker({ epoch: sessions.grant('a').epoch, id: 'a' });
  sessions.present = [workerWith('w', 1, [sessionWorkflowId({ tenant: 't', id: 'a' })])];
  lost.socket.terminate();
  await sessions.untilAsked('workerLost');
  expect(await answerOf('b')).toBe('queue_full');
  const again = await edge.worker({ epoch: sessions.grant('a').epoch, id: 'a' });
  again.socket.close(PLANE_CLOSE.leaseEnded, 'quiet');
  await again.inbox.closed;
  expect(await answerOf('c')).toBe('comes in');
});

test('text where audio belongs closes that session alone, with 1003', async () => {
  const client = await edge.client();
  client.socket.send('RIFF');
  expect(await client.inbox.next('error')).toMatchObject({ code: 'invalid_message' });
  expect(await client.code()).toBe(1003);
  await edge.sessions.until('s', (state) => state.client === null);
  await unharmed();
});

test('a frame larger than the limit closes with 1009', async () => {
  const client = await edge.client();
  client.send(Buffer.alloc(10_001));
  expect(await client.code()).toBe(1009);
  await edge.sessions.until('s', (state) => state.client === null);
  await unharmed();
});

test('fragments that together are larger than the limit close with 1009', async () => {
  const client = await edge.client();
  for (let i = 0; i < 12; i += 1) client.socket.send(Buffer.alloc(1000), { fin: false });
  expect(await client.code()).toBe(1009);
  await unharmed();
});

test('fragments without end and without a byte close with 1008', async () => {
  const client = await edge.client();
  await client.session();
  for (let i = 0; i < 20_000; i += 1) client.socket.send(Buffer.alloc(0), { fin: false });
  expect(await client.code()).toBe(1008);
  await edge.sessions.until('s', (state) => state.client === null);
  await unharmed();
});

/** Sends as long as it may. */
const flood = async (client: Client, once: () => void): Promise<void> => {
  for (let sent = 0; sent < 1_000_000 && client.socket.readyState === WebSocket.OPEN; sent += 1) {
    once();
    if (sent % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
};

test('a million frames of one byte are ended with 1008, and what is stored of them stays', async () => {
  const client = await edge.client();
  await client.session();
  const byte = Buffer.alloc(1);
  await flood(client, () => client.send(byte));
  expect(await client.inbox.next('error')).toMatchObject({
    code: 'rate_limit',
    retryable: true,
    message: expect.stringMatching(/1000 messages a second of less than 32 bytes/) as string,
  });
  expect(await client.inbox.closed).toEqual({ code: 1008, reason: 'rate_limit' });
  await edge.sessions.until('s', (state) => state.client === null);
  expect(edge.sessions.state('s').phase.name).toBe('queued');
  await unharmed();
}, 30_000);

test('pings without end count as such frames, also of a client that waits for each answer', async () => {
  const strict = await new Edge({ tinyMessagesPerS: 1 }).listen();
  const client = await strict.client();
  await client.session();
  const ping = (): void => client.socket.ping();
  client.socket.on('pong', ping);
  ping();
  expect(await client.inbox.closed).toEqual({ code: 1008, reason: 'rate_limit' });
  await strict.end();
});

test('frames of 1 ms of audio and more may come as fast as they are stored', async () => {
  const strict = await new Edge({ tinyMessagesPerS: 1 }).listen();
  const client = await strict.client();
  await client.session();
  for (let i = 0; i < 5000; i += 1) client.send(Buffer.alloc(32));
  await client.acked(5000 * 32);
  await strict.end();
});

test('compression is not agreed on, so that no frame is more than its bytes', async () => {
  const { socket } = await connect(`ws://127.0.0.1:${edge.port}/v1/live`, { perMessageDeflate: true });
  expect(socket.extensions).toBe('');
  socket.terminate();
});

/** A frame as a client writes it: FIN and opcode, a mask of zeros. */
const frame = (head: number, length: number, bytes = Buffer.alloc(length)): Buffer =>
  Buffer.concat([Buffer.from([head, 0x80 | length, 0, 0, 0, 0]), bytes]);

test.each<[string, Buffer]>([
  ['that is compressed all the same', frame(0xc2, 10)],
  ['of a kind that there is not', frame(0x83, 10)],
  ['without a mask', Buffer.from([0x82, 2, 1, 2])],
  ['that goes on where none was begun', frame(0x80, 10)],
  ['that closes in two halves', frame(0x08, 2, Buffer.from([0x03, 0xe8]))],
  ['that closes with one byte for a code', frame(0x88, 1)],
  ['that closes with the code 5000', frame(0x88, 2, Buffer.from([0x13, 0x88]))],
  ['that closes with a reason of 124 bytes', Buffer.concat([Buffer.from([0x88, 0xfe, 0, 126, 0, 0, 0, 0, 0x03, 0xe8]), Buffer.alloc(124, 'x')])], // prettier-ignore
])('a frame %s is a fault of the protocol: 1002, and the session stays open', async (_what, bytes) => {
  const client = await edge.client();
  await client.session();
  (client.socket as unknown as { readonly _socket: { write(bytes: Buffer): void } })._socket.write(bytes);
  expect(await client.code()).toBe(1002);
  await edge.sessions.until('s', (state) => state.client === null);
  expect(edge.sessions.state('s').phase.name).toBe('queued');
  await unharmed();
});

test('text that is no UTF-8 closes with 1007', async () => {
  const client = await edge.client();
  client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
  expect(await client.code()).toBe(1007);
  await unharmed();
});

test('a close without a code, and one with a code that is not allowed, leave the session open', async () => {
  for (const frame of [Buffer.from([0x88, 0x80, 0, 0, 0, 0]), Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe7])]) {
    const client = await edge.client();
    await client.session();
    const raws = client.socket as unknown as { readonly _socket: { write(bytes: Buffer): void } };
    raws._socket.write(frame);
    await edge.sessions.until('s', (state) => state.client === null);
    client.socket.terminate();
  }
  expect(edge.sessions.state('s').phase.name).toBe('queued');
  await unharmed();
});

test('one odd byte of audio is no sample: the session ends with nothing', async () => {
  const client = await edge.client();
  client.send(Buffer.from([1]));
  client.say({ type: 'end' });
  await edge.sessions.until('s', (state) => state.audioEndByte === 0);
});

test('a client that sends faster than storage stores is held back, and loses nothing', async () => {
  await edge.end();
  const gate = Promise.withResolvers<undefined>();
  const { backstage } = edge;
  edge = new Edge({ sessionBufferBytes: 64_000, maxFrameBytes: 1 << 20 }, backstage, {
    audioLog: {
      append: async (prefix, at, bytes) => {
        await gate.promise;
        return backstage.audioLog.append(prefix, at, bytes);
      },
      extent: (prefix) => backstage.audioLog.extent(prefix),
      seal: (prefix, at) => backstage.audioLog.seal(prefix, at),
      read: (prefix, from, to) => backstage.audioLog.read(prefix, from, to),
    },
  });
  await edge.listen();
  const client = await edge.client();
  await client.session();
  const bytes = 40 << 20;
  for (let sent = 0; sent < bytes; sent += 1 << 20) client.send(Buffer.alloc(1 << 20, sent >> 20));
  // Until nothing moves any more: the kernel's buffers are full, ours holds its bound, the rest waits at the client.
  for (let last = -1; client.socket.bufferedAmount !== last;) {
    last = client.socket.bufferedAmount;
    await turns(100);
  }
  const waiting = client.socket.bufferedAmount;
  gate.resolve(undefined);
  expect(waiting).toBeGreaterThan(10 << 20);
  await client.acked(bytes);
  const stored = await edge.stored();
  expect(stored).toHaveLength(bytes);
  for (let at = 0; at < bytes; at += 1 << 19) expect(stored[at]).toBe(at >> 20);
}, 30_000);
