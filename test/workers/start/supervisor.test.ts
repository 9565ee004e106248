/** The supervisor, with stand-ins for its processes and, once, the real Temporal server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { silentProgress } from '../../../infra/assets/progress.ts';
import { type Config, readConfig } from '../../../infra/config.ts';
import { startTime } from '../../../infra/processes/pid-file.ts';
import { resolveNeeds } from '../../../workers/start/needs.ts';
import { Screen } from '../../../workers/start/screen.ts';
import { selfCheck } from '../../../workers/start/self-check.ts';
import type { EntryPoints } from '../../../workers/start/services.ts';
import { type Addresses, Supervisor } from '../../../workers/start/supervisor.ts';

let folder: string;
const supervisors: Supervisor[] = [];
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-start-'));
});
afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.kill()));
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

const dataDir = (): string => join(folder, 'data');
const config = (over: Record<string, string> = {}): Config =>
  readConfig({
    LONGHAND_DATA_DIR: dataDir(),
    LONGHAND_HTTP_PORT: '0',
    LONGHAND_TEMPORAL_ADDRESS: '127.0.0.1:7',
    LONGHAND_MODELS: '{"en":{"engine":"scripted"},"de":{"engine":"scripted","languages":["de"]}}',
    LONGHAND_WORKERS: '2',
    ...over,
  });

async function entryPoints(): Promise<EntryPoints> {
  const standIn = join(import.meta.dirname, 'stand-in.ts');
  const make = async (role: string): Promise<string> => {
    const path = join(folder, `${role}-main.ts`);
    await writeFile(path, `import '${standIn}';\n`);
    return path;
  };
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  return { orchestrator: await make('orchestrator'), gateway: await make('gateway'), asr: await make('asr') };
}

async function supervisor(settings = config()): Promise<{ supervisor: Supervisor; lines: string[] }> {
  const lines: string[] = [];
  const made = new Supervisor({
    config: settings,
    entryPoints: await entryPoints(),
    searchAttributes: { LonghandTenant: 'Keyword' },
    needs: (checked) => resolveNeeds(checked, silentProgress),
    say: (line) => lines.push(line),
  });
  supervisors.push(made);
  return { supervisor: made, lines };
}

interface Entry {
  readonly role: string;
  readonly event: string;
  readonly pid: number;
  readonly settings: Record<string, string>;
}
const journal = async (): Promise<Entry[]> =>
  (await readFile(join(dataDir(), 'journal'), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
const of = async (event: string): Promise<Entry[]> => (await journal()).filter((entry) => entry.event === event);

test('every process is told all it needs, and no worker looks anything up', async () => {
  const { supervisor: it } = await supervisor();
  const addresses = await it.start();
  const ready = await of('ready');
  expect(ready.map(({ role }) => role).sort()).toEqual(['asr', 'asr', 'asr', 'asr', 'gateway', 'orchestrator']);
  const models = ready.filter(({ role }) => role === 'asr').map(({ settings }) => settings['LONGHAND_MODEL']);
  expect(models.sort()).toEqual(['de', 'de', 'en', 'en']);
  const [key] = ready.map(({ settings }) => settings['LONGHAND_INTERNAL_KEY']);
  expect(key).toMatch(/^[\w-]{43}$/);
  for (const { settings } of ready) {
    expect(settings).toMatchObject({
      LONGHAND_TEMPORAL_ADDRESS: '127.0.0.1:7',
      LONGHAND_GATEWAY_URL: addresses.ws,
      LONGHAND_DATA_DIR: dataDir(),
      LONGHAND_INTERNAL_KEY: key,
    });
  }
  expect((await stat(join(dataDir(), 'internal.key'))).mode & 0o777).toBe(0o600);
});

test('stop ends workers first, then the gateway, then the orchestrator, each by its own drain', async () => {
  const { supervisor: it } = await supervisor();
  await it.start();
  await it.stop();
  const ended = (await journal()).filter(({ event }) => event !== 'ready');
  expect(ended.map(({ role, event }) => `${role} ${event}`)).toEqual([
    ...Array.from({ length: 4 }, () => 'asr drained'),
    'gateway drained',
    'orchestrator drained',
  ]);
});

test('the key of a data folder outlives a restart', async () => {
  const first = await supervisor();
  await first.supervisor.start();
  await first.supervisor.stop();
  const second = await supervisor();
  await second.supervisor.start();
  expect(new Set((await of('ready')).map(({ settings }) => settings['LONGHAND_INTERNAL_KEY'])).size).toBe(1);
});

test('a second start on the same folder is refused, and the first one goes on', async () => {
  const first = await supervisor();
  await first.supervisor.start();
  const second = await supervisor();
  await expect(second.supervisor.start()).rejects.toThrow(
    new RegExp(`is in use by another .npm start. \\(process ${process.pid}\\).*LONGHAND_DATA_DIR`),
  );
  expect(await of('drained')).toEqual([]);
  await first.supervisor.stop();
  const third = await supervisor();
  await third.supervisor.start();
});

test.each([
  ['LONGHAND_HTTP_PORT', {}],
  ['LONGHAND_TEMPORAL_PORT', { LONGHAND_TEMPORAL_ADDRESS: '', LONGHAND_TEMPORAL_UI_PORT: '0' }],
  ['LONGHAND_TEMPORAL_UI_PORT', { LONGHAND_TEMPORAL_ADDRESS: '', LONGHAND_TEMPORAL_PORT: '0' }],
])('a busy port is an error that names %s, before anything is started', async (setting, over) => {
  const server = createServer().listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { supervisor: it } = await supervisor(config({ ...over, [setting]: String(port) }));
  await expect(it.start()).rejects.toThrow(`${setting}: port ${port} on 127.0.0.1 is taken by another process`);
  expect(await journal()).toEqual([]);
});

test('a killed supervisor leaves nothing running, and the next start takes its place', async () => {
  const script = join(folder, 'supervisor.ts');
  const points = JSON.stringify(await entryPoints());
  const start = join(process.cwd(), 'workers', 'start');
  await writeFile(
    script,
    `import { Supervisor } from '${start}/supervisor.ts';
     const config = JSON.parse(process.argv[2]);
     const needs = async () => ({ models: config.LONGHAND_MODELS, vadFile: null, temporalBinary: null });
     await new Supervisor({ config, entryPoints: ${points}, searchAttributes: {}, needs, say: () => undefined }).start();
     console.log('started');`,
  );
  const child = spawn(process.execPath, [script, JSON.stringify(config())], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(createInterface({ input: child.stdout }), 'line');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  const before = await of('ready');
  const { supervisor: it } = await supervisor();
  await it.start();
  expect(before).toHaveLength(6);
  expect(await Promise.all(before.map(({ pid }) => startTime(pid)))).toEqual(Array.from({ length: 6 }, () => null));
});

test('a process that cannot start fails the whole start with its last words, and ends the others', async () => {
  const points = await entryPoints();
  await writeFile(points.asr, "console.error('cannot read the model'); process.exit(1);");
  const made = new Supervisor({
    config: config(),
    entryPoints: points,
    searchAttributes: {},
    needs: (checked) => resolveNeeds(checked, silentProgress),
    say: () => undefined,
  });
  supervisors.push(made);
  await expect(made.start()).rejects.toThrow('cannot read the model');
  const started = (await of('ready')).map(({ pid }) => startTime(pid));
  expect(new Set(await Promise.all(started))).toEqual(new Set(started.length === 0 ? [] : [null]));
});

test('a restart of one group leaves the others alone', async () => {
  const { supervisor: it } = await supervisor();
  await it.start();
  await it.restart(new Set(['gateway']));
  expect((await of('drained')).map(({ role }) => role)).toEqual(['gateway']);
  expect((await of('ready')).filter(({ role }) => role === 'gateway')).toHaveLength(2);
});

test('without an address of Temporal one is started, in the data folder, with a UI', async () => {
  const own = { LONGHAND_TEMPORAL_ADDRESS: '', LONGHAND_TEMPORAL_PORT: '0', LONGHAND_TEMPORAL_UI_PORT: '0' };
  const { supervisor: it } = await supervisor(config(own));
  const { temporal, temporalUi } = await it.start();
  const [entry] = await of('ready');
  expect(entry?.settings['LONGHAND_TEMPORAL_ADDRESS']).toBe(temporal);
  expect((await fetch(`${temporalUi ?? ''}/`)).status).toBe(200);
  await it.stop();
  expect((await stat(join(dataDir(), 'temporal', 'temporal.db'))).size).toBeGreaterThan(0);
}, 60_000);

/** Runs the self-check against the stand-in, whose one final is `says`. */
async function check(says: string, expectsWords: boolean) {
  const written: string[] = [];
  const { supervisor: it } = await supervisor(config({ LONGHAND_WORKERS: '0' }));
  process.env['LONGHAND_S3_BUCKET'] = says;
  const { ws }: Addresses = await it.start().finally(() => delete process.env['LONGHAND_S3_BUCKET']);
  const screen = new Screen({ isTTY: true, columns: 80, write: (text) => written.push(text) });
  const options = { url: ws, model: 'en', key: null, expectsWords, screen, patienceMs: 5000, speed: 50 };
  return { verdict: await selfCheck(options), written };
}

