import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogFile } from '../../../infra/processes/log-file.ts';

test('a log is bounded: what is older moves to one second file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-log-'));
  const log = new LogFile(join(folder, 'deep', 'a.log'), 1000);
  for (let at = 0; at < 100; at++) log.line(`line ${String(at).padStart(3, '0')} ${'x'.repeat(40)}`);
  log.close();
  const now = await readFile(log.path, 'utf8');
  expect(now.length).toBeLessThan(1100);
  expect(now.trim().split('\n').at(-1)).toMatch(/^line 099/);
  expect((await readFile(`${log.path}.1`, 'utf8')).length).toBeLessThan(1100);
  expect(log.tail.at(-1)).toMatch(/^line 099/);
  expect(log.tail).toHaveLength(12);
  await rm(folder, { recursive: true });
});
