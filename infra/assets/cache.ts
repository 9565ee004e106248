/** The folder of fetched assets, shared by checkouts and by processes that fetch at the same time. */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Asset, cachedFiles } from './asset.ts';
import { isIntact, storeChecked } from './checked-file.ts';
import { describeFault } from './fault.ts';
import type { Progress } from './progress.ts';
import { fetchFrom, sourceLabel } from './sources.ts';

export interface CacheOptions {
  readonly cacheDir: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

/** No source gave the asset. The message names each with its reason, and the setting that takes a path instead. */
export class AssetError extends Error {
  override name = 'AssetError';
}

const INCOMING = 'incoming-';
/** A fetch that was cut off is swept away by the next one after so long. */
const ABANDONED_MS = 24 * 3_600_000;

/** Folder of an asset: its name and what it must hold, so that versions of Longhand with other pins live side by side. */
export function assetFolder(asset: Asset, cacheDir: string): string {
  const pins = cachedFiles(asset).map(({ name, sha256 }) => `${name} ${sha256}`);
  const key = createHash('sha256').update(pins.join('\n')).digest('hex').slice(0, 12);
  return join(cacheDir, `${asset.name}-${key}`);
}

async function isComplete(asset: Asset, folder: string): Promise<boolean> {
  for (const file of cachedFiles(asset)) if (!(await isIntact(join(folder, file.name), file))) return false;
  return true;
}

/** Puts a finished folder in its place in one step. A whole one that another process put there first stays. */
async function install(asset: Asset, from: string, folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rename(from, folder);
      return;
    } catch (fault) {
      if (attempt === 3) throw fault;
    }
    if (await isComplete(asset, folder)) return;
    await rename(folder, `${from}-replaced`).catch(() => undefined);
    await rm(`${from}-replaced`, { recursive: true, force: true });
  }
}

async function sweep(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(INCOMING)) continue;
    const path = join(cacheDir, name);
    const age = await stat(path)
      .then(({ mtimeMs }) => Date.now() - mtimeMs)
      .catch(() => 0);
    if (age > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

async function derive({ derived }: Asset, folder: string): Promise<void> {
  if (derived !== undefined) await storeChecked(folder, derived.file, Readable.from([await derived.make(folder)]));
}

/** Fills `folder` from the first source that does. */
async function fill(asset: Asset, folder: string, scratch: string, options: CacheOptions): Promise<void> {
  const { environment, progress } = options;
  const faults: string[] = [];
  for (const source of asset.sources) {
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    try {
      await fetchFrom(source, { name: asset.name, files: asset.files, folder, scratch, environment, progress });
      await derive(asset, folder);
      return;
    } catch (fault) {
      faults.push(`${sourceLabel(source)}: ${describeFault(fault)}`);
      progress.say(`  ${asset.name}: not from the ${faults.at(-1) ?? ''}`);
    }
  }
  const tried = faults.map((fault) => `  - ${fault}`).join('\n');
  throw new AssetError(`${asset.name} could not be fetched:\n${tried}\nName a copy instead: ${asset.setting}`);
}

async function makeCacheDir(cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const probe = join(cacheDir, `${INCOMING}probe-${randomUUID()}`);
  await writeFile(probe, '');
  await rm(probe);
}

/** The asset's folder in the cache, complete and checked; fetched when it is not there. */
export async function cached(asset: Asset, options: CacheOptions): Promise<string> {
  const folder = assetFolder(asset, options.cacheDir);
  if (await isComplete(asset, folder)) return folder;
  await makeCacheDir(options.cacheDir).catch((fault: unknown) => {
    throw new AssetError(`LONGHAND_CACHE_DIR: ${options.cacheDir} cannot be written: ${describeFault(fault)}`);
  });
  await sweep(options.cacheDir);
  const incoming = join(options.cacheDir, `${INCOMING}${randomUUID()}`);
  const files = join(incoming, 'files');
  await mkdir(files, { recursive: true });
  const begun = performance.now();
  try {
    await fill(asset, files, join(incoming, 'scratch'), options);
    await install(asset, files, folder);
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
  options.progress.say(`  ${asset.name}: fetched and checked in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return folder;
}
