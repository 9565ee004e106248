/** A supervisor that is killed leaves nothing behind. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endRemembered, isAlive, writePid } from '../../../infra/processes/pid-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-orphans-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const idle = 'setInterval(() => {}, 1000)';
const gone = async (pid: number): Promise<void> => {
  while (isAlive(pid)) await new Promise((next) => setImmediate(next));
};

test('a guarded process ends when its supervisor is killed', async () => {
  const script = `
    import { ManagedProcess } from '${join(process.cwd(), 'infra/processes/managed-process.ts')}';
    const spec = { name: 'child', file: process.execPath, args: ['-e', '${idle}'], environment: process.env,
      logFile: '${join(folder, 'child.log')}', pidFile: '${join(folder, 'child.pid')}', orphan: 'guarded', ready: async () => undefined };
    const child = new ManagedProcess(spec, () => undefined);
    await child.start();
    console.log(child.pid);`;
  await writeFile(join(folder, 'supervisor.mjs'), script);
  const supervisor = spawn(process.execPath, [join(folder, 'supervisor.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: supervisor.stdout }), 'line')) as [string];
  expect(isAlive(Number(line))).toBe(true);
  supervisor.kill('SIGKILL');
  await gone(Number(line));
});

test('a remembered process is ended only if it is the same one', async () => {
  const pidFile = join(folder, 'child.pid');
  const child = spawn(process.execPath, ['-e', idle, '/data/one.db']);
  const exited = once(child, 'exit');
  await once(child, 'spawn');
  writePid(pidFile, child.pid ?? 0);
  expect(await endRemembered(pidFile, '/data/other.db')).toBeNull();
  expect(child.exitCode).toBeNull();
  writePid(pidFile, child.pid ?? 0);
  expect(await endRemembered(pidFile, '/data/one.db')).toBe(child.pid);
  expect(await exited).toEqual([null, 'SIGTERM']);
});

test('a pid file that is missing or holds nonsense ends nobody', async () => {
  const pidFile = join(folder, 'child.pid');
  expect(await endRemembered(pidFile, 'x')).toBeNull();
  await writeFile(pidFile, 'nonsense');
  expect(await endRemembered(pidFile, 'x')).toBeNull();
});
