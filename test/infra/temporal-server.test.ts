/** The embedded Temporal server, for real: ready means usable, and its database outlives kill -9. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { silentProgress } from '../../infra/assets/progress.ts';
import { resolveTemporal } from '../../infra/assets/resolve.ts';
import { readConfig } from '../../infra/config.ts';
import { isAlive } from '../../infra/processes/pid-file.ts';
import { endStaleTemporal, temporalServer, type TemporalServer } from '../../infra/temporal-server.ts';
import { until } from '../harness/until.ts';

let folder: string;
let server: TemporalServer | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-temporal-'));
});
afterEach(async () => {
  await server?.process.stop(0);
  await rm(folder, { recursive: true, force: true });
});

const TENANT = defineSearchAttributeKey('LonghandTenant', 'KEYWORD');

const options = async () => ({
  binary: await resolveTemporal(readConfig({}), silentProgress),
  databaseFile: join(folder, 'temporal.db'),
  logFile: join(folder, 'temporal.log'),
  port: 0,
  uiPort: null,
  namespace: 'calls',
  searchAttributes: { LonghandTenant: 'Keyword', LonghandPriority: 'Int' },
  environment: process.env,
  say: () => undefined,
  restart: { restart: false },
});

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection, namespace: 'calls' }));
  } finally {
    await connection.close();
  }
}
const start = (client: Client) =>
  client.workflow.start('any', {
    taskQueue: 'nobody',
    workflowId: 'kept',
    typedSearchAttributes: [{ key: TENANT, value: 't' }],
  });
const list = (client: Client) =>
  Array.fromAsync(client.workflow.list({ query: "LonghandTenant = 't'" }), (it) => it.workflowId);

test('a workflow is there after kill -9 and a start on the same database and port', async () => {
  server = await temporalServer(await options());
  await server.process.start();
  await withClient(server.address, start);
  const dead = server.process.pid;
  server.process.kill('SIGKILL');
  while (server.process.pid !== null) await new Promise((next) => setImmediate(next));
  await server.process.start();
  expect(server.process.pid).not.toBe(dead);
  const status = await withClient(server.address, (client) => client.workflow.getHandle('kept').describe());
  expect(status.status.name).toBe('RUNNING');
  expect(await withClient(server.address, list)).toEqual(['kept']);
}, 60_000);

test('what is due after 200 ms does not happen a second later, whatever else is due', async () => {
  server = await temporalServer(await options());
  await server.process.start();
  await withClient(server.address, async (client) => {
    const due = async (i: number): Promise<number> => {
      await pause(i * 40);
      const begunMs = performance.now();
      const own = { taskQueue: 'nobody', workflowId: `due-${i}`, workflowRunTimeout: 200 };
      const handle = await client.workflow.start('any', own);
      await expect(handle.result()).rejects.toThrow();
      return performance.now() - begunMs;
    };
    const tookMs = await Promise.all(Array.from({ length: 40 }, (_, i) => due(i)));
    const late = tookMs.filter((ms) => ms > 800);
    // On a busy machine some are late for reasons of their own.
    expect(late.length).toBeLessThan(10);
  });
}, 60_000);

test('a server left behind on the database is ended, and remembered by its process id', async () => {
  server = await temporalServer(await options());
  await server.process.start();
  const pid = server.process.pid;
  expect(Number(await readFile(join(folder, 'temporal.db.pid'), 'utf8'))).toBe(pid);
  expect(await endStaleTemporal(join(folder, 'temporal.db'))).toBe(pid);
  // It is this process's own child, and has a process id until it is waited for.
  await until(
    'it is gone',
    () => isAlive(pid ?? 0),
    (alive) => !alive,
  );
}, 60_000);

test('a taken port is refused before anything is started', async () => {
  server = await temporalServer(await options());
  await server.process.start();
  const port = Number(server.address.split(':')[1]);
  const second = temporalServer({ ...(await options()), databaseFile: join(folder, 'other.db'), port });
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
}, 60_000);
