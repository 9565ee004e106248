/** Two processes go at the same moment: the call goes on, and every invariant holds. */
import { setTimeout as pause } from 'node:timers/promises';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';
import type { Part } from '../harness/system.ts';

const SEGMENT_MS = 400;
const LONG_MS = 60_000;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: {
      en: { engine: 'scripted', segmentMs: SEGMENT_MS },
      long: { engine: 'scripted', segmentMs: LONG_MS },
    },
    workers: 2,
    // What is tested here is not how soon a process is missed that nobody sees.
    settings: {
      LONGHAND_WORKER_SILENCE_MS: '5000',
      LONGHAND_LEASE_TTL_MS: '2000',
      LONGHAND_HEARTBEAT_TIMEOUT_MS: '10000',
    },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

interface Call {
  readonly caller: Caller;
  readonly audio: Buffer;
}

async function call(session: string, ms = 6000): Promise<Call> {
  const audio = noise(session, ms);
  const caller = await new Caller(system.url, { session, audio }).call();
  await caller.midSentenceAfter(1);
  return { caller, audio };
}

async function expectDone({ caller, audio }: Call): Promise<void> {
  await caller.done();
  await expectWhole(system, caller, audio, SEGMENT_MS);
}

/** How each process is killed, and the given worker; answers how it is brought back. */
const KILLED = {
  gateway: async () => {
    await system.gateway.kill();
    return () => system.restartGateway();
  },
  worker: async (worker: Part) => {
    await worker.kill();
    return () => system.addWorker();
  },
  orchestrator: async () => {
    await system.orchestrator.kill();
    return () => system.orchestrator.start();
  },
  Temporal: async () => {
    await system.temporal.process.stop(0);
    return () => system.temporal.process.start();
  },
} as const;

type Kind = keyof typeof KILLED;

const kinds = Object.keys(KILLED) as Kind[];
const pairs = kinds.flatMap((one, i) => kinds.slice(i + 1).map((other): [Kind, Kind] => [one, other]));

test.each(pairs)(
  '%s and %s killed at the same moment cost no final',
  async (one, other) => {
    const session = `killed-${one}-${other}`;
    const made = await call(session);
    const worker = await system.workerOf(session);
    const restarts = await Promise.all([KILLED[one](worker), KILLED[other](worker)]);
    await Promise.all(restarts.map((restart) => restart()));
    await expectDone(made);
  },
  90_000,
);

test('a worker stopped while the gateway is killed is replaced, and refused when it wakes up', async () => {
  const made = await call('worker-stopped-gateway-killed');
  const worker = await system.workerOf('worker-stopped-gateway-killed');
  worker.signal('SIGSTOP');
  await system.gateway.kill();
  await system.restartGateway();
  await made.caller.next('started');
  worker.signal('SIGCONT');
  await expectDone(made);
}, 90_000);

test('a worker drained while Temporal is killed hands its call over once Temporal is back', async () => {
  const made = await call('worker-drained-temporal-killed');
  const worker = await system.workerOf('worker-drained-temporal-killed');
  await system.temporal.process.stop(0);
  const ended = worker.end('SIGTERM');
  await pause(1500);
  await system.temporal.process.start();
  await ended;
  await system.addWorker();
  await expectDone(made);
  expect(made.caller.reconnects).toBe(0);
}, 90_000);

test('a session handed over while its gateway is drained goes on at another worker, through the next gateway', async () => {
  const made = await call('handover-gateway-drained', 8000);
  const before = await system.workerOf('handover-gateway-drained');
  const [handedOver, [code]] = await Promise.all([
    fetch(`${system.httpUrl}/v1/sessions/handover-gateway-drained/handover`, { method: 'POST' }),
    // The request must be in before the gateway takes none any more.
    pause(20).then(() => system.gateway.end('SIGTERM')),
  ]);
  expect([handedOver.status, code]).toEqual([202, 0]);
  await system.restartGateway();
  await made.caller.next('final');
  expect(await system.workerOf('handover-gateway-drained')).not.toBe(before);
  await expectDone(made);
});

test('a second SIGTERM does not wait: the worker ends at once, and its call goes on elsewhere', async () => {
  const worker = await system.addWorker({ LONGHAND_MODEL: 'long' });
  const audio = noise('two-sigterms', 8000);
  const caller = new Caller(system.url, { session: 'two-sigterms', audio, parameters: { model: 'long' } });
  await caller.call();
  await caller.next('partial');
  worker.signal('SIGTERM');
  // Nobody pauses in this sentence: drained alone, the worker would go on for 3 s.
  while (!(await worker.log()).includes('"why":"SIGTERM"')) await pause(20);
  const secondAtMs = performance.now();
  expect(await worker.end('SIGTERM')).toEqual([1, null]);
  expect(performance.now() - secondAtMs).toBeLessThan(1000);
  await system.addWorker({ LONGHAND_MODEL: 'long' });
  await caller.done();
  await expectWhole(system, caller, audio, LONG_MS);
});
