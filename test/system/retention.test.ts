/** Retention is durable: what was due while nobody worked is deleted when somebody does. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 } },
    settings: { LONGHAND_RETENTION_MS: '20000', LONGHAND_RETENTION_SWEEP_MS: '500' },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

test('an ended session is kept for its time, and is gone after it, though the orchestrator died meanwhile', async () => {
  await postFile(system, wav(noise('kept', 1000)), '?session=kept');
  await finishedFile(system, 'kept');
  await system.orchestrator.kill();
  await system.orchestrator.start();
  expect(await system.json('/v1/sessions/kept')).toMatchObject({ state: 'completed' });
  await until(
    'it is not found',
    async () => (await fetch(`${system.httpUrl}/v1/sessions/kept`)).status,
    (status) => status === 404,
    100_000,
  );
  const left = await readdir(join(system.folder, 'objects/sessions'), { recursive: true }).catch(() => []);
  expect(left.filter((name) => name.includes('kept'))).toEqual([]);
}, 150_000);
