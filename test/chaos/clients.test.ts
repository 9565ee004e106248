/** Clients that misbehave: memory stays bounded, nobody else notices, and what was acknowledged is transcribed. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { Caller, noise, undisturbed } from '../harness/caller.ts';
import { expectCovered, expectWhole } from '../harness/invariants.ts';
import { connect } from '../harness/sockets.ts';
import type { Opened } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import type { Part } from '../harness/system.ts';

const SEGMENT_MS = 400;
/** So dense are the finals of model `dense` that minutes of audio fill every buffer of a connection. */
const DENSE_MS = 20;
const KEEPALIVE_MS = 2000;

let system: System;
let other: Part;
beforeAll(async () => {
  system = await System.start({
    models: {
      en: { engine: 'scripted', segmentMs: SEGMENT_MS },
      dense: { engine: 'scripted', segmentMs: DENSE_MS },
    },
    settings: {
      LONGHAND_WORKER_SILENCE_MS: '5000',
      LONGHAND_KEEPALIVE_MS: String(KEEPALIVE_MS),
      LONGHAND_CLIENT_BUFFER_BYTES: '200000',
      LONGHAND_SESSION_BUFFER_BYTES: '256000',
      // What floods of tiny messages cost shows only where they are let in.
      LONGHAND_TINY_MESSAGES_PER_S: '1000000',
    },
  });
  await system.addWorker({ LONGHAND_MODEL: 'dense' });
  other = await system.add('gateway');
}, 120_000);
afterAll(() => system.stop(), 30_000);

const address = (query: string): string => `${system.url}/v1/live?${query}`;
const say = (socket: WebSocket, type: string): void => socket.send(JSON.stringify({ type }));
const finalsOf = ({ inbox }: Opened): number[] => inbox.ofType<{ index: number }>('final').map(({ index }) => index);
const range = (from: number, end: number): number[] => Array.from({ length: end - from }, (_, i) => from + i);

/** Sends audio in frames of so many bytes, as fast as the socket takes it. */
function flood(socket: WebSocket, audio: Buffer, frameBytes: (n: number) => number): void {
  for (let at = 0, n = 0; at < audio.length; n += 1) {
    const end = at + frameBytes(n);
    socket.send(audio.subarray(at, end));
    at = end;
  }
}

/** Another client looks at a session that has ended: all it is given must be whole. */
async function witness(session: string): Promise<Caller> {
  const caller = new Caller(system.url, { session, audio: Buffer.alloc(0) });
  await Promise.all([caller.call(), caller.done()]);
  return caller;
}

