/** Several sessions on one connection. */
import type { Dialect, Line, SessionLine } from '../../../gateway/dialects/dialect.ts';
import { Failure } from '../../../gateway/failures.ts';
import { ClientLink } from '../../../gateway/live/client-link.ts';
import type { SessionClient } from '../../../gateway/live/session-client.ts';
import { parseLiveRequest } from '../../../gateway/protocol.ts';
import { socketPair } from '../../harness/sockets.ts';
import type { Pair } from '../../harness/sockets.ts';

let pair: Pair | null = null;
afterEach(async () => {
  await pair?.end();
  pair = null;
});

const catalogue = { defaultModel: 'en', models: { en: { languages: ['en'] } }, aliases: {} };
const request = parseLiveRequest(new URLSearchParams(), catalogue);

/** A dialect of two sessions: each is given all audio, and says what it says with its number. */
async function setup() {
  const parts: SessionLine[] = [];
  let line: Line | null = null;
  const dialect: Dialect = {
    path: '/two',
    meet: () => ({
      converse: (given) => {
        line = given;
        const say = (n: number) => (message: object) => given.send(JSON.stringify({ n, ...message }));
        return {
          begin: () =>
            [0, 1].forEach((n) => parts.push(given.join(request, { say: say(n), sayPartial: () => undefined }))),
          hear: (data) => parts.forEach((part) => part.audio(data)),
          say: () => undefined,
          sayPartial: () => undefined,
          fail: (failure) => ({ code: failure.row.closeCode, reason: failure.type }),
        };
      },
    }),
  };
  pair = await socketPair();
  const clients: SessionClient[] = [];
  const meeting = dialect.meet({ path: '/two', query: new URLSearchParams(), headers: {}, protocols: [] });
  const settings = { clientBufferBytes: 1 << 20, keepaliveMs: 15_000, tinyMessagesPerS: 1000 };
  const link = new ClientLink('c', pair.server, settings, meeting, (_request, client) => clients.push(client));
  link.begin();
  const heard: string[][] = [[], []];
  const gone: number[] = [];
  const serve = (n: number) =>
    clients[n]?.serve({
      audio: (bytes) => heard[n]?.push(bytes.toString()),
      message: () => undefined,
      gone: () => gone.push(n),
    });
  const [first, second] = clients as [SessionClient, SessionClient];
  return {
    link,
    line: line as unknown as Line,
    client: pair.client,
    server: pair.server,
    first,
    second,
    serve,
    heard,
    gone,
  };
}

test('nothing is read before each session is open, and each is given all', async () => {
  const { client, server, serve, heard, line } = await setup();
  client.socket.send(Buffer.from('abc'));
  serve(0);
  expect(line.isHeld).toBe(true);
  const message = new Promise((resolve) => server.once('message', resolve));
  serve(1);
  expect(line.isHeld).toBe(false);
  await message;
  expect(heard).toEqual([['abc'], ['abc']]);
});

test('a session without room holds the whole connection; one that has ended holds nothing', async () => {
  const { first, second, serve, line } = await setup();
  serve(0);
  serve(1);
  first.pause();
  second.pause();
  second.resume();
  expect([first.isPaused, second.isPaused, line.isHeld]).toEqual([true, false, true]);
  first.close(1000, 'completed');
  expect(line.isHeld).toBe(false);
});

test('the connection is closed with its last session', async () => {
  const { client, first, second, serve, gone } = await setup();
  serve(0);
  serve(1);
  first.say({ type: 'started' });
  first.close(1000, 'completed');
  first.say({ type: 'started' });
  second.say({ type: 'started' });
  second.close(1000, 'completed');
  expect(await client.inbox.closed).toEqual({ code: 1000, reason: 'completed' });
  expect(client.inbox.messages).toEqual([
    { n: 0, type: 'started' },
    { n: 1, type: 'started' },
  ]);
  expect(gone).toEqual([0, 1]);
});

test('a session that fails ends the connection, and the others are told that the client is gone', async () => {
  const { client, first, serve, gone } = await setup();
  serve(0);
  serve(1);
  first.fail(new Failure('engine_failed', 'again and again'));
  expect(await client.inbox.closed).toEqual({ code: 4425, reason: 'engine_failed' });
  expect(gone.sort()).toEqual([0, 1]);
});

test('a session that is opened when the client has left is told so', async () => {
  const { client, server, link, serve, gone } = await setup();
  client.socket.terminate();
  server.resume();
  await new Promise((resolve) => server.once('close', resolve));
  expect(link.isOpen).toBe(false);
  serve(0);
  expect(gone).toEqual([0]);
});
