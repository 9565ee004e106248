import type { WebSocket } from 'ws';
import type { Dialect, Line } from '../../../gateway/dialects/dialect.ts';
import { LIVE_PATH, nativeDialect } from '../../../gateway/dialects/native.ts';
import { Failure } from '../../../gateway/failures.ts';
import { ClientLink } from '../../../gateway/live/client-link.ts';
import type { ClientLinkEvents } from '../../../gateway/live/session-client.ts';
import type { ClientMessage, LiveRequest } from '../../../gateway/protocol.ts';
import { finalMessage } from '../../../gateway/protocol.ts';
import { turns } from '../../harness/quiet.ts';
import { socketPair } from '../../harness/sockets.ts';
import type { Pair } from '../../harness/sockets.ts';
import { segment } from '../../workflows/session/given.ts';

const { jest } = import.meta;
const KEEPALIVE_MS = 15_000;

const catalogue = { defaultModel: 'en', models: { en: { languages: ['en'] } } };

/** A link in the native dialect, whose session has been asked for. */
function linkOf(id: string, socket: WebSocket, clientBufferBytes: number, dialect = nativeDialect(catalogue)) {
  const meeting = dialect.meet({ path: LIVE_PATH, query: new URLSearchParams(), headers: {}, protocols: [] });
  const link = new ClientLink(
    id,
    socket,
    { clientBufferBytes, keepaliveMs: KEEPALIVE_MS, tinyMessagesPerS: 1000 },
    meeting,
    () => undefined,
  );
  link.begin();
  return link;
}

let pair: Pair | null = null;
beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(async () => {
  jest.useRealTimers();
  await pair?.end();
  pair = null;
});

async function setup({ clientBufferBytes = 1 << 20, open = true, autoPong = true } = {}) {
  pair = await socketPair({ autoPong });
  const { server, client } = pair;
  const link = linkOf('c1', server, clientBufferBytes);
  const audio: Buffer[] = [];
  const messages: ClientMessage[] = [];
  const gone = Promise.withResolvers<undefined>();
  const events: ClientLinkEvents = {
    audio: (bytes) => audio.push(bytes),
    message: (message) => messages.push(message),
    gone: () => gone.resolve(undefined),
  };
  if (open) link.serve(events);
  const heard = (): Promise<unknown> => new Promise((resolve) => server.once('message', resolve));
  return { link, client, server, audio, messages, events, gone: gone.promise, heard };
}

/** A final so large that a few fill every buffer of a connection. */
const large = (index: number) => finalMessage(segment(index, 'x'.repeat(100_000)));

test('nothing is read before the link is opened, and nothing is lost', async () => {
  const { link, client, audio, events, heard } = await setup({ open: false });
  client.socket.send(Buffer.from('abc'));
  await turns(20);
  expect(audio).toEqual([]);
  const first = heard();
  link.serve(events);
  await first;
  expect(Buffer.concat(audio).toString()).toBe('abc');
});

test('a client that left before the link was opened is gone', async () => {
  const { link, client, server, events, gone } = await setup({ open: false });
  client.socket.terminate();
  server.resume();
  await new Promise((resolve) => server.once('close', resolve));
  link.serve(events);
  await gone;
  expect(link.isOpen).toBe(false);
});

test('text that is no message of the protocol closes with its code, after saying what is allowed', async () => {
  const { client, messages } = await setup();
  client.socket.send('hello');
  expect(await client.inbox.next('error')).toMatchObject({ code: 'invalid_message', retryable: false });
  expect(await client.inbox.closed).toEqual({ code: 1003, reason: 'invalid_message' });
  expect(messages).toEqual([]);
});

test('what comes after the closing was begun is let fall', async () => {
  const { link, client, audio } = await setup();
  link.fail(new Failure('superseded', 'newer'));
  client.socket.send(Buffer.from('late'));
  expect((await client.inbox.closed).code).toBe(4409);
  expect(audio).toEqual([]);
});

test('a reason longer than a close frame may hold is cut', async () => {
  const { link, client } = await setup();
  link.close(1000, 'r'.repeat(500));
  expect(await client.inbox.closed).toEqual({ code: 1000, reason: 'r'.repeat(123) });
});

