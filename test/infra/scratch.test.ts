import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openScratch } from '../../infra/scratch.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'longhand-scratch-')), 'scratch');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

async function* chunks(error?: Error): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from('one ');
  yield Buffer.from('two');
  if (error !== undefined) throw error;
}

test('holds a stream in a file only this user can read, until it is removed', async () => {
  const scratch = await openScratch(folder);
  const file = await scratch.hold(chunks());
  expect(await readFile(file.path, 'utf8')).toBe('one two');
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  await file.remove();
  await file.remove();
  expect(await readdir(folder)).toEqual([]);
});

test('a stream that breaks leaves no file', async () => {
  const scratch = await openScratch(folder);
  await expect(scratch.hold(chunks(new RangeError('broke')))).rejects.toThrow(RangeError);
  expect(await readdir(folder)).toEqual([]);
});

test('a full disk is storage_full by name, and leaves no file', async () => {
  const scratch = await openScratch(folder);
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  await expect(scratch.hold(chunks(full))).rejects.toMatchObject({ name: 'StorageError', reason: 'storage_full' });
  expect(await readdir(folder)).toEqual([]);
});

test('what a killed process left is removed once it is old', async () => {
  await openScratch(folder);
  for (const name of ['old', 'fresh']) await writeFile(join(folder, name), 'x');
  await utimes(join(folder, 'old'), 0, 0);
  await openScratch(folder);
  expect(await readdir(folder)).toEqual(['fresh']);
});
