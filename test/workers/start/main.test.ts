/** `npm start` as a person meets it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-main-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function start(args: string[], settings: Record<string, string>) {
  const child = spawn(process.execPath, ['workers/start/main.ts', ...args], {
    env: { ...process.env, NODE_OPTIONS: '', LONGHAND_DATA_DIR: join(folder, 'data'), ...settings },
  });
  const exited = new Promise<number | null>((exit) => child.once('exit', exit));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { out, err, code };
}

test('a wrong setting is one clear message and exit code 2, and nothing is made', async () => {
  const { out, err, code } = await start([], { LONGHAND_HTTP_PORT: 'eighty' });
  expect(code).toBe(2);
  expect(err).toMatch(/^npm start: LONGHAND_HTTP_PORT: [^\n]*\n$/);
  expect(out).toBe('');
  expect(await readdir(folder)).toEqual([]);
});

test('a misspelt setting is named', async () => {
  const { err, code } = await start([], { LONGHAND_WORKRES: '1' });
  expect(code).toBe(2);
  expect(err).toContain('unknown setting LONGHAND_WORKRES');
});

test('an unknown argument is refused with exit code 2', async () => {
  const { err, code } = await start(['--no-dmeo'], {});
  expect(code).toBe(2);
  expect(err).toMatch(/^npm start: .*--no-dmeo/);
});
