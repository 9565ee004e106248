import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from './objects/storage-error.ts';

const ABANDONED_MS = 24 * 3_600_000;

/** A file that exists for the time of a piece of work. */
export interface ScratchFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** Temporary files in a folder that only this user can read. */
export interface Scratch {
  /** Writes a stream into a new file; nothing stays when that fails. The stream's own errors come through. */
  hold(content: AsyncIterable<Uint8Array>): Promise<ScratchFile>;
}

/** Opens the folder (made when absent) and removes what killed processes left in it more than a day ago. */
export async function openScratch(folder: string): Promise<Scratch> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  for (const name of await readdir(folder)) {
    const found = await stat(join(folder, name)).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(join(folder, name), { force: true });
  }
  return { hold: (content) => hold(join(folder, randomUUID()), content) };
}

async function hold(path: string, content: AsyncIterable<Uint8Array>): Promise<ScratchFile> {
  const remove = (): Promise<void> => rm(path, { force: true });
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
    return { path, remove };
  } catch (error) {
    await remove();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
      throw new StorageError('storage_full', `no room for a temporary file: ${code}`, error);
    }
    throw error;
  }
}
