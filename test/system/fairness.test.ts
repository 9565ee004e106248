/** Who is served first when all wait for the same workers: live before files, and tenants by their weights. */
import type { Client } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { TemporalSessions } from '../../gateway/temporal/sessions.ts';
import { AudioLog } from '../../infra/audio-log.ts';
import { openFolder } from '../../infra/objects/folder.ts';
import { openClient } from '../../infra/temporal.ts';
import { objectKeys, sessionWorkflowId, spanWorkflowId } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { CHUNK_BYTES, Speaker } from '../bench/speaker.ts';
import { Caller, noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import type { Part } from '../harness/system.ts';
import { until } from '../harness/until.ts';
import { live } from '../workflows/session/given.ts';

/** Sessions of the gateway's own tenant that the tests have waiting at most. */
const OWN = 12;

let system: System;
let client: Client;
let sessions: TemporalSessions;
let log: AudioLog;
beforeAll(async () => {
  system = await System.start({
    // Slow enough that a file's spans are still waiting when a caller comes.
    models: { en: { engine: 'scripted', segmentMs: 400, realTimeFactor: 0.2 } },
    workers: 0,
    settings: {
      LONGHAND_TENANT_WEIGHTS: '{"default": 3}',
      LONGHAND_MAX_TENANT_SESSIONS: String(OWN),
      LONGHAND_SPAN_MS: '1000',
      LONGHAND_MAX_PARALLEL_SPANS: '100',
      LONGHAND_WORKER_SILENCE_MS: '5000',
    },
  });
  client = openClient(system.temporal.address, 'default');
  sessions = new TemporalSessions(client, 5000);
  log = new AudioLog(await openFolder(`${system.folder}/objects`));
}, 120_000);
afterAll(async () => {
  await client.connection.close();
  await system.stop();
}, 30_000);

/** A session of any tenant, its audio stored and ended: all it needs is a worker. */
async function waits(tenant: string, id: string, weight = 1): Promise<SessionRef> {
  const ref = { tenant, id };
  const audio = noise(id, 100);
  await log.append(objectKeys.audio(ref), 0, audio);
  await log.seal(objectKeys.audio(ref), audio.length);
  const gateway = { url: system.url, instance: 'none that lives' };
  await sessions.attach({ ...live, ref, weight }, { gateway, connection: 'c', audio: live.audio });
  await sessions.finishAudio(ref, audio.length);
  return ref;
}

/** A session of the gateway's own tenant, by its public address: its weight is what the setting says. */
async function calls(id: string): Promise<Caller> {
  const caller = new Caller(system.url, { session: id, audio: noise(id, 100) });
  const queued = caller.next('queued');
  await caller.call();
  await queued;
  return caller;
}

/** When a worker was given the session first, in nanoseconds. */
async function servedAt(workflowId: string): Promise<bigint> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const started = events?.find((event) => event.activityTaskStartedEventAttributes);
  const { seconds, nanos } = started?.eventTime ?? {};
  return BigInt(seconds?.toString() ?? 0) * 1_000_000_000n + BigInt(nanos ?? 0);
}

/** Names in the order in which their sessions were given a worker. */
async function order(named: readonly (readonly [name: string, workflowId: string])[]): Promise<string[]> {
  const served = await Promise.all(named.map(async ([name, id]) => ({ name, at: await servedAt(id) })));
  return served.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ name }) => name);
}

