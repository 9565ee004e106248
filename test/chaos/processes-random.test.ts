/**
 * Random processes are killed and stopped, again and again, under many calls at once; then every call must be whole.
 * `CHAOS_SEED=n` runs that seed alone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
const CALLS = 6;
const AUDIO_MS = 24_000;
const DISTURBED_MS = 16_000;
const only = process.env['CHAOS_SEED'];
const seeds = only === undefined ? [1, 2] : [Number(only)];

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    workers: 2,
    settings: {
      LONGHAND_WORKER_SILENCE_MS: '2000',
      LONGHAND_LEASE_TTL_MS: '2000',
      LONGHAND_HEARTBEAT_TIMEOUT_MS: '10000',
      LONGHAND_ROTATE_EVENTS: '120',
    },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

/** Numbers in [0, 1) from a seed: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const temporal = () => system.temporal.process;
const workerAt = (part: number) => {
  const worker = system.workers[Math.floor(part * system.workers.length)];
  if (worker === undefined) throw new Error('no worker');
  return worker;
};

/** Each takes a number in [0, 1) to choose by, is done to a process for `ms`, and leaves it running again. */
const FAULTS: Readonly<Record<string, (part: number, ms: number) => Promise<unknown>>> = {
  'gateway killed': async (_part, ms) => {
    await system.gateway.kill();
    await pause(ms);
    await system.restartGateway();
  },
  'worker killed': async (part, ms) => {
    const worker = workerAt(part);
    await worker.kill();
    await pause(ms);
    await worker.start();
  },
  'orchestrator killed': async (_part, ms) => {
    await system.orchestrator.kill();
    await pause(ms);
    await system.orchestrator.start();
  },
  'Temporal killed': async (_part, ms) => {
    await temporal().stop(0);
    await pause(ms);
    await temporal().start();
  },
  'worker stopped': async (part, ms) => {
    const worker = workerAt(part);
    worker.signal('SIGSTOP');
    await pause(4 * ms);
    worker.signal('SIGCONT');
  },
  'gateway stopped': async (_part, ms) => {
    system.gateway.signal('SIGSTOP');
    await pause(2 * ms);
    system.gateway.signal('SIGCONT');
  },
};

async function disturb(seed: number): Promise<string[]> {
  const random = randomFrom(seed);
  const names = Object.keys(FAULTS);
  const done: string[] = [];
  for (const untilMs = performance.now() + DISTURBED_MS; performance.now() < untilMs;) {
    const name = names[Math.floor(random() * names.length)] ?? '';
    const [part, ms, restMs] = [random(), 100 + random() * 700, random() * 800];
    done.push(name);
    await FAULTS[name]?.(part, ms);
    await pause(restMs);
  }
  return done;
}

test.each(seeds)(
  'processes killed and stopped at random, seed %d: every call is whole',
  async (seed) => {
    const calls = Array.from({ length: CALLS }, (_, n) => {
      const session = `random-${seed}-${n}`;
      const audio = noise(session, AUDIO_MS);
      return { audio, caller: new Caller(system.url, { session, audio, speed: 1 }) };
    });
    await Promise.all(calls.map(({ caller }) => caller.call()));
    const faults = await disturb(seed);
    try {
      for (const { caller, audio } of calls) {
        await caller.done();
        await expectWhole(system, caller, audio, SEGMENT_MS);
      }
    } catch (error) {
      throw new Error(`CHAOS_SEED=${seed}, after ${faults.join(', ')}: ${String(error)}`, { cause: error });
    }
    expect(faults.length).toBeGreaterThan(4);
  },
  150_000,
);
