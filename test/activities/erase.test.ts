/** What is deleted of a session: all of it, and nothing of the next one that has its name. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createErase } from '../../activities/erase.ts';
import type { Run } from '../../activities/erase.ts';
import { objectKeys } from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const ref = { tenant: 't', id: 's' };
const OWN = 'session/t/s';

let objects: MemoryObjects;
/** Those that Temporal has. */
let runs: Run[];
let done: string[];
beforeEach(() => {
  objects = new MemoryObjects();
  runs = [];
  done = [];
});

const runOf = (workflowId: string, changes: Partial<Run> = {}): Run => ({
  workflowId,
  runId: workflowId,
  isRunning: false,
  isOwn: workflowId === OWN,
  startMs: 1000,
  uploadId: null,
  ...changes,
});

const activities = () =>
  createErase(objects, {
    runs: () => Promise.resolve(runs),
    exists: () => Promise.resolve(runs.some(({ isOwn }) => isOwn)),
    end: ({ workflowId }, how) => Promise.resolve(void done.push(`${how} ${workflowId}`)),
    delete: ({ workflowId, startMs }) => {
      runs = runs.filter((run) => run.workflowId !== workflowId || run.startMs !== startMs);
      return Promise.resolve(void done.push(`delete ${workflowId}`));
    },
  });

const run = <T>(activity: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity);

const put = (key: string): Promise<void> => objects.put(key, Buffer.from('x'));
const left = (): string[] => [...objects.objects.keys()];

test('its audio, its transcripts and its uploads are deleted, and nothing of others', async () => {
  const others = [objectKeys.upload('t', 'other'), objectKeys.transcript({ tenant: 't', id: 's2' }, null, 'json')];
  const its = [
    objectKeys.upload('t', 'u'),
    objectKeys.uploadClaim('t', 'u'),
    objectKeys.transcript(ref, null, 'json'),
    objectKeys.transcript(ref, 3, 'json'),
    objectKeys.transcript(ref, null, 'json', 2),
    `${objectKeys.audio(ref)}0`,
  ];
  for (const key of [...others, ...its]) await put(key);
  expect(await run(() => activities().eraseObjects({ ref, uploadIds: ['u'] }))).toBe(its.length);
  expect(left().sort()).toEqual([...others].sort());
  expect(await run(() => activities().eraseObjects({ ref, uploadIds: ['u'] }))).toBe(0);
});

test('what runs of it is cancelled, by force terminated; spans and versions end with it', async () => {
  runs = [runOf(OWN, { isRunning: true, uploadId: 'u' }), runOf(`${OWN}/span/1`, { isRunning: true })];
  expect(await run(() => activities().endSession({ ref, force: false }))).toEqual({ running: 2, uploadIds: ['u'] });
  expect(done).toEqual([`cancel ${OWN}`]);
  await run(() => activities().endSession({ ref, force: true }));
  expect(done.slice(1)).toEqual([`terminate ${OWN}`, `terminate ${OWN}/span/1`]);
});

test('histories of spans, versions and webhooks go before its own, and a session that began since keeps its own', async () => {
  const next = runOf(OWN, { runId: 'next', startMs: 5000 });
  runs = [runOf(OWN), runOf(`${OWN}/span/1`), runOf(`${OWN}/version/2`), runOf('webhook/t/msg_1'), next];
  expect(await run(() => activities().eraseHistories({ ref, endedMs: 3000 }))).toBe(4);
  expect(done.at(-1)).toBe(`delete ${OWN}`);
  expect(runs).toEqual([next]);
});

test('what was written late is deleted, with a span that no list had yet', async () => {
  await put(objectKeys.upload('t', 'u'));
  await put(`${objectKeys.audio(ref)}0`);
  runs = [runOf(`${OWN}/span/4`)];
  expect(await run(() => activities().eraseStray({ ref, uploadIds: ['u'] }))).toEqual({ isTaken: false, found: 3 });
  expect({ left: left(), runs }).toEqual({ left: [], runs: [] });
});

test('a new session of the same name is not what was written late', async () => {
  await put(`${objectKeys.audio(ref)}0`);
  runs = [runOf(OWN, { startMs: 5000 }), runOf(`${OWN}/span/0`, { startMs: 5000 })];
  expect(await run(() => activities().eraseStray({ ref, uploadIds: ['u'] }))).toEqual({ isTaken: true, found: 0 });
  expect(left()).toEqual([`${objectKeys.audio(ref)}0`]);
  expect(runs).toHaveLength(2);
});
