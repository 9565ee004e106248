/** The page's side of the live protocol, against sockets that the test plays by hand. */
import { LiveSession } from '../../../gateway/page/live-session.js';
import type { Options, Snapshot, Socket } from '../../../gateway/page/live-session.js';

type Sent = Uint8Array | string;

/** The server's side of one connection. */
class FakeSocket implements Socket {
  binaryType = '';
  readyState = 1;
  onopen: unknown = null;
  onmessage: unknown = null;
  onclose: unknown = null;
  onerror: unknown = null;
  readonly url: URL;
  readonly sent: Sent[] = [];
  closedWith: number | null = null;

  constructor(url: string) {
    this.url = new URL(url);
  }

  send(data: Sent): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
  }

  say(message: object): void {
    (this.onmessage as ((event: { data: string }) => void) | null)?.({ data: JSON.stringify(message) });
  }

  greet(durableBytes: number, nextIndex = 0): void {
    this.say({ type: 'session', id: 'call', durableBytes, nextIndex, model: 'en', language: 'en' });
  }

  ack(durableBytes: number): void {
    this.say({ type: 'ack', durableBytes });
  }

  final(index: number): void {
    this.say({ type: 'final', index, startMs: index * 1000, endMs: 0, text: `text ${index}`, words: [] });
  }

  /** The connection ends from the server's side, or on the way. */
  drop(code: number): void {
    (this.onclose as ((event: { code: number }) => void) | null)?.({ code });
  }

  get audio(): Buffer {
    return Buffer.concat(this.sent.filter((data) => typeof data !== 'string'));
  }

  get texts(): string[] {
    return this.sent.filter((data) => typeof data === 'string');
  }
}

const sockets: FakeSocket[] = [];
const shown: { snapshots: Snapshot[]; texts: string[]; partials: string[] } = {
  snapshots: [],
  texts: [],
  partials: [],
};
let session: LiveSession | null = null;

beforeEach(() => {
  sockets.length = 0;
  Object.assign(shown, { snapshots: [], texts: [], partials: [] });
});
afterEach(() => session?.leave());

function open(options: Partial<Options> = {}): LiveSession {
  session = new LiveSession({
    url: 'ws://here',
    id: 'call',
    index: 0,
    connect: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket;
    },
    changed: (snapshot) => shown.snapshots.push(snapshot),
    final: ({ text }) => shown.texts.push(text),
    partial: (text) => shown.partials.push(text),
    random: () => 1,
    firstPauseMs: 5,
    maxPauseMs: 20,
    ...options,
  }).start();
  return session;
}

const at = (index: number): FakeSocket => {
  const socket = sockets[index];
  if (socket === undefined) throw new Error(`there is no connection ${index}`);
  return socket;
};

async function connection(index: number): Promise<FakeSocket> {
  while (sockets[index] === undefined) await new Promise((next) => setTimeout(next, 1));
  return at(index);
}

const speech = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => ((from + i) * 31) & 0xff);

test('what is said before the server answers is sent as soon as it has', () => {
  const live = open();
  live.send(speech(0, 100));
  expect(at(0).sent).toEqual([]);
  at(0).greet(0);
  live.send(speech(100, 200));
  expect(at(0).audio.equals(speech(0, 200))).toBe(true);
});

test('a broken connection is made again with the same session and the finals it has; only what is not stored is sent again', async () => {
  const live = open();
  at(0).greet(0);
  live.send(speech(0, 100_000));
  at(0).final(0);
  at(0).ack(50_000);
  at(0).drop(1006);
  live.send(speech(100_000, 110_000));
  expect(live.snapshot).toMatchObject({ link: 'broken', storedMs: 50_000 / 32, unsavedMs: 60_000 / 32 });

  const again = await connection(1);
  expect(Object.fromEntries(again.url.searchParams)).toEqual({
    session: 'call',
    index: '1',
    client: expect.stringMatching(/^page-/) as string,
    attempt: '2',
  });
  again.greet(64_000, 1);
  expect(again.audio.equals(speech(64_000, 110_000))).toBe(true);
  again.final(0);
  again.final(1);
  expect(shown.texts).toEqual(['text 0', 'text 1']);
  again.ack(110_000);
  expect(live.snapshot).toMatchObject({ link: 'connected', unsavedMs: 0 });
});

test('a socket that is closing is given nothing more: the next one gets it', async () => {
  const live = open();
  at(0).greet(0);
  at(0).readyState = 2;
  live.send(speech(0, 10));
  expect(at(0).sent).toEqual([]);
  at(0).drop(1001);
  const again = await connection(1);
  again.greet(0);
  expect(again.audio.equals(speech(0, 10))).toBe(true);
});

test('a session that is gone on with begins where the server says', async () => {
  const live = open({ index: 3 });
  live.send(speech(0, 1000));
  at(0).greet(64_000, 3);
  expect(at(0).url.searchParams.get('index')).toBe('3');
  expect(at(0).audio.equals(speech(0, 1000))).toBe(true);
  expect(live.snapshot).toMatchObject({ storedMs: 2000, unsavedMs: 1000 / 32 });
  at(0).drop(1012);
  const again = await connection(1);
  again.greet(64_500, 3);
  expect(again.audio.equals(speech(500, 1000))).toBe(true);
});

