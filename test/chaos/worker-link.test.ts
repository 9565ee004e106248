/** The network between workers and gateway fails in every way; the call goes on, with no final lost and none repeated. */
import { setTimeout as pause } from 'node:timers/promises';
import { Caller, noise } from '../harness/caller.ts';
import { expectCovered, expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';
import type { Part } from '../harness/system.ts';
import { delayed, held, sliced, startToxiproxy, trickled } from '../harness/toxiproxy.ts';
import type { Link, Toxiproxy } from '../harness/toxiproxy.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;
const SILENCE_MS = 1500;
/** So long that a silence is found before it, on a loaded machine too. */
const STALL_MS = 5000;
const GRACE_MS = 3000;
const GATEWAY_SILENCE_MS = 4000;
/** What a loaded machine may take on top. */
const SLACK_MS = 2500;

const toxiproxy = await startToxiproxy('a network that fails between workers and gateway');
const suite = toxiproxy === null ? describe.skip : describe;

suite('between workers and gateway', () => {
  const network = toxiproxy as Toxiproxy;
  let system: System;
  /** What all workers dial. */
  let audio: Link;
  /** What clients dial, where they must be kept away too. */
  let front: Link;
  /** One worker's own way to Temporal. */
  let control: Link;
  /** A call that a failed test leaves would go on calling. */
  const callers: Caller[] = [];

  beforeAll(async () => {
    audio = await network.link('audio');
    front = await network.link('front');
    system = await System.start({
      models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
      settings: {
        LONGHAND_WORKER_SILENCE_MS: String(SILENCE_MS),
        LONGHAND_WORKER_STALL_MS: String(STALL_MS),
        LONGHAND_CLIENT_GRACE_MS: String(GRACE_MS),
        LONGHAND_GATEWAY_SILENCE_MS: String(GATEWAY_SILENCE_MS),
      },
      ways: () => Promise.resolve({ gateway: { LONGHAND_ADVERTISED_URL: `ws://${audio.address}` } }),
    });
    await audio.leadTo(`127.0.0.1:${system.port}`);
    await front.leadTo(`127.0.0.1:${system.port}`);
    control = await network.link('control', system.temporal.address);
    await system.addWorker({ LONGHAND_TEMPORAL_ADDRESS: control.address });
  }, 120_000);
  afterAll(async () => {
    await system.stop();
    await network.stop();
  }, 60_000);

  /** Whatever a test did: no slot stays taken by a session that is over. */
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.client.close();
    await Promise.all([audio.heal(), front.heal(), control.heal()]);
    await until('all slots are free', workers, (all) => all.every(({ sessions }) => sessions.length === 0), 15_000);
  }, 30_000);

  async function workers(): Promise<{ id: string; sessions: string[] }[]> {
    return ((await system.json('/v1/workers')) as { workers: { id: string; sessions: string[] }[] }).workers;
  }

  const view = async (id: string) =>
    (await system.json(`/v1/sessions/${id}`)) as { state: string; epoch: number; lease: object | null };

  async function call(session: string, ms: number, own = {}): Promise<{ caller: Caller; audio: Buffer }> {
    const sound = noise(session, ms);
    const caller = await new Caller(system.url, { session, audio: sound, ...own }).call();
    callers.push(caller);
    await caller.midSentenceAfter(1);
    return { caller, audio: sound };
  }

  /** Its client noticed nothing, and the transcript is that of an undisturbed call. */
  async function expectUnnoticed(one: { caller: Caller; audio: Buffer }): Promise<void> {
    await one.caller.done();
    expect(one.caller.reconnects).toBe(0);
    await expectWhole(system, one.caller, one.audio, SEGMENT_MS);
  }

  test('a cut shorter than the grace: the session goes on once the network is back', async () => {
    const one = await call('cut', 8000);
    await audio.cut();
    await pause(1000);
    const partialsBefore = one.caller.partials;
    await audio.restore();
    await one.caller.next('partial', () => one.caller.partials > partialsBefore);
    await expectUnnoticed(one);
  });

  test('a cut longer than the grace: the slot is freed, and the session gets one again when the network is back', async () => {
    const one = await call('cut-long', 8000, { speed: 0.5 });
    await audio.cut();
    await until(
      'the slot is freed',
      () => view('cut-long'),
      ({ state }) => state === 'idle',
    );
    await audio.restore();
    await one.caller.done();
    expect(one.caller.reconnects).toBe(0);
    await expectCovered(system, one.caller, one.audio);
  });

  test('connections that are reset: another worker goes on', async () => {
    await audio.endByReset();
    const one = await call('reset', 6000);
    await audio.reset();
    await expectUnnoticed(one);
    const { epoch } = await view('reset');
    expect(epoch).toBeGreaterThan(1);
    // The first one dials again at once, and is turned away.
    expect(one.caller.started).toBeLessThanOrEqual(epoch);
  });

  test('a delay of 150 ms that varies by 100 ms: no worker is taken for lost', async () => {
    await audio.poison(delayed(150, 100), 'upstream', 'downstream');
    await expectUnnoticed(await call('delayed', 6000));
    expect((await view('delayed')).epoch).toBe(1);
  });

  test('a trickle that is slower than the audio: no worker is taken for lost', async () => {
    await audio.poison(trickled(40), 'downstream');
    await audio.poison(trickled(4), 'upstream');
    await audio.poison(sliced(100, 500), 'upstream', 'downstream');
    await expectUnnoticed(await call('trickled', 6000));
    expect((await view('trickled')).epoch).toBe(1);
  });

  test('nothing comes from the worker, while it hears everything: it is replaced after the configured silence', async () => {
    const one = await call('mute', 8000);
    await audio.poison(held, 'upstream');
    const begunMs = performance.now();
    await until(
      'another lease',
      () => view('mute'),
      ({ epoch }) => epoch > 1,
    );
    const tookMs = performance.now() - begunMs;
    expect(tookMs).toBeGreaterThan(SILENCE_MS / 2);
    expect(tookMs).toBeLessThan(SILENCE_MS + SLACK_MS);
    await audio.heal();
    await expectUnnoticed(one);
  });

  test('nothing comes to the worker, while it is heard: it is replaced after the configured stall', async () => {
    const one = await call('deaf', 8000);
    await audio.poison(held, 'downstream');
    const begunMs = performance.now();
    await until(
      'another lease',
      () => view('deaf'),
      ({ epoch }) => epoch > 1,
    );
    expect(performance.now() - begunMs).toBeLessThan(STALL_MS + SLACK_MS);
    await audio.heal();
    await expectUnnoticed(one);
  });

  test('a worker that is cut off from everything is replaced; what it says and commits when it wakes up is refused, and its slot is free', async () => {
    const [other, cutOff] = system.workers as [Part, Part];
    other.signal('SIGSTOP');
    const one = await call('zombie', 12_000);
    other.signal('SIGCONT');
    expect(await system.workerOf('zombie')).toBe(cutOff);
    const sessionsOf = (all: Awaited<ReturnType<typeof workers>>) =>
      all.find(({ id }) => id === cutOff.ready['workerId'])?.sessions;
    await until('it is known to serve the session', workers, (all) => sessionsOf(all)?.includes('zombie') === true);
    const finals = one.caller.finals.length;
    await control.poison(held, 'upstream', 'downstream');
    // Meanwhile it makes finals that it cannot commit.
    const waiting = (finals + 2) * SEGMENT_MS;
    await one.caller.next('partial', ({ startMs }) => startMs >= waiting);
    await audio.poison(held, 'upstream', 'downstream');
    await until(
      'another lease',
      () => view('zombie'),
      ({ epoch }) => epoch > 1,
    );
    await control.heal();
    await until('the zombie serves nobody', workers, (all) => sessionsOf(all)?.length === 0);
    await audio.heal();
    await expectUnnoticed(one);
  });

  test('a gateway whose host vanishes together with its clients holds no slot for longer than its silence and the grace', async () => {
    const one = await call('vanished', 12_000, { url: `ws://${front.address}` });
    // No connection is closed: the worker is told nothing.
    await audio.poison(held, 'upstream', 'downstream');
    await front.cut();
    await system.gateway.kill();
    await system.restartGateway();
    const begunMs = performance.now();
    await until(
      'the slot is freed',
      () => view('vanished'),
      ({ state }) => state === 'idle',
    );
    expect(performance.now() - begunMs).toBeLessThan(GATEWAY_SILENCE_MS * 1.5 + GRACE_MS * 2 + SLACK_MS);
    await audio.heal();
    await front.restore();
    await one.caller.done();
    await expectCovered(system, one.caller, one.audio);
  });
});
