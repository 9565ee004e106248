/** The faults: each one is made, lived through, and undone before the next blow. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Part, System } from '../../harness/system.ts';
import type { Blow, Fault, Figure, Scene, Stage } from './fault.ts';
import { answers, Network } from './network.ts';
import type { Sign, Talk } from './talk.ts';

/** The default of LONGHAND_WORKER_SILENCE_MS. */
export const SILENCE_MS = 1000;
/** A caller notices no pause that is as short. */
const NO_STOP_MS = 500;

const within = (what: string, p: 95 | 99 | 100, atMostMs: number): Figure => ({ what, goal: { p, atMostMs } });
const only = (what: string): Figure => ({ what, goal: null });

/** Nothing but the gateway's own address is needed. */
const plain =
  (strike: Stage['strike']): Fault['prepare'] =>
  (system) =>
    Promise.resolve({ url: system.url, strike, close: () => undefined });

/** The calls that a worker serves now. */
async function servedBy(worker: Part, { system, talks }: Scene): Promise<Talk[]> {
  const workers = await Promise.all(talks.map(({ session }) => system.workerOf(session)));
  return talks.filter((_talk, i) => workers[i] === worker);
}

/** Each call's milliseconds from a moment to its next news. */
async function untilNews(talks: readonly Talk[], sign: Sign, sinceMs: () => number): Promise<number[]> {
  const times = await Promise.all(talks.map((talk) => talk.news(sign)));
  return times.map((atMs) => atMs - sinceMs());
}

async function replace(system: System, worker: Part): Promise<void> {
  await worker.kill();
  system.workers.splice(system.workers.indexOf(worker), 1);
  await system.addWorker();
}

/** A worker that serves a call, and all calls that it serves. */
async function victim(scene: Scene): Promise<{ worker: Part; struck: Talk[] }> {
  const worker = await scene.system.workerOf(scene.random.of(scene.talks).session);
  return { worker, struck: await servedBy(worker, scene) };
}

async function killWorker(scene: Scene): Promise<Blow> {
  const { worker, struck } = await victim(scene);
  const atMs = performance.now();
  const next = untilNews(struck, 'started', () => atMs);
  worker.signal('SIGKILL');
  const times = await next;
  await replace(scene.system, worker);
  return { next: times };
}

/** The worker wakes up again once another one has gone on: it finds that its leases are void. */
async function stopWorker(scene: Scene): Promise<Blow> {
  const { worker, struck } = await victim(scene);
  const atMs = performance.now();
  const next = untilNews(struck, 'started', () => atMs);
  worker.signal('SIGSTOP');
  const times = await next;
  worker.signal('SIGCONT');
  return { next: times };
}

async function killGateway({ system, talks }: Scene): Promise<Blow> {
  let upMs = 0;
  const { port } = system;
  const next = untilNews(talks, 'session', () => upMs);
  const atMs = performance.now();
  await system.gateway.kill();
  const restarted = system.restartGateway();
  await answers(port);
  upMs = performance.now();
  const times = await next;
  await restarted;
  return { next: times, all: times.map((ms) => ms + upMs - atMs) };
}

/** One of two: Temporal gives its tasks to the other. */
async function killOrchestrator({ system, talks, random }: Scene): Promise<Blow> {
  const one = random.of([system.orchestrator, ...system.furtherOrchestrators]);
  const atMs = performance.now();
  await one.kill();
  await Promise.all(talks.map((talk) => talk.finalDueAfter(atMs)));
  const nowMs = performance.now();
  const blow = {
    next: talks.map((talk) => talk.longestGapMs(atMs, nowMs)),
    finals: talks.map((talk) => talk.latestFinalMs(atMs - 100)),
  };
  await one.start();
  return blow;
}

const temporalAway =
  (awayMs: number) =>
  async ({ system, talks }: Scene): Promise<Blow> => {
    const atMs = performance.now();
    await system.temporal.process.stop(0);
    await pause(awayMs);
    const gaps = talks.map((talk) => talk.longestGapMs(atMs, performance.now()));
    await system.temporal.process.start();
    const backMs = performance.now();
    const finals = await Promise.all(talks.map((talk) => talk.finalDueAfter(atMs)));
    await Promise.all(talks.map((talk) => talk.finalDueAfter(backMs)));
    return { next: gaps, finals: finals.map((finalMs) => Math.max(0, finalMs - backMs)) };
  };

