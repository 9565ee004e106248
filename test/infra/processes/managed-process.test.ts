import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ManagedProcess,
  type ProcessSpec,
  readyMessage,
  type RestartPolicy,
} from '../../../infra/processes/managed-process.ts';
import { isAlive } from '../../../infra/processes/pid-file.ts';

let folder: string;
const running: ManagedProcess<unknown>[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-process-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop(0)));
  await rm(folder, { recursive: true, force: true });
});

const ready = "process.send({ type: 'ready', pid: process.pid }); process.on('disconnect', () => process.exit(0));";

const spec = (script: string): ProcessSpec<Record<string, unknown>> => ({
  name: 'child',
  file: process.execPath,
  args: ['-e', script],
  environment: { ...process.env, NODE_OPTIONS: '' },
  logFile: join(folder, 'logs', 'child.log'),
  pidFile: join(folder, 'run', 'child.pid'),
  orphan: 'ipc',
  ready: readyMessage,
});

/** A process under test, and a way to wait for its lines. */
function managed(script: string, policy: Partial<RestartPolicy> = {}) {
  const lines: string[] = [];
  let wake = (): void => undefined;
  const say = (line: string): void => {
    lines.push(line);
    wake();
  };
  const child = new ManagedProcess(spec(script), say, { pauseMs: 10, ...policy });
  running.push(child);
  const said = async (count: number): Promise<string[]> => {
    while (lines.length < count) await new Promise<void>((woken) => (wake = woken));
    return lines;
  };
  return { child, said };
}

test('start answers the ready message of the child, and its output is in the log', async () => {
  const { child } = managed(`console.log('{"msg":"hello"}'); ${ready}`);
  const message = await child.start();
  expect(message).toMatchObject({ type: 'ready', pid: child.pid });
  await child.stop(5000);
  const lines = (await readFile(child.logFile, 'utf8')).trim().split('\n');
  expect(lines).toContain('{"msg":"hello"}');
  expect(lines.map((line) => (JSON.parse(line) as { supervisor?: string }).supervisor)).toEqual(
    expect.arrayContaining(['started', 'ended']),
  );
});

test('a child that is killed is started again, and one line says so', async () => {
  const { child, said } = managed(`${ready} setInterval(() => {}, 1000)`);
  await child.start();
  const first = child.pid;
  child.kill('SIGKILL');
  expect(await said(1)).toEqual(['child was ended by SIGKILL: starting it again in 0.01 s']);
  const second = await pidAfter(child, first);
  child.kill('SIGKILL');
  expect((await said(2))[1]).toBe('child was ended by SIGKILL: starting it again in 0.02 s');
  await pidAfter(child, second);
});

/** The child's id once it is another one. */
async function pidAfter(child: ManagedProcess<unknown>, before: number | null): Promise<number> {
  while (child.pid === null || child.pid === before) await new Promise((next) => setImmediate(next));
  return child.pid;
}

test('stop lets the child end by itself; no restart follows', async () => {
  const { child, said } = managed(
    `process.on('SIGTERM', () => { console.log('drained'); process.exit(0); }); ${ready} setInterval(() => {}, 1000)`,
  );
  await child.start();
  await child.stop(5000);
  expect(child.pid).toBeNull();
  expect(await readFile(child.logFile, 'utf8')).toContain('drained');
  expect(await said(0)).toEqual([]);
});

test('a child that does not end in time is killed', async () => {
  const { child, said } = managed(`process.on('SIGTERM', () => {}); ${ready} setInterval(() => {}, 1000)`);
  await child.start();
  await child.stop(50);
  expect(await said(1)).toEqual(['child did not end within 0.05 s: killed']);
});

test('what a killed child has started goes with it', async () => {
  const { child } = managed(
    `const grandchild = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
     process.send({ type: 'ready', grandchild: grandchild.pid }); setInterval(() => {}, 1000)`,
  );
  const { grandchild } = await child.start();
  await child.stop(0);
  while (isAlive(grandchild as number)) await new Promise((next) => setImmediate(next));
});

test('a child that ends again and again before it is ready fails the start with its last words', async () => {
  const { child } = managed("console.error('no such model'); process.exit(1)");
  await expect(child.start()).rejects.toThrow(/child ended with code 1 .*child\.log\)\n {2}no such model/);
  const starts = (await readFile(child.logFile, 'utf8')).match(/"supervisor":"started"/g);
  expect(starts).toHaveLength(3);
});

test('a child with wrong settings (code 2) is not tried again', async () => {
  const { child } = managed('process.exit(2)');
  await expect(child.start()).rejects.toThrow('child ended with code 2');
  expect((await readFile(child.logFile, 'utf8')).match(/"supervisor":"started"/g)).toHaveLength(1);
});

test('a program that is not ours says nothing of its settings by code 2: a Go program that panicked is tried again', async () => {
  const program = { ...spec('process.exit(2)'), orphan: 'guarded' } as const;
  const child = new ManagedProcess(program, () => undefined, { pauseMs: 1 });
  await expect(child.start()).rejects.toThrow('child ended with code 2');
  expect((await readFile(child.logFile, 'utf8')).match(/"supervisor":"started"/g)).toHaveLength(3);
});

test('a child that does not get ready in time fails the start', async () => {
  const { child } = managed('setInterval(() => {}, 1000)', { readyWithinMs: 100, attempts: 1 });
  await expect(child.start()).rejects.toThrow('child was ended by SIGKILL');
});

test('a program that does not exist fails the start', async () => {
  const child = new ManagedProcess({ ...spec(''), file: join(folder, 'nothing') }, () => undefined, { pauseMs: 1 });
  await expect(child.start()).rejects.toThrow('child ended with code 127');
});
