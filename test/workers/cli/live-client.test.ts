/** The live client against a small server that keeps to docs/protocol.md. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { LiveClient, type LiveClientOptions } from '../../../workers/cli/live-client.ts';
import { sendAudio } from '../../../workers/cli/real-time.ts';

interface Connection {
  readonly socket: WebSocket;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  audio: Buffer;
  readonly texts: string[];
}

let http: Server;
let sockets: WebSocketServer;
let url: string;
const clients: LiveClient[] = [];
/** What the server does with a connection. */
let serve: (connection: Connection, number: number) => void;
const connections: Connection[] = [];
let wake = (): void => undefined;

beforeEach(async () => {
  http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  sockets = new WebSocketServer({ server: http });
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  connections.length = 0;
  sockets.on('connection', (socket, request) => {
    const query = new URL(request.url ?? '', url).searchParams;
    const connection: Connection = {
      socket,
      query,
      authorization: request.headers.authorization,
      audio: Buffer.alloc(0),
      texts: [],
    };
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) connection.audio = Buffer.concat([connection.audio, data]);
      else connection.texts.push(data.toString());
      wake();
    });
    serve(connection, connections.push(connection) - 1);
  });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets.clients) socket.terminate();
  http.closeAllConnections();
  await new Promise((closed) => http.close(closed));
});

function connect(options: Partial<LiveClientOptions> = {}): LiveClient {
  const client = new LiveClient({ url, pauseMs: 5, maxPauseMs: 20, ...options });
  clients.push(client);
  return client.connect();
}
const say = (connection: Connection, message: Record<string, unknown>): void =>
  connection.socket.send(JSON.stringify(message));
const greet = (connection: Connection, durableBytes = 0): void =>
  say(connection, { type: 'session', id: connection.query.get('session'), durableBytes, nextIndex: 0 });
const final = (index: number) => ({ type: 'final', index, text: `text ${index}`, words: [] });
const done = { type: 'done', segments: 1, audioMs: 1, state: 'completed' };
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((woken) => (wake = woken));
}
const pattern = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from }, (_, at) => ((from + at) * 31) & 0xff));

test('a session: parameters, audio, finals, end, done', async () => {
  serve = (connection) => {
    greet(connection);
    say(connection, final(0));
    connection.socket.on('message', (data: Buffer) => data.toString() === '{"type":"end"}' && say(connection, done));
  };
  const client = connect({ parameters: { model: 'en', encoding: 'mulaw' }, session: 'call-1', key: 'k' });
  const texts: string[] = [];
  client.on('final', ({ text }) => texts.push(text));
  client.send(pattern(0, 1000));
  client.finalize();
  client.end();
  expect(await client.result).toEqual(done);
  const [connection] = connections;
  expect(Object.fromEntries(connection?.query ?? [])).toEqual({
    model: 'en',
    encoding: 'mulaw',
    session: 'call-1',
    index: '0',
    client: expect.stringMatching(/^[\w-]{36}$/) as string,
    attempt: '1',
  });
  expect(connection?.authorization).toBe('Bearer k');
  expect(connection?.audio).toEqual(pattern(0, 1000));
  expect(connection?.texts).toEqual(['{"type":"finalize"}', '{"type":"end"}']);
  expect(texts).toEqual(['text 0']);
});

test('audio waits until the server has said from where it wants it', async () => {
  serve = () => undefined;
  const client = connect();
  client.send(pattern(0, 10));
  while (connections[0] === undefined) await new Promise((next) => setImmediate(next));
  expect(connections[0].audio).toHaveLength(0);
  greet(connections[0]);
  await until(() => connections[0]?.audio.length === 10);
});

test('audio given by a listener of `session` goes out once', async () => {
  serve = (connection) => greet(connection);
  const client = connect();
  client.on('session', () => client.send(pattern(0, 100)));
  client.once('session', () => client.end());
  await until(() => connections[0]?.texts.length === 1);
  expect(connections[0]?.audio).toEqual(pattern(0, 100));
});

test('after a break the client resumes: from the byte the server names, with the finals it has, and end again', async () => {
  serve = (connection, number) => {
    if (number > 0) {
      greet(connection, 60_000);
      say(connection, final(1));
      return;
    }
    greet(connection);
    say(connection, final(0));
    say(connection, { type: 'ack', durableBytes: 50_000 });
  };
  const client = connect({ session: 'call-2' });
  const indexes: number[] = [];
  client.on('final', ({ index }) => indexes.push(index));
  client.send(pattern(0, 100_000));
  client.end();
  await once(client, 'ack');
  expect(client.pendingBytes).toBe(50_000);
  connections[0]?.socket.terminate();
  const [{ why }] = (await once(client, 'reconnecting')) as [{ why: string }];
  expect(why).toContain('1006');
  await until(() => connections[1]?.texts.length === 1);
  expect(connections[1]?.query.get('session')).toBe('call-2');
  expect(connections[1]?.query.get('index')).toBe('1');
  expect(connections[1]?.audio).toEqual(pattern(60_000, 100_000));
  expect(connections[1]?.texts).toEqual(['{"type":"end"}']);
  expect(indexes).toEqual([0, 1]);
});

test('a final that was had already is not told again', async () => {
  serve = (connection) => {
    greet(connection);
    for (const index of [0, 0, 1, 0, 1, 2]) say(connection, final(index));
    say(connection, done);
  };
  const client = connect();
  const indexes: number[] = [];
  client.on('final', ({ index }) => indexes.push(index));
  await client.result;
  expect(indexes).toEqual([0, 1, 2]);
});