async function withWorker(slots: number, run: (worker: Part) => Promise<void>): Promise<void> {
  const worker = await system.addWorker({ LONGHAND_SLOTS: String(slots) });
  await run(worker);
  await worker.end('SIGTERM');
  system.workers.splice(system.workers.indexOf(worker), 1);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const ended = (refs: readonly SessionRef[]) =>
  Promise.all(refs.map((ref) => sessions.result(ref, AbortSignal.timeout(60_000))));

test('while all wait, tenants are served by their weights, whoever came first; a tenant has a limit of its own', async () => {
  const refs: SessionRef[] = [];
  for (const i of upTo(4)) refs.push(await waits('small', `small-${i}`), await waits('other', `other-${i}`));
  const callers: Caller[] = [];
  for (const i of upTo(OWN)) callers.push(await calls(`heavy-${i}`));

  const late = new Caller(system.url, { session: 'one-too-many', audio: noise('one-too-many', 100) });
  const refused = new Promise<string>((resolve) => late.client.once('reconnecting', ({ why }) => resolve(why)));
  const lateCall = late.call();
  expect(await refused).toBe(`${OWN} live sessions are open: end one, or try again later`);

  await withWorker(1, async () => {
    await Promise.all([ended(refs), ...callers.map((each) => each.done()), lateCall]);
    await late.done();
  });
  const named = [
    ...refs.map((ref) => [ref.tenant, sessionWorkflowId(ref)] as const),
    ...upTo(OWN).map((i) => ['heavy', sessionWorkflowId({ tenant: 'default', id: `heavy-${i}` })] as const),
  ];
  const served = await order(named);
  const count = (name: string, first: number) => served.slice(0, first).filter((each) => each === name).length;
  for (const first of [5, 10, 15]) {
    const share = { heavy: (first * 3) / 5, small: first / 5, other: first / 5 };
    for (const [name, fair] of Object.entries(share)) {
      expect({ first, name, off: Math.abs(count(name, first) - fair) <= 1, served }).toMatchObject({ off: true });
    }
  }
}, 120_000);

test('fifty waiting sessions of one tenant do not hold up the first of another', async () => {
  const beganMs = Date.now();
  const crowd: SessionRef[] = [];
  for (const i of upTo(50)) crowd.push(await waits('crowd', `crowd-${i}`));
  const single = await waits('single', 'single-0');
  const all = [...crowd, single].map(sessionWorkflowId).sort();
  const listed = async (atMost: number) => [...(await sessions.waitingSessions('en', atMost))].sort();
  await until(
    'all are listed as waiting',
    () => listed(1000),
    (ids) => isDeepStrictEqual(ids, all),
  );
  expect(await listed(50)).toHaveLength(50);
  expect(await sessions.openSessions('crowd', Date.now())).toBe(50);
  expect(await sessions.openSessions('crowd', beganMs - 1)).toBe(0);
  await withWorker(1, () => ended([...crowd, single]).then(() => undefined));
  const served = await order([...crowd, single].map((ref) => [ref.id, sessionWorkflowId(ref)] as const));
  expect(served.indexOf('single-0')).toBeLessThanOrEqual(1);
}, 120_000);

test('a file of many spans does not hold up a caller, and goes on in the slots that callers leave', async () => {
  const { status } = await postFile(system, wav(noise('batch', 40_000)), '?session=batch');
  expect(status).toBe(202);
  await withWorker(2, async () => {
    for (;;) {
      const { spans } = (await system.json('/v1/sessions/batch')) as { spans: { done: number } | null };
      if (spans !== null && spans.done >= 2) break;
      await pause(50);
    }
    const started = Promise.withResolvers<undefined>();
    const speaker = new Speaker({
      url: `${system.url}/v1/live?session=caller`,
      audio: noise('caller', 10_000).subarray(0, 100 * CHUNK_BYTES),
      heard: ({ type }) => (type === 'started' ? started.resolve(undefined) : undefined),
    });
    await speaker.ready;
    speaker.speak();
    await started.promise;
    const before = (await system.json('/v1/sessions/batch')) as { state: string };
    expect(before.state).toBe('streaming');

    // The caller speaks on: its slot is its own, and the file ends in the other one.
    await finishedFile(system, 'batch');
    expect(await system.json('/v1/sessions/caller')).toMatchObject({ state: 'streaming', epoch: 1 });
    await speaker.end();
  });
  const spans = (await sessions.view({ tenant: 'default', id: 'batch' })).spans?.total ?? 0;
  expect(spans).toBeGreaterThan(20);
  const ref = { tenant: 'default', id: 'batch' };
  const asked = await askedAt(sessionWorkflowId({ tenant: 'default', id: 'caller' }));
  const served = await servedAt(sessionWorkflowId({ tenant: 'default', id: 'caller' }));
  const starts = await Promise.all(upTo(spans).map((i) => servedAt(spanWorkflowId(ref, i))));
  // A poll that was answered with a span at the same moment may be under way, for each slot.
  expect(starts.filter((at) => at > asked && at < served).length).toBeLessThanOrEqual(2);
}, 120_000);

/** When the session first asked for a worker, in nanoseconds. */
async function askedAt(workflowId: string): Promise<bigint> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const { seconds, nanos } = events?.find((event) => event.activityTaskScheduledEventAttributes)?.eventTime ?? {};
  return BigInt(seconds?.toString() ?? 0) * 1_000_000_000n + BigInt(nanos ?? 0);
}
