/** The network between client and gateway fails in every way: the client comes back by itself, or is told in time. */
import { setTimeout as pause } from 'node:timers/promises';
import { once } from 'node:events';
import { Caller, noise } from '../harness/caller.ts';
import { expectCovered, expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';
import { delayed, endedAfter, held, sliced, startToxiproxy, trickled } from '../harness/toxiproxy.ts';
import type { Link, Toxiproxy } from '../harness/toxiproxy.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;
const KEEPALIVE_MS = 1000;
/** A client is gone after twice the keepalive, looked at once in each. */
const GONE_MS = 3 * KEEPALIVE_MS;
const GRACE_MS = 3000;
const CLIENT_SILENCE_MS = 2500;
/** What a loaded machine may take on top. */
const SLACK_MS = 2500;

const toxiproxy = await startToxiproxy('a network that fails between clients and gateway');
const suite = toxiproxy === null ? describe.skip : describe;

suite('between client and gateway', () => {
  const network = toxiproxy as Toxiproxy;
  let system: System;
  let line: Link;
  /** A call that a failed test leaves would go on calling. */
  const callers: Caller[] = [];

  beforeAll(async () => {
    system = await System.start({
      models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
      settings: {
        LONGHAND_KEEPALIVE_MS: String(KEEPALIVE_MS),
        LONGHAND_CLIENT_GRACE_MS: String(GRACE_MS),
        LONGHAND_WORKER_SILENCE_MS: '5000',
      },
    });
    line = await network.link('line', `127.0.0.1:${system.port}`);
  }, 120_000);
  afterAll(async () => {
    await system.stop();
    await network.stop();
  }, 60_000);
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.client.close();
    await line.heal();
  });

  async function call(session: string, ms: number): Promise<{ caller: Caller; audio: Buffer }> {
    const audio = noise(session, ms);
    const url = `ws://${line.address}`;
    const caller = await new Caller(url, { session, audio, silenceMs: CLIENT_SILENCE_MS }).call();
    callers.push(caller);
    await caller.midSentenceAfter(1);
    return { caller, audio };
  }

  async function expectSame({ caller, audio }: { caller: Caller; audio: Buffer }): Promise<void> {
    await caller.done();
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }

  /** Toxiproxy may need 5 s to heal, longer than the grace: then the slot was given back, with a final of its own. */
  async function expectSameAudio({ caller, audio }: { caller: Caller; audio: Buffer }): Promise<void> {
    await caller.done();
    await expectCovered(system, caller, audio);
  }

  /** Why the client's connection ended, and how long after the fault. */
  async function left(caller: Caller): Promise<{ why: string; afterMs: number }> {
    const begunMs = performance.now();
    const [{ why }] = (await once(caller.client, 'reconnecting')) as [{ why: string }];
    return { why, afterMs: performance.now() - begunMs };
  }

  test('cut for a second: the client comes back and goes on', async () => {
    const one = await call('cut', 6000);
    await line.cut();
    await pause(1000);
    await line.restore();
    await expectSame(one);
    expect(one.caller.reconnects).toBeGreaterThan(0);
  });

  test('reset again and again: the client comes back each time', async () => {
    await line.endByReset();
    const one = await call('reset', 6000);
    for (let index = 2; index < 5; index += 1) {
      await line.reset();
      await one.caller.midSentenceAfter(index);
    }
    await expectSame(one);
    expect(one.caller.reconnects).toBeGreaterThan(2);
  });

  test('a delay of 150 ms that varies by 100 ms: no connection ends', async () => {
    await line.poison(delayed(150, 100), 'upstream', 'downstream');
    const one = await call('delayed', 6000);
    await expectSame(one);
    expect(one.caller.reconnects).toBe(0);
  });

  test('a trickle, both ways, slower than the audio: no connection ends', async () => {
    await line.poison(trickled(40), 'upstream');
    await line.poison(trickled(6), 'downstream');
    await line.poison(sliced(100, 500), 'upstream', 'downstream');
    const one = await call('trickled', 6000);
    await expectSame(one);
    expect(one.caller.reconnects).toBe(0);
  });

  test('every connection ends in the middle of a frame: each carries the call a little further', async () => {
    await line.poison(endedAfter(50_000), 'upstream');
    const one = await call('short-lived', 6000);
    await expectSame(one);
    expect(one.caller.reconnects).toBeGreaterThan(2);
  });

  test('nothing comes from the client, while it hears everything: it is told so in time, and comes back', async () => {
    const one = await call('mute', 8000);
    await line.poison(held, 'upstream');
    const { why, afterMs } = await left(one.caller);
    expect(why).toMatch(/nothing came .* not even a pong/);
    // The answer to its close is held back as well: it waits for the connection's end as long as for any word.
    expect(afterMs).toBeLessThan(GONE_MS + CLIENT_SILENCE_MS + SLACK_MS);
    await line.heal();
    await expectSameAudio(one);
  });

  test('nothing comes to the client, while it is heard: it finds out in time, and comes back', async () => {
    const one = await call('deaf', 8000);
    await line.poison(held, 'downstream');
    expect((await left(one.caller)).afterMs).toBeLessThan(CLIENT_SILENCE_MS + SLACK_MS);
    await line.heal();
    await expectSameAudio(one);
  });

  test('silent both ways, with no connection closed: the slot is free after keepalive and grace, and the call goes on later', async () => {
    const one = await call('silent', 8000);
    const begunMs = performance.now();
    await line.poison(held, 'upstream', 'downstream');
    await until(
      'the slot is free',
      async () => (await system.json('/v1/sessions/silent')) as { state: string },
      ({ state }) => state === 'idle',
    );
    expect(performance.now() - begunMs).toBeLessThan(GONE_MS + GRACE_MS + SLACK_MS);
    await line.heal();
    await expectSameAudio(one);
  });
});