describe('a client that reads too slowly', () => {
  test('loses partials first, then is closed with its code; of the finals it gets none is skipped', async () => {
    const { link, client } = await setup({ clientBufferBytes: 400_000 });
    client.socket.pause();
    let sent = 0;
    let partials = 0;
    while (link.isOpen && sent < 1000) {
      link.say(large(sent));
      sent += 1;
      link.sayPartial(Buffer.from(JSON.stringify({ type: 'partial', n: sent })));
      partials += 1;
      await turns(1);
    }
    expect(link.isOpen).toBe(false);
    client.socket.resume();
    expect(await client.inbox.closed).toEqual({ code: 4429, reason: 'slow_reader' });
    const finals = client.inbox.ofType<{ index: number }>('final').map(({ index }) => index);
    // All but the one that no longer fitted, in order.
    expect(finals).toEqual(Array.from({ length: sent - 1 }, (_, i) => i));
    expect(client.inbox.ofType('partial').length).toBeLessThan(partials - 1);
    expect(client.inbox.ofType('error')).toMatchObject([{ code: 'slow_reader', retryable: true }]);
    // The error is the last word: no final follows a gap.
    expect(client.inbox.messages.at(-1)).toMatchObject({ type: 'error' });
  });

  test('is given what can wait as fast as it reads, however slowly that is', async () => {
    const { link, client, heard } = await setup({ clientBufferBytes: 400_000 });
    let index = 0;
    // It speaks, and reads a little each time when it has not for almost as long as is allowed.
    for (let pieces = 0; pieces < 10; pieces += 1) {
      client.socket.pause();
      while (link.isOpen && link.room() === null) link.say(large(index++));
      jest.advanceTimersByTime(2 * KEEPALIVE_MS - 1);
      const room = link.room();
      client.socket.resume();
      client.socket.send('{"type":"keepalive"}');
      await Promise.all([room, heard()]);
    }
    expect(link.isOpen).toBe(true);
    await client.inbox.until(() => client.inbox.ofType('final').length === index);
    const finals = client.inbox.ofType<{ index: number }>('final');
    expect(finals.map((final) => final.index)).toEqual(Array.from({ length: index }, (_, i) => i));
  });

  test('and not at all while something waits for it is closed with its code', async () => {
    const { link, client } = await setup({ clientBufferBytes: 400_000 });
    client.socket.pause();
    for (let index = 0; link.isOpen && link.room() === null; index += 1) link.say(large(index));
    const room = link.room();
    jest.advanceTimersByTime(2 * KEEPALIVE_MS);
    expect(link.isOpen).toBe(true);
    jest.advanceTimersByTime(KEEPALIVE_MS);
    expect(link.isOpen).toBe(false);
    client.socket.resume();
    expect(await client.inbox.closed).toEqual({ code: 4429, reason: 'slow_reader' });
    await room;
    expect(link.room()).toBeNull();
  });

  test('does not hold up the others', async () => {
    const slow = await setup({ clientBufferBytes: 400_000 });
    const other = await socketPair();
    const link = linkOf('c2', other.server, 400_000);
    slow.client.socket.pause();
    for (let i = 0; slow.link.isOpen; i += 1) {
      slow.link.say(large(i));
      link.say(finalMessage(segment(i)));
      await turns(1);
    }
    const last = other.client.inbox;
    await last.until(() => last.ofType('final').length > 3);
    expect(link.isOpen).toBe(true);
    await other.end();
  });
});

describe('a silent client', () => {
  test('that answers pings is kept', async () => {
    const { link, client, server } = await setup();
    for (let round = 0; round < 10; round += 1) {
      const ponged = new Promise((resolve) => server.once('pong', resolve));
      jest.advanceTimersByTime(KEEPALIVE_MS);
      await ponged;
    }
    expect(link.isOpen).toBe(true);
    expect(client.inbox.messages).toEqual([]);
  });

  test('that answers no ping is told so, and closed with its code', async () => {
    const { client, gone } = await setup({ autoPong: false });
    for (let round = 0; round < 4; round += 1) {
      jest.advanceTimersByTime(KEEPALIVE_MS);
      await turns();
    }
    expect(await client.inbox.next('error')).toMatchObject({ code: 'idle_timeout', retryable: true });
    expect((await client.inbox.closed).code).toBe(4408);
    await gone;
  });

  test('that is not there at all is gone at once, though it does not answer the close', async () => {
    const { client, gone } = await setup({ autoPong: false });
    // Half-open: nothing is read and nothing is said on the far side.
    client.socket.pause();
    for (let round = 0; round < 3; round += 1) {
      jest.advanceTimersByTime(KEEPALIVE_MS);
      await turns();
    }
    await gone;
  });

  test('that we hold back ourselves is not blamed for its silence', async () => {
    const { link } = await setup({ autoPong: false });
    link.pause();
    for (let round = 0; round < 10; round += 1) {
      jest.advanceTimersByTime(KEEPALIVE_MS);
      await turns();
    }
    expect(link.isOpen).toBe(true);
  });
});

