/** A live call goes on, with no final lost and none repeated, whatever process dies. Real processes, scripted engine. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../infra/temporal.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectCovered, expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
const MODELS = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };
/** What is tested here is not how quickly a hang is found: on a busy machine a healthy worker may be silent for a second. */
const PATIENT = { LONGHAND_WORKER_SILENCE_MS: '5000' };

let system: System;
const others: System[] = [];
beforeAll(async () => {
  system = await System.start({ models: MODELS, workers: 2, settings: PATIENT });
}, 120_000);
afterAll(async () => {
  await Promise.all([system, ...others].map((each) => each.stop()));
}, 60_000);

/** An installation of its own, with other settings. */
async function another(settings: Record<string, string>): Promise<System> {
  const one = await System.start({ models: MODELS, settings: { ...PATIENT, ...settings } });
  others.push(one);
  return one;
}

const call = (session: string, ms: number): { caller: Caller; audio: Buffer } => {
  const audio = noise(session, ms);
  return { caller: new Caller(system.url, { session, audio }), audio };
};

test('a worker killed in mid-sentence costs no final, and the client does not notice', async () => {
  const { caller, audio } = call('worker-killed', 6000);
  await caller.call();
  await caller.midSentenceAfter(3);
  await (await system.workerOf('worker-killed')).kill();
  await caller.done();
  expect(caller.reconnects).toBe(0);
  expect(caller.started).toBe(2);
  await expectWhole(system, caller, audio, SEGMENT_MS);
  const { epoch } = (await system.json('/v1/sessions/worker-killed')) as { epoch: number };
  expect(epoch).toBe(2);
  await system.addWorker();
}, 60_000);

test('an orchestrator killed in mid-sentence delays finals only', async () => {
  const { caller, audio } = call('orchestrator-killed', 8000);
  await caller.call();
  await caller.midSentenceAfter(3);
  await system.orchestrator.kill();
  const partialsBefore = caller.partials;
  await caller.next('partial', () => caller.partials > partialsBefore + 5);
  await system.orchestrator.start();
  await caller.done();
  expect(caller.reconnects).toBe(0);
  expect(caller.started).toBe(1);
  await expectWhole(system, caller, audio, SEGMENT_MS);
}, 60_000);

test('a gateway killed in mid-sentence: the client comes back with its id, and the recogniser goes on', async () => {
  const { caller, audio } = call('gateway-killed', 8000);
  await caller.call();
  await caller.midSentenceAfter(3);
  await system.gateway.kill();
  await system.restartGateway();
  await caller.done();
  expect(caller.reconnects).toBeGreaterThan(0);
  await expectWhole(system, caller, audio, SEGMENT_MS);
  const { epoch } = (await system.json('/v1/sessions/gateway-killed')) as { epoch: number };
  expect(epoch).toBe(1);
}, 60_000);

test('Temporal killed and started again on its database: partials go on, finals follow', async () => {
  const { caller, audio } = call('temporal-killed', 10_000);
  await caller.call();
  await caller.midSentenceAfter(3);
  await system.temporal.process.stop(0);
  const partialsBefore = caller.partials;
  await caller.next('partial', () => caller.partials > partialsBefore + 10);
  await system.temporal.process.start();
  await caller.done();
  expect(caller.reconnects).toBe(0);
  expect(caller.started).toBe(1);
  await expectWhole(system, caller, audio, SEGMENT_MS);
}, 90_000);

test('a network that drops for 5 s costs nothing', async () => {
  const network = await openNetwork(system.port);
  const audio = noise('network-dropped', 12_000);
  const caller = new Caller(network.url, { session: 'network-dropped', audio });
  await caller.call();
  await caller.midSentenceAfter(3);
  network.drop();
  await pause(5000);
  network.restore();
  await caller.done();
  network.close();
  expect(caller.reconnects).toBeGreaterThan(0);
  await expectWhole(system, caller, audio, SEGMENT_MS);
}, 90_000);

test('a client that is away longer than the grace gives its slot back, and gets one again when it returns', async () => {
  const patient = await another({ LONGHAND_CLIENT_GRACE_MS: '500' });
  const network = await openNetwork(patient.port);
  const audio = noise('away', 8000);
  const caller = new Caller(network.url, { session: 'away', audio });
  await caller.call();
  await caller.midSentenceAfter(3);
  network.drop();
  await untilState(patient, 'away', 'idle');
  network.restore();
  await caller.done();
  network.close();
  // What was said when the slot was given back is a final of its own: the texts differ there, the coverage does not.
  await expectCovered(patient, caller, audio);
  expect(((await patient.json('/v1/sessions/away')) as { epoch: number }).epoch).toBe(2);
}, 90_000);

test('a session that crosses continue-as-new in mid-sentence keeps its lease, its recogniser and its connection', async () => {
  const rotating = await another({ LONGHAND_ROTATE_EVENTS: '60' });
  const audio = noise('rotated', 12_000);
  const caller = await new Caller(rotating.url, { session: 'rotated', audio, speed: 3 }).call();
  await caller.done();
  expect(caller.started).toBe(1);
  await expectWhole(rotating, caller, audio, SEGMENT_MS);
  expect(((await rotating.json('/v1/sessions/rotated')) as { epoch: number }).epoch).toBe(1);
  expect(await runsOf(rotating, 'session/default/rotated')).toBeGreaterThan(2);
}, 90_000);

async function runsOf(of: System, workflowId: string): Promise<number> {
  const client = openClient(of.temporal.address, 'default');
  const runs = await Array.fromAsync(client.workflow.list({ query: `WorkflowId = '${workflowId}'` }));
  await client.connection.close();
  return runs.length;
}

async function untilState(of: System, session: string, state: string): Promise<void> {
  for (;;) {
    const seen = (await of.json(`/v1/sessions/${session}`)) as { state: string };
    if (seen.state === state) return;
    await pause(50);
  }
}

/** A network between client and gateway that can be cut. */
async function openNetwork(port: number) {
  const sockets = new Set<Socket>();
  let up = true;
  const server = createServer((inbound) => {
    if (!up) {
      inbound.destroy();
      return;
    }
    const outbound = connect(port, '127.0.0.1');
    for (const socket of [inbound, outbound]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        inbound.destroy();
        outbound.destroy();
      });
    }
    inbound.pipe(outbound).pipe(inbound);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    drop: () => {
      up = false;
      for (const socket of sockets) socket.destroy();
    },
    restore: () => (up = true),
    close: () => server.close(),
  };
}
