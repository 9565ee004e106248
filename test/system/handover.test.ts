/** A session moves to another worker on purpose: at a segment boundary, within seconds, and its client does not notice. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';
import type { Part } from '../harness/system.ts';

const SEGMENT_MS = 400;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    workers: 2,
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

const post = (path: string): Promise<Response> => fetch(`${system.httpUrl}${path}`, { method: 'POST' });

async function call(session: string, ms: number): Promise<{ caller: Caller; audio: Buffer }> {
  const audio = noise(session, ms);
  const caller = await new Caller(system.url, { session, audio }).call();
  await caller.midSentenceAfter(1);
  return { caller, audio };
}

async function expectMoved({ caller, audio }: { caller: Caller; audio: Buffer }): Promise<void> {
  await caller.done();
  expect(caller.reconnects).toBe(0);
  await expectWhole(system, caller, audio, SEGMENT_MS);
}

const idOf = (worker: Part): string => String(worker.ready['workerId']);

async function leftBy(worker: Part): Promise<void> {
  for (;;) {
    const { workers } = (await system.json('/v1/workers')) as {
      workers: { id: string; sessions: string[]; draining: boolean }[];
    };
    const seen = workers.find(({ id }) => id === idOf(worker));
    if (seen === undefined || (seen.draining && seen.sessions.length === 0)) return;
    await pause(50);
  }
}

test('an operator moves a session: another worker goes on, nothing is lost, repeated or cut', async () => {
  const moved = await call('moved', 6000);
  const before = await system.workerOf('moved');
  expect((await post('/v1/sessions/moved/handover')).status).toBe(202);
  if (moved.caller.started < 2) await moved.caller.next('started');
  expect(idOf(await system.workerOf('moved'))).not.toBe(idOf(before));
  await expectMoved(moved);
  expect(((await system.json('/v1/sessions/moved')) as { epoch: number }).epoch).toBe(2);
});

test('a session without a worker cannot be moved, and an unknown one is not found', async () => {
  expect((await post('/v1/sessions/moved/handover')).status).toBe(409);
  expect((await post('/v1/sessions/nobody/handover')).status).toBe(404);
  expect((await post('/v1/workers/nobody/drain')).status).toBe(404);
});

test('a worker that is drained is empty in under 10 s, and its calls go on elsewhere', async () => {
  const calls = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => call(`drained-${n}`, 10_000)));
  const worker = await system.workerOf('drained-1');
  const begunMs = performance.now();
  expect((await post(`/v1/workers/${idOf(worker)}/drain`)).status).toBe(202);
  await leftBy(worker);
  expect(performance.now() - begunMs).toBeLessThan(10_000);
  await Promise.all(calls.map(expectMoved));
  await worker.kill('SIGTERM');
  await system.addWorker();
});

test('a worker told to end by SIGTERM hands its calls over and exits with 0', async () => {
  const calls = await Promise.all([1, 2, 3, 4].map((n) => call(`sigterm-${n}`, 8000)));
  const worker = await system.workerOf('sigterm-1');
  const [code] = await worker.end('SIGTERM');
  expect(code).toBe(0);
  await Promise.all(calls.map(expectMoved));
  await system.addWorker();
});

test('a gateway told to end by SIGTERM sends its clients away with 1012, and they go on with the next', async () => {
  const { caller, audio } = await call('gateway-ends', 8000);
  const why = once(caller.client, 'reconnecting') as Promise<[{ why: string }]>;
  const [code] = await system.gateway.end('SIGTERM');
  expect(code).toBe(0);
  expect((await why)[0].why).toMatch(/this gateway ends/);
  await system.restartGateway();
  await caller.done();
  await expectWhole(system, caller, audio, SEGMENT_MS);
  expect(((await system.json('/v1/sessions/gateway-ends')) as { epoch: number }).epoch).toBe(1);
});

test('an orchestrator told to end by SIGTERM exits with 0, and another takes its workflows up', async () => {
  const { caller, audio } = await call('orchestrator-ends', 8000);
  const [code] = await system.orchestrator.end('SIGTERM');
  expect(code).toBe(0);
  await system.orchestrator.start();
  await caller.done();
  expect(caller.started).toBe(1);
  await expectWhole(system, caller, audio, SEGMENT_MS);
});