test('the end is said again on a new connection, after the audio', async () => {
  const live = open();
  at(0).greet(0);
  live.send(speech(0, 10));
  live.end();
  expect(live.send(speech(10, 20))).toBe(true);
  expect(at(0).texts).toEqual(['{"type":"end"}']);
  at(0).drop(1001);
  const again = await connection(1);
  again.greet(0);
  expect(again.sent).toEqual([speech(0, 10), '{"type":"end"}']);
  again.say({ type: 'done', segments: 0, audioMs: 5, state: 'completed' });
  expect(live.snapshot.outcome).toEqual({ kind: 'done', state: 'completed', audioMs: 5 });
  again.drop(1000);
  expect(sockets).toHaveLength(2);
});

test('pauses between attempts grow up to their bound, and begin anew after a connection', async () => {
  open();
  for (let n = 0; n < 4; n += 1) (await connection(n)).drop(1006);
  (await connection(4)).greet(0);
  at(4).drop(1006);
  const pauses = shown.snapshots.filter(({ pauseMs }) => pauseMs > 0).map(({ pauseMs }) => pauseMs);
  expect(pauses).toEqual([5, 10, 20, 20, 5]);
});

test('a network that comes back is used at once', () => {
  const live = open({ firstPauseMs: 60_000, maxPauseMs: 60_000 });
  at(0).drop(1006);
  live.retryNow();
  expect(sockets).toHaveLength(2);
});

test('a server that says nothing while audio waits is left for another connection', async () => {
  const live = open({ silenceMs: 30 });
  at(0).greet(0);
  live.send(speech(0, 10));
  const again = await connection(1);
  expect(at(0).closedWith).toBe(1000);
  at(0).final(0);
  expect(shown.texts).toEqual([]);
  again.greet(0);
  expect(again.audio.equals(speech(0, 10))).toBe(true);
});

test('a server that owes nothing may be silent', async () => {
  open({ silenceMs: 10 });
  at(0).greet(0);
  await new Promise((later) => setTimeout(later, 50));
  expect(sockets).toHaveLength(1);
});

test('a newer window takes the session over: this one does not come back', () => {
  const live = open();
  at(0).greet(0);
  at(0).say({ type: 'error', code: 'superseded', message: 'taken', retryable: false });
  at(0).drop(4409);
  expect(live.snapshot.outcome).toEqual({ kind: 'superseded' });
  expect(live.snapshot.pauseMs).toBe(0);
});

test('a refusal that may pass is tried again, another one ends it with its words', async () => {
  const live = open();
  at(0).say({ type: 'error', code: 'temporal_unavailable', message: 'Temporal is away', retryable: true });
  at(0).drop(1013);
  expect(live.snapshot).toMatchObject({ link: 'broken', why: 'Temporal is away' });
  const again = await connection(1);
  again.say({ type: 'error', code: 'format_changed', message: 'another format', retryable: false });
  again.drop(4415);
  expect(live.snapshot.outcome).toEqual({ kind: 'failed', code: 'format_changed', message: 'another format' });
});

test('a gap in the transcript is a failure, not a skipped line', () => {
  const live = open();
  at(0).greet(0, 2);
  at(0).final(0);
  at(0).final(2);
  expect(live.snapshot.outcome).toMatchObject({ kind: 'failed', code: 'protocol' });
  expect(shown.texts).toEqual(['text 0']);
});

test('stored audio that the server asks for again is a failure that says so', async () => {
  const live = open();
  at(0).greet(0);
  live.send(speech(0, 100));
  at(0).ack(100);
  at(0).drop(1006);
  (await connection(1)).greet(50);
  expect(live.snapshot.outcome).toMatchObject({ kind: 'failed', code: 'audio_lost' });
});

test('speech has a bound: what finds no room is refused whole, and what is held is kept', () => {
  const live = open({ maxPendingBytes: 100 });
  expect(live.send(speech(0, 80))).toBe(true);
  expect(live.send(speech(80, 110))).toBe(false);
  expect(live.send(speech(80, 100))).toBe(true);
  at(0).greet(0);
  expect(at(0).audio.equals(speech(0, 100))).toBe(true);
});

test('speech that came too late for its session is there to be saved', () => {
  const live = open();
  live.send(speech(0, 64));
  at(0).greet(32, 1);
  at(0).say({ type: 'done', segments: 1, audioMs: 1, state: 'completed' });
  expect(Buffer.concat(live.unsaved).equals(speech(0, 64))).toBe(true);
  expect(live.snapshot.unsavedMs).toBe(2);
});

test('waiting is told with its place, and over when a worker takes the session up', () => {
  const live = open();
  at(0).greet(0);
  at(0).say({ type: 'queued', position: 3, estimatedWaitMs: 20_000, estimated: true });
  expect(live.snapshot).toMatchObject({ queue: { position: 3, estimatedWaitMs: 20_000 }, isServed: false });
  at(0).say({ type: 'started' });
  expect(live.snapshot).toMatchObject({ queue: null, isServed: true });
});

test('a partial goes when its final comes, and when the connection breaks', () => {
  open();
  at(0).greet(0);
  at(0).say({ type: 'partial', text: 'and so', startMs: 0, endMs: 1, channel: 0 });
  at(0).final(0);
  at(0).say({ type: 'partial', text: 'ask', startMs: 0, endMs: 1, channel: 0 });
  at(0).drop(1006);
  expect(shown.partials).toEqual(['and so', '', 'ask', '']);
});

test('a message of a later version is passed over; one that is no JSON is a failure', () => {
  const live = open();
  at(0).greet(0);
  at(0).say({ type: 'weather', text: 'fine' });
  expect(live.snapshot.outcome).toBeNull();
  (at(0).onmessage as (event: { data: string }) => void)({ data: '<html>' });
  expect(live.snapshot.outcome).toMatchObject({ kind: 'failed', code: 'protocol' });
});