/** The most memory that the gateway has held, in MB. */
async function peakMb(): Promise<number> {
  const status = await readFile(`/proc/${system.gateway.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) / 1024;
}

interface Seen {
  readonly segments: number;
  readonly attached: boolean;
}

async function until(session: string, test: (seen: Seen) => boolean): Promise<void> {
  while (!test((await system.json(`/v1/sessions/${session}`)) as Seen)) await pause(50);
}

describe('a client that stops reading', () => {
  const AUDIO = noise('slow', 500_000);
  const COUNT = AUDIO.length / 32 / DENSE_MS;

  test('loses partials, then is closed with its code, and skips no final; others do not notice; later it gets the rest', async () => {
    const audio = noise('beside', 8000);
    const beside = await new Caller(system.url, { session: 'beside', audio, speed: 2 }).call();
    const slow = await connect(address('session=slow&model=dense'));
    await slow.inbox.next('started');
    slow.socket.pause();
    const alive = setInterval(() => say(slow.socket, 'keepalive'), 500);
    flood(slow.socket, AUDIO, () => 32_000);
    await until('slow', ({ attached }) => !attached);
    clearInterval(alive);
    slow.socket.resume();
    expect(await slow.inbox.closed).toEqual({ code: 4429, reason: 'slow_reader' });
    await beside.done();
    expect(beside.reconnects).toBe(0);
    await expectWhole(system, beside, audio, SEGMENT_MS);
    const had = finalsOf(slow);
    expect(had.length).toBeLessThan(COUNT);
    expect(had).toEqual(range(0, had.length));
    const again = await connect(address(`session=slow&model=dense&index=${had.length}`));
    const { durableBytes } = await again.inbox.next<{ durableBytes: number }>('session');
    flood(again.socket, AUDIO.subarray(durableBytes), () => 32_000);
    say(again.socket, 'end');
    expect((await again.inbox.closed).code).toBe(1000);
    expect(finalsOf(again)).toEqual(range(had.length, COUNT));
  }, 120_000);

  test('is not whoever comes late: it reads hours of finals at its own pace, and is given every one', async () => {
    const caller = await witness('slow');
    expect(caller.finals.map(({ text }) => text)).toEqual(await undisturbed(AUDIO, DENSE_MS));
    await expectWhole(system, caller, AUDIO, DENSE_MS);
  }, 60_000);

  test('is not whoever comes late to a session that goes on', async () => {
    const audio = noise('late', 120_000);
    const first = await connect(address('session=late&model=dense'));
    flood(first.socket, audio, () => 32_000);
    const count = audio.length / 32 / DENSE_MS;
    await until('late', ({ segments }) => segments >= count - 1);
    const late = await connect(address('session=late&model=dense'));
    await late.inbox.until(() => finalsOf(late).length >= count - 1);
    expect((await first.inbox.closed).code).toBe(4409);
    const { durableBytes } = await late.inbox.next<{ durableBytes: number }>('session');
    flood(late.socket, audio.subarray(durableBytes), () => 32_000);
    say(late.socket, 'end');
    expect((await late.inbox.closed).code).toBe(1000);
    expect(finalsOf(late)).toEqual(range(0, count));
  }, 60_000);
});

describe('a client that floods', () => {
  test('with audio a hundred times faster than it is spoken is paused: memory stays bounded, the transcript is right', async () => {
    const audio = noise('flood', 600_000);
    const before = await peakMb();
    const sessions = range(0, 3).map((n) => `flood-${n}`);
    const flooding = sessions.map(async (session) => {
      const { socket, inbox } = await connect(address(`session=${session}`));
      await inbox.next('session');
      flood(socket, audio, () => 32_000);
      say(socket, 'end');
      expect((await inbox.closed).code).toBe(1000);
    });
    await Promise.all(flooding);
    expect((await peakMb()) - before).toBeLessThan(40);
    const [caller] = await Promise.all(sessions.map(witness));
    if (caller !== undefined) await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 120_000);

  test('with frames of one and two bytes costs no more memory than its bytes, and no sample is shifted', async () => {
    const audio = noise('tiny', 6000);
    const before = await peakMb();
    const { socket, inbox } = await connect(address('session=tiny'));
    await inbox.next('session');
    flood(socket, audio, (n) => 1 + (n % 2));
    say(socket, 'end');
    expect((await inbox.closed).code).toBe(1000);
    expect((await peakMb()) - before).toBeLessThan(40);
    await expectWhole(system, await witness('tiny'), audio, SEGMENT_MS);
  }, 60_000);

  test('with text messages is served all the same', async () => {
    const audio = noise('text', 4000);
    const before = await peakMb();
    const { socket, inbox } = await connect(address('session=text'));
    await inbox.next('started');
    for (let at = 0; at < audio.length; at += 3200) {
      for (let n = 0; n < 1000; n += 1) say(socket, 'keepalive');
      for (let n = 0; n < 50; n += 1) say(socket, 'finalize');
      socket.send(audio.subarray(at, at + 3200));
    }
    say(socket, 'end');
    expect((await inbox.closed).code).toBe(1000);
    expect((await peakMb()) - before).toBeLessThan(40);
    await expectCovered(system, await witness('text'), audio);
  }, 60_000);
});

describe('a client that comes again and again', () => {
  test('fifty times in a second, and leaves at any moment, still has its one session', async () => {
    const audio = noise('fifty', 6000);
    const opened: Promise<unknown>[] = [];
    for (let n = 0; n < 50; n += 1) {
      opened.push(
        connect(address('session=fifty')).then(async ({ socket }) => {
          await pause(n % 5 === 0 ? 200 : n);
          socket.terminate();
        }),
      );
      await pause(20);
    }
    const caller = await new Caller(system.url, { session: 'fifty', audio }).call();
    await Promise.all(opened);
    await caller.done();
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 60_000);

  test.each(['the same gateway', 'two gateways'])('twice at once, through %s: the newer one has it', async (where) => {
    const session = `twice-${where.replaceAll(' ', '-')}`;
    const audio = noise(session, 6000);
    const first = await new Caller(system.url, { session, audio }).call();
    const closed = once(first.client, 'error') as Promise<[{ code: string }]>;
    await first.midSentenceAfter(1);
    const url = where === 'two gateways' ? `ws://127.0.0.1:${Number(other.ready['port'])}` : system.url;
    const second = await new Caller(url, { session, audio }).call();
    expect((await closed)[0].code).toBe('superseded');
    await second.done();
    await expectWhole(system, second, audio, SEGMENT_MS);
  });
});

describe('a client that answers nothing', () => {
  /** A WebSocket by hand, which answers neither ping nor close. */
  async function mute(query: string): Promise<Socket> {
    const socket = connectTcp(system.port, '127.0.0.1');
    const head = [`GET /v1/live?${query} HTTP/1.1`, `Host: 127.0.0.1:${system.port}`, 'Connection: Upgrade'];
    const websocket = [
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
    ];
    socket.write([...head, ...websocket, '', ''].join('\r\n'));
    await once(socket, 'data');
    socket.on('error', () => undefined).resume();
    return socket;
  }

  async function closedAfterMs(socket: Socket): Promise<number> {
    const begunMs = performance.now();
    await once(socket, 'close');
    return performance.now() - begunMs;
  }

  test('not even the close is let go after 10 s; one that is not there at all, soon after its pongs are missed', async () => {
    const [refused, gone] = await Promise.all([mute('model=none'), mute('session=gone')]);
    const [refusedMs, goneMs] = await Promise.all([refused, gone].map(closedAfterMs));
    expect(refusedMs).toBeLessThan(12_000);
    expect(goneMs).toBeLessThan(12_000 + 3 * KEEPALIVE_MS);
    // Its session is open, without it.
    await expect(system.json('/v1/sessions/gone')).resolves.toMatchObject({ id: 'gone', attached: false });
  }, 60_000);
});