test('the self-check passes on the right words and shows partials in place', async () => {
  const said =
    'And so, my fellow Americans: ask not what your country can do for you; ask what you can do for your country.';
  const { verdict, written } = await check(said, true);
  expect(verdict).toEqual({ passed: true, detail: '22 of 22 words right' });
  expect(written).toEqual(['\r\u001b[2K  … and so my', `\r\u001b[2K    0.0 s  ${said}\n`]);
});

test('the self-check fails on other words, and not where none are expected', async () => {
  expect((await check('hello', true)).verdict).toEqual({ passed: false, detail: '0 of 22 words right' });
});

test('the self-check of a scripted model looks at no words', async () => {
  expect((await check('0x1f', false)).verdict).toEqual({ passed: true, detail: 'finals came' });
});

test('the self-check of a system that is not there fails and does not throw', async () => {
  const screen = new Screen({ write: () => true });
  const options = {
    url: 'ws://127.0.0.1:9',
    model: 'en',
    key: null,
    expectsWords: true,
    screen,
    patienceMs: 1,
    speed: 50,
  };
  expect(await selfCheck(options)).toMatchObject({
    passed: false,
    detail: expect.stringContaining('cannot be reached') as string,
  });
});

test('a lock that a dead process left is taken', async () => {
  await mkdir(dataDir(), { recursive: true });
  await writeFile(join(dataDir(), 'supervisor.lock'), JSON.stringify({ pid: process.pid, started: '1' }));
  const { supervisor: it } = await supervisor();
  await it.start();
});