test('a missing final is an error, not a gap', async () => {
  serve = (connection) => {
    greet(connection);
    say(connection, final(1));
  };
  await expect(connect().result).rejects.toMatchObject({ code: 'protocol', message: 'final 1 came instead of 0' });
});

test('a client that resumes a session from the start of its file sends only what is missing', async () => {
  serve = (connection) => greet(connection, 70_000);
  const client = connect();
  await once(client, 'session');
  await sendAudio(client, [pattern(0, 50_000), pattern(50_000, 100_000)], {
    bytesPerSecond: 32_000,
    chunkMs: 100,
    realTime: false,
  });
  await until(() => connections[0]?.texts.length === 1);
  expect(connections[0]?.audio).toEqual(pattern(70_000, 100_000));
});

test('a retryable error is tried again; another one ends the session with its code', async () => {
  serve = (connection, number) => {
    const code = number < 2 ? 'temporal_unavailable' : 'unknown_model';
    say(connection, { type: 'error', code, message: `no: ${code}`, retryable: number < 2 });
    connection.socket.close(number < 2 ? 1013 : 4400);
  };
  const client = connect();
  await expect(client.result).rejects.toMatchObject({ code: 'unknown_model', message: 'no: unknown_model' });
  expect(connections).toHaveLength(3);
});

test('a session that a newer connection has taken is left alone', async () => {
  serve = (connection) => {
    greet(connection);
    connection.socket.close(4409, 'superseded');
  };
  await expect(connect().result).rejects.toMatchObject({ code: 'closed' });
  expect(connections).toHaveLength(1);
});

test('a refused upgrade says what the problem document says', async () => {
  sockets.close();
  http.removeAllListeners('upgrade');
  http.on('upgrade', (_request, socket) => {
    const body = JSON.stringify({ title: 'x', detail: 'model "fr": one of en' });
    socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  });
  await expect(connect().result).rejects.toMatchObject({ code: 'refused', message: 'model "fr": one of en' });
});

test('a server that cannot be reached at first is an error at once', async () => {
  const dead = createServer().listen(0, '127.0.0.1');
  await once(dead, 'listening');
  const { port } = dead.address() as AddressInfo;
  await new Promise((closed) => dead.close(closed));
  const client = connect({ url: `ws://127.0.0.1:${port}` });
  await expect(client.result).rejects.toMatchObject({ code: 'unreachable' });
});

test('a server that falls silent is left for another attempt', async () => {
  serve = (connection, number) => {
    greet(connection);
    if (number === 1) say(connection, done);
  };
  const client = connect({ silenceMs: 100 });
  expect(await client.result).toEqual(done);
  expect(connections).toHaveLength(2);
});

test.each([
  ['is not there', 1006, 1.15],
  ['says not now', 1013, 2],
])('the pauses before a server that %s grow, to the longest', async (_what, code, growth) => {
  serve = (connection, index) => {
    if (index === 0) greet(connection);
    else if (code !== 1006) say(connection, { type: 'error', code: 'queue_full', message: 'later', retryable: true });
    if (code === 1006) connection.socket.terminate();
    else connection.socket.close(code);
  };
  const client = connect({ pauseMs: 10, maxPauseMs: 40 });
  const pauses: number[] = [];
  client.on('reconnecting', ({ inMs }) => {
    pauses.push(inMs);
    wake();
  });
  await until(() => pauses.length === 5);
  pauses.slice(1).forEach((inMs, i) => {
    const longest = Math.min(40, 10 * (i === 0 ? 1.15 : 1.15 * growth ** i));
    expect({ i, within: inMs >= Math.floor(longest / 2) && inMs <= Math.ceil(longest) }).toEqual({ i, within: true });
  });
});

test('without a connection for long enough the client gives up', async () => {
  serve = (connection) => {
    greet(connection);
    sockets.close();
    http.removeAllListeners('upgrade');
    http.on('upgrade', (_request, socket) => socket.destroy());
    connection.socket.terminate();
  };
  await expect(connect({ giveUpAfterMs: 60 }).result).rejects.toMatchObject({ code: 'gave_up' });
});

test('room waits while too much is unacknowledged', async () => {
  serve = (connection) => greet(connection);
  const client = connect({ maxPendingBytes: 1000 });
  await once(client, 'session');
  client.send(pattern(0, 1000));
  let hasRoom = false;
  const room = client.room().then(() => (hasRoom = true));
  await until(() => connections[0]?.audio.length === 1000);
  expect(hasRoom).toBe(false);
  const [connection] = connections;
  if (connection !== undefined) say(connection, { type: 'ack', durableBytes: 1 });
  expect(await room).toBe(true);
});

test('a server that asks for acknowledged audio again is an error that says so', async () => {
  serve = (connection, number) => {
    greet(connection);
    if (number > 0) return;
    say(connection, { type: 'ack', durableBytes: 10 });
  };
  const client = connect();
  client.send(pattern(0, 20));
  await once(client, 'ack');
  connections[0]?.socket.terminate();
  await expect(client.result).rejects.toMatchObject({ code: 'audio_lost' });
});

test('audio is given at the pace at which it was spoken', async () => {
  serve = (connection) => {
    greet(connection);
    connection.socket.on('message', (data: Buffer) => data.toString() === '{"type":"end"}' && say(connection, done));
  };
  const client = connect();
  const begunMs = performance.now();
  await sendAudio(client, [pattern(0, 9600)], { bytesPerSecond: 32_000, chunkMs: 20, realTime: true });
  expect(performance.now() - begunMs).toBeGreaterThan(295);
  await client.result;
  expect(connections[0]?.audio).toEqual(pattern(0, 9600));
});
