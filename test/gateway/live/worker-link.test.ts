import { AudioBuffer } from '../../../gateway/audio/buffer.ts';
import type { FeedSource } from '../../../gateway/live/feed.ts';
import { WorkerLink, WorkerWatch } from '../../../gateway/live/worker-link.ts';
import { PLANE_CLOSE } from '../../../workflows/audio-plane.ts';
import type { Segment } from '../../../workflows/contract.ts';
import { socketPair } from '../../harness/sockets.ts';
import type { Opened, Pair } from '../../harness/sockets.ts';
import { segment } from '../../workflows/session/given.ts';

const { jest } = import.meta;
const SILENCE_MS = 1000;
const STALL_MS = 10_000;

const dial = {
  workflowId: 'session/t/s',
  tenant: 't',
  session: 's',
  workerId: 'w',
  epoch: 1,
  fromByte: 0,
  toByte: null,
  nextIndex: 0,
  drain: false,
};

interface Setup {
  readonly link: WorkerLink;
  readonly buffer: AudioBuffer;
  readonly worker: Opened;
  readonly finals: Segment[];
  readonly partials: string[];
  readonly gone: { readonly how: string; readonly why: string }[];
  readonly faults: unknown[];
  readonly memory: { start: number | null };
  /** The worker says so, and the link has heard it. */
  say(message: object | string): Promise<void>;
}

let pair: Pair | null = null;
// Sockets keep their own time; only the watch's clock is held.
beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(async () => {
  jest.useRealTimers();
  await pair?.end();
  pair = null;
});

async function setup(stored: FeedSource['readStored'] = nothing): Promise<Setup> {
  pair = await socketPair();
  const { server, client } = pair;
  const buffer = new AudioBuffer(0);
  const memory: { start: number | null } = { start: 0 };
  const faults: unknown[] = [];
  const source: FeedSource = {
    get memoryStart() {
      return memory.start;
    },
    endByte: null,
    fromMemory: (offset) => buffer.from(offset),
    readStored: stored,
  };
  const finals: Segment[] = [];
  const partials: string[] = [];
  const gone: { how: string; why: string }[] = [];
  const settings = { sendAheadMs: 30_000, workerSilenceMs: SILENCE_MS, workerStallMs: STALL_MS };
  const link = new WorkerLink(server, dial, source, settings, {
    partial: (json) => partials.push(json.toString('utf8')),
    consumed: () => undefined,
    final: (segments) => finals.push(...segments),
    gone: (how, why) => gone.push({ how, why }),
    fault: (error) => faults.push(error),
  });
  const say = async (message: object | string): Promise<void> => {
    const heard = new Promise((resolve) => server.once('message', resolve));
    client.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    await heard;
  };
  return { link, buffer, worker: client, finals, partials, gone, faults, memory, say };
}

async function* nothing(): AsyncIterable<Uint8Array> {
  // No audio is stored.
}

// eslint-disable-next-line @typescript-eslint/require-await, require-yield
async function* failing(): AsyncIterable<Uint8Array> {
  throw new Error('the disk is away');
}

const look = ({ link }: Setup): void => link.check(performance.now());

