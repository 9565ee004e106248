import { Failure } from '../../../gateway/failures.ts';
import { ClientLink } from '../../../gateway/live/client-link.ts';
import type { ClientLinkEvents } from '../../../gateway/live/client-link.ts';
import type { ClientMessage } from '../../../gateway/protocol.ts';
import { finalMessage } from '../../../gateway/protocol.ts';
import { turns } from '../../harness/quiet.ts';
import { socketPair } from '../../harness/sockets.ts';
import type { Pair } from '../../harness/sockets.ts';
import { segment } from '../../workflows/session/given.ts';

const { jest } = import.meta;
const KEEPALIVE_MS = 15_000;

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
  const link = new ClientLink('c1', server, { clientBufferBytes, keepaliveMs: KEEPALIVE_MS });
  const audio: Buffer[] = [];
  const messages: ClientMessage[] = [];
  const gone = Promise.withResolvers<undefined>();
  const events: ClientLinkEvents = {
    audio: (bytes) => audio.push(bytes),
    message: (message) => messages.push(message),
    gone: () => gone.resolve(undefined),
  };
  if (open) link.open(events);
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
  link.open(events);
  await first;
  expect(Buffer.concat(audio).toString()).toBe('abc');
});

test('a client that left before the link was opened is gone', async () => {
  const { link, client, server, events, gone } = await setup({ open: false });
  client.socket.terminate();
  server.resume();
  await new Promise((resolve) => server.once('close', resolve));
  link.open(events);
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
      link.send(large(sent));
      sent += 1;
      link.sendPartial(Buffer.from(JSON.stringify({ type: 'partial', n: sent })));
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
      while (link.isOpen && link.room() === null) link.send(large(index++));
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
    for (let index = 0; link.isOpen && link.room() === null; index += 1) link.send(large(index));
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
    const link = new ClientLink('c2', other.server, { clientBufferBytes: 400_000, keepaliveMs: KEEPALIVE_MS });
    slow.client.socket.pause();
    for (let i = 0; slow.link.isOpen; i += 1) {
      slow.link.send(large(i));
      link.send(finalMessage(segment(i)));
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