describe('a dialect that learns from its client which session it wants', () => {
  const request: LiveRequest = {
    ...{ model: 'en', language: 'en', priority: 'normal', session: null, index: 0, attempt: null },
    audio: { encoding: 's16le', sampleRate: 8000, channels: 1 },
  };
  /** `open` asks for the session, `full` holds the client back, anything else is audio. */
  const lazy = (over: () => void): Dialect => ({
    path: '/lazy',
    meet: () => ({
      converse: (line: Line) => ({
        begin: () => line.send('hello'),
        hear: (data) => {
          const word = data.toString();
          if (word === 'open') line.open(request);
          else if (word === 'full') line.hold(true);
          else if (word === 'bad') throw new Failure('invalid_message', 'bad');
          else line.audio(data);
        },
        say: ({ type }) => line.send(`said ${type}`),
        sayPartial: () => line.send('said partial'),
        fail: ({ type }) => {
          line.send(`failed ${type}`);
          return { code: 4000, reason: 'as it says' };
        },
        gone: over,
      }),
    }),
  });

  async function lazily() {
    pair = await socketPair();
    const { server, client } = pair;
    const asked: unknown[] = [];
    const gone = { times: 0 };
    const dialect = lazy(() => (gone.times += 1));
    const meeting = dialect.meet({ path: '/lazy', query: new URLSearchParams(), headers: {}, protocols: [] });
    const settings = { clientBufferBytes: 1 << 20, keepaliveMs: KEEPALIVE_MS, tinyMessagesPerS: 1000 };
    const link = new ClientLink('c1', server, settings, meeting, (wanted) => asked.push(wanted));
    link.begin();
    const say = async (...words: string[]) => {
      for (const word of words) client.socket.send(word);
      await turns(20);
    };
    const { messages: said, closed } = client.inbox;
    return { link, server, asked, said, closed, say, gone };
  }

  test('is read from the beginning; what comes before the session is open waits for it, in order', async () => {
    const { link, asked, said, say } = await lazily();
    await say('open', 'a', 'b');
    expect(said).toEqual(['hello']);
    expect(asked).toEqual([request]);
    const audio: string[] = [];
    link.serve({ audio: (bytes) => audio.push(bytes.toString()), message: () => undefined, gone: () => undefined });
    await say('c');
    expect(audio.join('')).toBe('abc');
    link.say({ type: 'started' });
    await turns(5);
    expect(said).toEqual(['hello', 'said started']);
  });

  test('holds its client back for reasons of its own, beside those of the session', async () => {
    const { link, server, say } = await lazily();
    await say('open');
    link.serve({ audio: () => undefined, message: () => undefined, gone: () => undefined });
    await say('full');
    expect(server.isPaused).toBe(true);
    link.pause();
    link.hold(false);
    expect(server.isPaused).toBe(true);
    link.resume();
    expect(server.isPaused).toBe(false);
  });

  test('tells failures in its own words and with its own code, and is told once that it is over', async () => {
    const { said, say, closed, gone } = await lazily();
    await say('bad');
    expect(await closed).toEqual({ code: 4000, reason: 'as it says' });
    expect(said).toEqual(['hello', 'failed invalid_message']);
    expect(gone.times).toBe(1);
  });
});

test('a close reason longer than a frame holds is cut, whatever its letters are', async () => {
  const { link, client } = await setup();
  link.close(1008, `${'x'.repeat(100)}${'é'.repeat(100)}`);
  const { reason } = await client.inbox.closed;
  expect(reason).toBe(`${'x'.repeat(100)}${'é'.repeat(11)}`);
});