describe('a worker', () => {
  test('whose recogniser says nothing for longer than allowed is lost', async () => {
    const it = await setup();
    jest.advanceTimersByTime(SILENCE_MS);
    look(it);
    expect(it.gone).toEqual([]);
    jest.advanceTimersByTime(1);
    look(it);
    expect(it.gone).toEqual([{ how: 'lost', why: 'silent for 1000 ms' }]);
    expect((await it.worker.inbox.closed).code).toBe(PLANE_CLOSE.fenced);
  });

  test('that hears a quiet speaker reports all the same, and is kept', async () => {
    const it = await setup();
    for (let at = 0; at < 100; at += 1) {
      jest.advanceTimersByTime(900);
      await it.say({ type: 'consumed', bytes: 0 });
      look(it);
    }
    expect(it.gone).toEqual([]);
  });

  test('that reports but takes no audio in is lost as stalled', async () => {
    const it = await setup();
    it.buffer.append(Buffer.alloc(3200));
    it.link.open();
    await it.worker.inbox.audioOf(3200);
    for (let waitedMs = 0; waitedMs < STALL_MS; waitedMs += 500) {
      look(it);
      expect(it.gone).toEqual([]);
      jest.advanceTimersByTime(500);
      await it.say({ type: 'consumed', bytes: 0 });
    }
    jest.advanceTimersByTime(500);
    look(it);
    expect(it.gone).toEqual([{ how: 'lost', why: 'took no audio in for 10000 ms' }]);
  });

  test('that takes audio in slowly is kept', async () => {
    const it = await setup();
    it.buffer.append(Buffer.alloc(3200));
    it.link.open();
    await it.worker.inbox.audioOf(3200);
    for (let bytes = 0; bytes < 40; bytes += 2) {
      jest.advanceTimersByTime(900);
      await it.say({ type: 'consumed', bytes });
      look(it);
    }
    expect(it.gone).toEqual([]);
  });

  test('whose partials still come while its recogniser hangs is lost', async () => {
    const it = await setup();
    for (let waitedMs = 0; waitedMs <= SILENCE_MS; waitedMs += 250) {
      await it.say({ type: 'partial', text: 'a', startMs: 0, endMs: 1, channel: 0 });
      look(it);
      jest.advanceTimersByTime(251);
    }
    look(it);
    expect(it.gone).toMatchObject([{ how: 'lost' }]);
  });

  test('says its partials, passed on as written, and its finals', async () => {
    const it = await setup();
    const partial = '{"type":"partial","text":"caf\u00e9","startMs":0,"endMs":1,"channel":0}';
    await it.say(partial);
    await it.say({ type: 'final', segments: [segment(0)] });
    expect(it.partials).toEqual([partial]);
    expect(it.finals).toEqual([segment(0)]);
  });

  test.each(['{', 'null', '[]', '{"type":"final"}', '{"type":"consumed","bytes":"x"}', '{"type":"hello"}'])(
    'that says %s, which is no message, is lost, and this process lives',
    async (text) => {
      const it = await setup();
      await it.say(text);
      expect(it.gone).toMatchObject([{ how: 'lost' }]);
      expect((await it.worker.inbox.closed).code).toBe(PLANE_CLOSE.refused);
    },
  );

  test.each([
    ['ended', PLANE_CLOSE.done],
    ['ended', PLANE_CLOSE.leaseEnded],
    ['moved', PLANE_CLOSE.moved],
    ['lost', PLANE_CLOSE.goingAway],
    ['lost', 1011],
  ])('is %s when it closes with %d', async (how, code) => {
    const it = await setup();
    it.worker.socket.close(code);
    await new Promise((resolve) => pair?.server.once('close', resolve));
    expect(it.gone).toMatchObject([{ how }]);
  });

  test('that dies without a word is lost', async () => {
    const it = await setup();
    it.worker.socket.terminate();
    await new Promise((resolve) => pair?.server.once('close', resolve));
    expect(it.gone).toMatchObject([{ how: 'lost', why: 'connection closed with 1006' }]);
  });

  test.each([
    ['fence', PLANE_CLOSE.fenced],
    ['leave', PLANE_CLOSE.goingAway],
  ] as const)('is told by %s with its code, and no event follows', async (how, code) => {
    const it = await setup();
    it.link[how]('because');
    expect((await it.worker.inbox.closed).code).toBe(code);
    jest.advanceTimersByTime(60_000);
    look(it);
    expect(it.gone).toEqual([]);
  });

  test('that hangs answers no close, and its socket does not linger', async () => {
    const it = await setup();
    it.worker.socket.pause();
    it.link.fence('hangs');
    const closed = new Promise((resolve) => pair?.server.once('close', resolve));
    jest.advanceTimersByTime(1000);
    await closed;
  });

  test('whose audio comes damaged is sent it once it comes right, and released when it never does', async () => {
    let damaged = 2;
    const it = await setup(async function* () {
      await Promise.resolve();
      damaged -= 1;
      if (damaged >= 0) throw Object.assign(new Error('spoilt'), { reason: 'storage_corruption' });
      yield Buffer.from('audio');
      damaged = Infinity;
    });
    it.memory.start = 100;
    it.link.open();
    await jest.advanceTimersByTimeAsync(600);
    expect([it.faults, it.gone]).toEqual([[], []]);
    await jest.advanceTimersByTimeAsync(6200);
    expect(it.faults).toHaveLength(1);
    expect(it.gone).toEqual([{ how: 'ended', why: 'the stored audio is damaged' }]);
    expect((await it.worker.inbox.closed).code).toBe(PLANE_CLOSE.damaged);
  });

  test('whose audio cannot be read is told to dial again, and is not lost', async () => {
    const it = await setup(failing);
    it.memory.start = null;
    it.link.open();
    expect((await it.worker.inbox.closed).code).toBe(PLANE_CLOSE.goingAway);
    expect(it.faults).toHaveLength(1);
    expect(it.gone).toEqual([]);
  });
});

describe('the watch', () => {
  test('looks ten times a second, at what was added and not deleted', async () => {
    const watch = new WorkerWatch();
    const it = await setup();
    watch.add(it.link);
    jest.advanceTimersByTime(SILENCE_MS);
    expect(it.gone).toEqual([]);
    jest.advanceTimersByTime(100);
    expect(it.gone).toHaveLength(1);
    watch.close();
  });

  test('forgives its own stall: a gateway that was stopped blames no worker', async () => {
    const watch = new WorkerWatch();
    const it = await setup();
    watch.add(it.link);
    const stalled = performance.now() + 30_000;
    // The clock runs on, but no timer fired: the process stood still.
    jest.spyOn(performance, 'now').mockImplementation(() => stalled);
    jest.advanceTimersByTime(100);
    expect(it.gone).toEqual([]);
    jest.restoreAllMocks();
    watch.close();
  });
});
