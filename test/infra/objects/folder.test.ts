import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openFolder } from '../../../infra/objects/folder.ts';
import type { ObjectStore } from '../../../infra/objects/port.ts';
import { objectStoreContract } from './contract.ts';

let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-folder-'));
  store = await openFolder(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a folder is an object store:', () => objectStoreContract(() => store));

test('deleting leaves no empty folder, up to the root', async () => {
  await store.put('a/b/c/1', Buffer.from('1'));
  await store.put('a/2', Buffer.from('2'));
  await store.deleteAll('a/b/');
  expect(await readdir(join(folder, 'a'))).toEqual(['2']);
  await store.deleteAll('a/');
  expect(await readdir(folder)).toEqual(['.unfinished']);
});

test('writers and a deleter of the same folder do not trip each other', async () => {
  const other = await openFolder(folder);
  const writes = Array.from({ length: 60 }, (_, index) => store.create(`s/t/${index}`, Buffer.from('x')));
  const deletes = Array.from({ length: 6 }, () => other.deleteAll('s/'));
  await Promise.all([...writes, ...deletes]);
  await other.deleteAll('s/');
  expect(await store.create('s/t/0', Buffer.from('y'))).toBe(true);
});

test('no unfinished file stays after success, refusal or failure', async () => {
  await store.create('k', Buffer.from('1'));
  await store.create('k', Buffer.from('2'));
  await store.put('k', Buffer.from('3'));
  await store.check();
  await expect(store.put('k/below-an-object', Buffer.from('4'))).rejects.toThrow('put k/below-an-object failed: ');
  expect(await readdir(join(folder, '.unfinished'))).toEqual([]);
});

test('what a killed writer left is removed at the next start once it is old, not before', async () => {
  const leftover = (name: string): string => join(folder, '.unfinished', name);
  await writeFile(leftover('old'), 'half');
  await writeFile(leftover('fresh'), 'half');
  await utimes(leftover('old'), 0, 0);
  await openFolder(folder);
  expect(await readdir(join(folder, '.unfinished'))).toEqual(['fresh']);
});

test('a write the disk has no room for is storage_full by name, leaves nothing, and the store lives on', async () => {
  const program = `
    const { openFolder } = await import(${JSON.stringify(new URL('../../../infra/objects/folder.ts', import.meta.url).href)});
    const store = await openFolder(${JSON.stringify(folder)});
    const full = (error) => [error.name, error.reason, error.retryable];
    const big = Buffer.alloc(1 << 20);
    const found = [await store.create('big', big).catch(full), await store.putStream('big', [big]).catch(full)];
    found.push(await store.create('small', Buffer.from('x')));
    console.log(JSON.stringify(found));`;
  // A limit on the size of files stands in for the full disk: it needs no root.
  const shell = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, program]);
  const refused = ['StorageError', 'storage_full', true];
  expect(JSON.parse(stdout)).toEqual([refused, refused, true]);
  expect(await readdir(join(folder, '.unfinished'))).toEqual([]);
  expect(await store.get('big')).toBeNull();
});

const asRoot = process.getuid?.() === 0;
(asRoot ? test.skip : test)('a folder without permission is a StorageError by that name', async () => {
  await store.put('a/b', Buffer.from('x'));
  await chmod(join(folder, 'a'), 0o500);
  await expect(store.put('a/c', Buffer.from('x'))).rejects.toMatchObject({ reason: 'storage_denied' });
  await chmod(join(folder, 'a'), 0o700);
});
