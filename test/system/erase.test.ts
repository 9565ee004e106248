/** What is deleted is gone: object storage and Temporal are listed afterwards, and hold nothing of it. */
import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient } from '../../infra/temporal.ts';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import { eraseWorkflowId } from '../../workflows/erase/contract.ts';
import { noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

let system: System;
let client: Client;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 }, unserved: { engine: 'scripted' } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000', LONGHAND_SPAN_MS: '2000', LONGHAND_ROTATE_EVENTS: '30' },
  });
  client = openClient(system.temporal.address, 'default');
}, 120_000);
afterAll(async () => {
  await client.connection.close();
  await system.stop();
}, 30_000);

/** Every object of the installation that has to do with the session. */
async function objectsOf(id: string): Promise<string[]> {
  const found = await readdir(join(system.folder, 'objects'), { recursive: true, withFileTypes: true });
  const files = found.filter((at) => at.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files.filter((path) => path.includes(`/${id}/`) || path.includes('/uploads/'));
}

/** Every workflow that Temporal lists for the session, all runs of it. */
async function runsOf(id: string): Promise<string[]> {
  const name = sessionWorkflowId({ tenant: 'default', id });
  const query = `WorkflowId = '${name}' OR WorkflowId STARTS_WITH '${name}/'`;
  return (await Array.fromAsync(client.workflow.list({ query }))).map(({ workflowId }) => workflowId);
}

const erase = (id: string): Promise<Response> => fetch(`${system.httpUrl}/v1/sessions/${id}`, { method: 'DELETE' });

/** Deleted at once, or going on: in the end there is nothing. */
async function eraseAll(id: string): Promise<void> {
  expect([202, 204]).toContain((await erase(id)).status);
  await until(
    'nothing is left',
    async () => [...(await runsOf(id)), ...(await objectsOf(id))],
    (left) => left.length === 0,
    60_000,
  );
}

async function expectGone(id: string): Promise<void> {
  expect({ objects: await objectsOf(id), runs: await runsOf(id) }).toEqual({ objects: [], runs: [] });
  for (const path of [`/v1/sessions/${id}`, `/v1/sessions/${id}/transcript`]) {
    expect({ path, status: (await fetch(`${system.httpUrl}${path}`)).status }).toEqual({ path, status: 404 });
  }
  const { sessions } = (await system.json('/v1/sessions?limit=200')) as { sessions: { id: string }[] };
  expect(sessions.map((session) => session.id)).not.toContain(id);
}

test('a file with its spans is deleted whole, and its id is free again', async () => {
  await postFile(system, wav(noise('spans', 9000)), '?session=spans');
  await finishedFile(system, 'spans');
  expect((await runsOf('spans')).length).toBeGreaterThan(3);
  expect(await objectsOf('spans')).not.toEqual([]);
  await eraseAll('spans');
  await expectGone('spans');
  expect((await erase('spans')).status).toBe(404);
  expect((await postFile(system, wav(noise('again', 500)), '?session=spans')).status).toBe(202);
  await finishedFile(system, 'spans');
}, 90_000);

test('a file that waits for a worker is cancelled, and deleted with its upload', async () => {
  await postFile(system, wav(noise('waits', 3000)), '?session=waits&model=unserved');
  await eraseAll('waits');
  await expectGone('waits');
}, 90_000);

test('a live call is ended, told so, and deleted with all runs of its workflow', async () => {
  const { socket, inbox } = await connect(`${system.url}/v1/live?session=call`);
  const audio = noise('call', 60_000);
  let sent = 0;
  const speak = async (): Promise<string[]> => {
    socket.send(audio.subarray(sent, sent + 12_800));
    sent += 12_800;
    return runsOf('call');
  };
  await until('it has continued as new', speak, (runs) => runs.length > 1);
  await eraseAll('call');
  await inbox.closed;
  expect(inbox.messages.at(-1)).toMatchObject({ type: 'done', state: 'cancelled' });
  await expectGone('call');
}, 90_000);

test('what a late writer leaves is swept up after; what a new session of the same id makes is not', async () => {
  await postFile(system, wav(noise('late', 1000)), '?session=late');
  await finishedFile(system, 'late');
  await eraseAll('late');
  const folder = join(system.folder, 'objects/sessions/default/late/checkpoint');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, '0000000000-0000000050.json'), '[]');
  await until(
    'it is swept up',
    () => objectsOf('late'),
    (objects) => objects.length === 0,
  );
  const description = await client.workflow.getHandle(eraseWorkflowId({ tenant: 'default', id: 'late' })).describe();
  expect(description.status.name).toBe('RUNNING');
}, 90_000);

test('a deletion goes on through the death of the gateway that was asked and of the orchestrator that works on it', async () => {
  const body = new Uint8Array(wav(noise('crash', 3000)));
  await postFile(system, body, '?session=crash&model=unserved');
  const asked = erase('crash').catch(() => null);
  const handle = client.workflow.getHandle(eraseWorkflowId({ tenant: 'default', id: 'crash' }));
  await until(
    'it has begun',
    () =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    (begun) => begun,
  );
  await Promise.all([system.gateway.kill(), system.orchestrator.kill()]);
  await asked;
  await Promise.all([system.restartGateway(), system.orchestrator.start()]);
  await until(
    'it is gone',
    async () => [...(await runsOf('crash')), ...(await objectsOf('crash'))],
    (left) => left.length === 0,
    80_000,
  );
  await until(
    'it is not found',
    async () => (await fetch(`${system.httpUrl}/v1/sessions/crash`)).status,
    (is) => is === 404,
  );
  await expectGone('crash');
}, 120_000);

test('a session that never was cannot be deleted', async () => {
  expect((await erase(randomUUID())).status).toBe(404);
});
