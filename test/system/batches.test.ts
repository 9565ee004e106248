/** A batch of files through whole processes: bounded, counted, cancelled, and taken up again after the orchestrator has died. */
import type { Client } from '@temporalio/client';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openClient } from '../../infra/temporal.ts';
import { BATCH_ITEMS_QUERY, batchWorkflowId } from '../../workflows/batch/contract.ts';
import type { BatchItemView } from '../../workflows/batch/contract.ts';
import { noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

let system: System;
let files: Server;
let origin: string;
beforeAll(async () => {
  files = createServer((request, response) => {
    const name = request.url ?? '';
    if (name.includes('missing')) response.writeHead(404).end();
    else response.end(wav(noise(name, 1000)));
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 }, unserved: { engine: 'scripted' } },
    settings: { LONGHAND_OUTBOUND_ALLOW: '127.0.0.1', LONGHAND_BATCH_SIDE_BY_SIDE: '3', LONGHAND_FETCH_ATTEMPTS: '1' },
  });
}, 120_000);
afterAll(async () => {
  files.close();
  await system.stop();
}, 30_000);

interface Batch {
  readonly id: string;
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly { readonly session: string; readonly state: string }[];
}

async function post(body: object): Promise<Batch> {
  const response = await fetch(`${system.httpUrl}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return (await response.json()) as Batch;
}
const show = async (id: string): Promise<Batch> => (await system.json(`/v1/batches/${id}`)) as Batch;

test('every file of a batch is transcribed, also when the orchestrator dies in the middle; one that fails stops no other', async () => {
  const items = Array.from({ length: 8 }, (_, n) => ({ url: `${origin}/${n === 5 ? 'missing' : n}.wav` }));
  const { id } = await post({ name: 'eight', defaults: { label: ['of:eight'] }, items });
  await until(
    'one has ended',
    () => show(id),
    ({ counts }) => (counts['completed'] ?? 0) > 0,
    60_000,
  );
  await system.orchestrator.kill();
  await system.orchestrator.start();
  const ended = await until(
    'all have ended',
    () => show(id).catch(() => null),
    (batch) => batch?.state === 'completed',
    90_000,
  );
  expect(ended?.counts).toEqual({ waiting: 0, running: 0, completed: 7, failed: 1, cancelled: 0 });
  const labelled = (await system.json('/v1/sessions?label=of:eight')) as { sessions: unknown[] };
  expect(labelled.sessions).toHaveLength(8);
  const results = (await (await fetch(`${system.httpUrl}/v1/batches/${id}/results`)).text()).trim().split('\n');
  const lines = results.map((line) => JSON.parse(line) as { state: string; transcript: { text: string } | null });
  expect(lines.map(({ state }) => state)).toEqual(items.map((_, n) => (n === 5 ? 'failed' : 'completed')));
  expect(
    lines.every(({ state, transcript }) => (transcript !== null && transcript.text !== '') === (state === 'completed')),
  ).toBe(true);
}, 200_000);

test('no more files than allowed are under way, and a cancelled batch begins no other', async () => {
  const items = Array.from({ length: 6 }, (_, n) => ({ url: `${origin}/waits-${n}.wav`, model: 'unserved' }));
  const { id } = await post({ items });
  const seen = await until(
    'three run',
    () => show(id),
    ({ counts }) => counts['running'] === 3,
    60_000,
  );
  expect(seen.counts).toMatchObject({ waiting: 3, running: 3 });
  await fetch(`${system.httpUrl}/v1/batches/${id}/cancel`, { method: 'POST' });
  const ended = await until(
    'it has ended',
    () => show(id),
    ({ state }) => state === 'cancelled',
    60_000,
  );
  expect(ended.counts).toMatchObject({ waiting: 0, running: 0, cancelled: 6 });
  const first = await system.json(`/v1/sessions/${ended.items[0]?.session ?? ''}`);
  expect(first).toMatchObject({ state: 'cancelled' });
}, 120_000);

/** The uploads of a batch, each under its own id; a file that has been decoded has none left. */
async function uploadsOf(client: Client, batch: string): Promise<string[]> {
  const handle = client.workflow.getHandle(batchWorkflowId({ tenant: 'default', id: batch }));
  const items = await handle.query<BatchItemView[], [number, number]>(BATCH_ITEMS_QUERY, 0, 100);
  return items.map(({ uploadId }) => uploadId);
}

/** Everything that Temporal and object storage have of a batch, and of sessions and uploads. */
async function left(
  client: Client,
  batch: string,
  sessions: readonly string[],
  uploads: readonly string[],
): Promise<string[]> {
  const names = [`batch/default/${batch}`, ...sessions.map((id) => `session/default/${id}`)];
  const query = names.map((name) => `WorkflowId = '${name}' OR WorkflowId STARTS_WITH '${name}/'`).join(' OR ');
  const runs = await Array.fromAsync(client.workflow.list({ query }));
  const found = await readdir(join(system.folder, 'objects'), { recursive: true, withFileTypes: true });
  const files = found.filter((at) => at.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const ours = files.filter((path) => [...sessions, ...uploads].some((id) => path.includes(`/${id}/`)));
  return [...runs.map(({ workflowId }) => workflowId), ...ours];
}

test('a batch that runs is deleted with all its sessions, ended and running; the one that had a name before it stays', async () => {
  await postFile(system, wav(noise('taken', 500)), '?session=taken');
  await finishedFile(system, 'taken');
  const client = openClient(system.temporal.address, 'default');
  const items = [
    { url: `${origin}/done.wav`, id: 'done' },
    { url: `${origin}/missing.wav`, id: 'failed' },
    { url: `${origin}/taken.wav`, id: 'taken' },
    ...['runs-0', 'runs-1', 'runs-2', 'waits'].map((id) => ({ url: `${origin}/${id}.wav`, id, model: 'unserved' })),
  ];
  const { id } = await post({ items });
  await until(
    'three have ended, three run',
    () => show(id),
    ({ counts }) => counts['running'] === 3 && counts['failed'] === 2 && counts['completed'] === 1,
    60_000,
  );
  const ours = items.map((item) => item.id).filter((name) => name !== 'taken');
  try {
    const uploads = await uploadsOf(client, id);
    expect(uploads).toHaveLength(items.length);
    expect(await left(client, id, ours, uploads)).not.toEqual([]);
    const asked = await fetch(`${system.httpUrl}/v1/batches/${id}`, { method: 'DELETE' });
    expect([202, 204]).toContain(asked.status);
    await until(
      'nothing is left',
      () => left(client, id, ours, uploads),
      (names) => names.length === 0,
      60_000,
    );
  } finally {
    await client.connection.close();
  }
  for (const path of [
    `/v1/batches/${id}`,
    '/v1/sessions/done',
    '/v1/sessions/runs-0',
    '/v1/sessions/done/transcript',
  ]) {
    expect({ path, status: (await fetch(`${system.httpUrl}${path}`)).status }).toEqual({ path, status: 404 });
  }
  expect(await system.json('/v1/sessions/taken')).toMatchObject({ state: 'completed' });
  expect((await fetch(`${system.httpUrl}/v1/sessions/taken/transcript?format=txt`)).status).toBe(200);
}, 150_000);
