import type { RecogniserEvent } from '../../../../workers/engines/engine.ts';
import { Desk } from '../../../../workers/engines/moonshine/desk.ts';
import { Listener } from '../../../../workers/engines/moonshine/listener.ts';

const MS = 32;

/** Loud samples are speech: with the lags of the real VAD left out, that is enough to test who is served when. */
const ear = { hears: (window: Float32Array): boolean => (window[0] ?? 0) > 0.5 };
const speech = (ms: number): Uint8Array => new Uint8Array(Int16Array.from({ length: ms * 16 }, () => 20_000).buffer);
const silence = (ms: number): Uint8Array => new Uint8Array(ms * MS);

interface Session {
  readonly listener: Listener;
  readonly events: RecogniserEvent[];
}

/** A desk whose decodes end when told to; `asked` holds the length of each in milliseconds of audio, padding taken off. */
class Scene {
  readonly asked: number[] = [];
  nowMs = 0;
  /** What each decode gives; a text of its own otherwise. */
  text: string | null = null;
  readonly desk = new Desk(
    (samples) => {
      this.asked.push(Math.round(samples.length / 16) - 200);
      return new Promise((resolve) => {
        this.answer = () => resolve(this.text ?? `text ${this.asked.length}`);
      });
    },
    () => this.nowMs,
  );
  private answer: () => void = () => undefined;

  session(mode: 'live' | 'file'): Session {
    const events: RecogniserEvent[] = [];
    const listener = new Listener({ fromByte: 0, mode, ear, emit: (event) => events.push(event) });
    this.desk.join(listener);
    return { listener, events };
  }

  async give({ listener }: Session, ...inputs: (Uint8Array | 'finalize' | 'finish')[]): Promise<void> {
    for (const input of inputs) listener.give(input);
    void this.desk.wake();
    await this.rest();
  }

  async decoded(): Promise<void> {
    this.answer();
    await this.rest();
  }

  /** Lets the desk do all it can without a decode's answer: it works in turns of the event loop. */
  private async rest(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

const consumedSeconds = ({ listener, events }: Session): number => {
  listener.report();
  const last = events.at(-1);
  if (last?.type !== 'progress') throw new Error('no progress was reported');
  return last.consumedByte / MS / 1000;
};

const types = ({ events }: Session): string[] => events.map(({ type }) => type);

test('audio that comes while the desk is at work is taken in', async () => {
  const scene = new Scene();
  const session = scene.session('live');
  for (let i = 0; i < 10; i++) {
    session.listener.give(silence(100));
    void scene.desk.wake();
  }
  await scene.give(session);
  session.listener.report();
  expect(session.events).toEqual([
    { type: 'progress', consumedByte: 1000 * MS, settledByte: expect.any(Number) as number },
  ]);
});

test('a final of any live session goes before partials, and these before files', async () => {
  const scene = new Scene();
  const [file, partial, final, first] = [
    scene.session('file'),
    scene.session('live'),
    scene.session('live'),
    scene.session('live'),
  ];
  await scene.give(first, speech(600));
  await scene.give(file, speech(700), 'finish');
  await scene.give(partial, speech(900));
  await scene.give(final, speech(1200), 'finish');
  expect(scene.asked).toHaveLength(1);
  for (let i = 0; i < 4; i++) await scene.decoded();
  expect([types(final), types(partial), types(file)]).toEqual([
    ['final', 'progress', 'finished'],
    ['partial'],
    ['final', 'progress', 'finished'],
  ]);
  const order = [final, partial, file].map(({ events }) => events[0]);
  expect(order.map((event) => event?.type !== 'progress' && event && 'text' in event && event.text)).toEqual([
    'text 2',
    'text 3',
    'text 4',
  ]);
});

test('a file that has waited a second goes before partials', async () => {
  const scene = new Scene();
  const [busy, partial, file] = [scene.session('live'), scene.session('live'), scene.session('file')];
  await scene.give(busy, speech(600));
  await scene.give(file, speech(700), 'finish');
  await scene.give(partial, speech(600));
  scene.nowMs = 1000;
  await scene.decoded();
  await scene.decoded();
  expect([types(file), types(partial)]).toEqual([['final', 'progress', 'finished'], []]);
});

test('of several partials of a session only the newest is recognised', async () => {
  const scene = new Scene();
  const [busy, session] = [scene.session('live'), scene.session('live')];
  await scene.give(busy, speech(600));
  for (let i = 0; i < 4; i++) await scene.give(session, speech(500));
  await scene.decoded();
  await scene.decoded();
  expect(scene.asked.map((ms) => Math.round(ms / 100))).toEqual([5, 15]);
  expect(session.events).toHaveLength(1);
});

test('a session that is catching up shows no partials', async () => {
  const scene = new Scene();
  const session = scene.session('live');
  await scene.give(session, speech(5000), silence(1000), silence(5000));
  await scene.decoded();
  expect(types(session)).toEqual(['final']);
});

test('the text of a speculation is the final after the pause, without another decode', async () => {
  const scene = new Scene();
  const session = scene.session('live');
  await scene.give(session, speech(450), silence(300));
  await scene.decoded();
  expect(types(session)).toEqual(['partial']);
  await scene.give(session, silence(300));
  expect(types(session)).toEqual(['partial', 'final']);
  expect(scene.asked).toHaveLength(1);
});

test('no more audio is taken in while finals wait', async () => {
  const scene = new Scene();
  const session = scene.session('file');
  for (let i = 0; i < 40; i++) session.listener.give(speech(1000));
  await scene.give(session);
  const before = consumedSeconds(session);
  expect(before).toBeLessThan(19);
  await scene.decoded();
  expect(consumedSeconds(session)).toBeGreaterThan(before);
});

test('a stretch without words is settled without a final', async () => {
  const scene = new Scene();
  const desk = new Desk(() => Promise.resolve(' '));
  const session = scene.session('live');
  desk.join(session.listener);
  session.listener.give(speech(600));
  session.listener.give('finish');
  await desk.wake();
  await scene.give(session);
  const endByte = 600 * MS;
  expect(session.events).toEqual([
    { type: 'progress', consumedByte: endByte, settledByte: endByte },
    { type: 'finished' },
  ]);
});

test('speech without text is told, so that it is tried again; a click is not', async () => {
  for (const [ms, told] of [
    [1500, [{ type: 'unheard', startByte: 0 }]],
    [500, []],
  ] as const) {
    const scene = new Scene();
    scene.text = ' ';
    const session = scene.session('live');
    await scene.give(session, speech(ms), silence(1000), 'finish');
    while (!types(session).includes('finished')) await scene.decoded();
    expect(session.events.filter(({ type }) => type === 'unheard' || type === 'final')).toMatchObject(told);
  }
});

test('finalize takes effect at its place in the audio', async () => {
  const scene = new Scene();
  const session = scene.session('live');
  await scene.give(session, speech(400), 'finalize', speech(400), 'finish');
  await scene.decoded();
  await scene.decoded();
  const finals = session.events.filter((event) => event.type === 'final');
  expect(finals.map(({ startByte, endByte }) => [startByte / MS, endByte / MS])).toEqual([
    [0, 400],
    [400, 800],
  ]);
});

test('a session that has left gets nothing of the decode under way', async () => {
  const scene = new Scene();
  const session = scene.session('live');
  await scene.give(session, speech(600));
  scene.nowMs = 70;
  expect(scene.desk.decodingForMs()).toBe(70);
  scene.desk.leave(session.listener);
  await scene.decoded();
  expect(session.events).toEqual([]);
  expect(scene.desk.decodingForMs()).toBe(0);
});