const post = async (system: System, path: string): Promise<void> => {
  const { status } = await fetch(`${system.httpUrl}${path}`, { method: 'POST' });
  if (status !== 202) throw new Error(`${path}: ${status}`);
};

async function handOver({ system, talks, random }: Scene): Promise<Blow> {
  const talk = random.of(talks);
  const atMs = performance.now();
  const next = talk.news('started');
  await post(system, `/v1/sessions/${talk.session}/handover`);
  return { next: [talk.longestGapMs(atMs, await next)] };
}

async function drainWorker(scene: Scene): Promise<Blow> {
  const { worker, struck } = await victim(scene);
  const atMs = performance.now();
  const next = struck.map((talk) => talk.news('started'));
  await worker.end('SIGTERM');
  const emptyMs = performance.now() - atMs;
  const untilMs = await Promise.all(next);
  await replace(scene.system, worker);
  return { next: struck.map((talk, i) => talk.longestGapMs(atMs, untilMs[i] ?? atMs)), empty: [emptyMs] };
}

async function cutNetwork(system: System): Promise<Stage> {
  const network = new Network(() => system.port);
  return {
    url: await network.open(),
    strike: async ({ talks, random }) => {
      let upMs = 0;
      const next = untilNews(talks, 'session', () => upMs);
      network.drop();
      await pause(random.between(500, 3000));
      network.restore();
      upMs = performance.now();
      return { next: await next };
    },
    close: () => network.close(),
  };
}

/** @param awayMs how long Temporal is away. */
export const faults = (awayMs: number): readonly Fault[] => [
  {
    name: 'worker-killed',
    figures: { next: within('worker killed', 95, 500) },
    count: 112,
    quickCount: 5,
    kills: true,
    prepare: plain(killWorker),
  },
  {
    name: 'worker-hung',
    figures: { next: within(`worker hung (SIGSTOP), found after ${SILENCE_MS} ms`, 95, 1.25 * SILENCE_MS) },
    count: 30,
    quickCount: 5,
    kills: false,
    prepare: plain(stopWorker),
  },
  {
    name: 'gateway-killed',
    figures: {
      next: within('gateway killed: client back after the port answers', 95, 500),
      all: only('gateway killed: client back after the kill, start of the process included'),
    },
    count: 66,
    quickCount: 5,
    kills: true,
    prepare: plain(killGateway),
  },
  {
    name: 'orchestrator-killed',
    figures: {
      next: within('orchestrator killed, one of two: longest time between partials', 100, NO_STOP_MS),
      finals: within('orchestrator killed: finals delayed', 95, 2000),
    },
    count: 20,
    quickCount: 3,
    kills: true,
    prepare: async (system) => {
      await system.add('orchestrator');
      return plain(killOrchestrator)(system);
    },
  },
  {
    name: 'temporal-away',
    figures: {
      next: within(`Temporal killed, away for ${awayMs / 1000} s: longest time between partials`, 100, NO_STOP_MS),
      finals: only('Temporal back: first final'),
    },
    count: 2,
    quickCount: 1,
    kills: true,
    prepare: plain(temporalAway(awayMs)),
  },
  {
    name: 'handover',
    figures: { next: within('handed over: longest time between partials', 95, NO_STOP_MS) },
    count: 20,
    quickCount: 3,
    kills: false,
    prepare: plain(handOver),
  },
  {
    name: 'worker-drained',
    figures: {
      next: within('worker told to end (SIGTERM): longest time between partials', 95, NO_STOP_MS),
      empty: within('worker told to end: it is empty and gone', 100, 10_000),
    },
    count: 10,
    quickCount: 2,
    kills: false,
    prepare: plain(drainWorker),
  },
  {
    name: 'network-dropped',
    figures: { next: within("client's network gone for 0.5–3 s: client back after it is there", 95, 1000) },
    count: 15,
    quickCount: 2,
    kills: false,
    prepare: cutNetwork,
  },
];
