import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DurableFolders } from './durable-folders.ts';
import { folderPrefix, plainKey, plainPrefix } from './keys.ts';
import type { ObjectStore } from './port.ts';
import { StorageError } from './storage-error.ts';
import type { StorageTrouble } from './storage-error.ts';

/** Half-written files; no key begins with a dot, so no listing shows them. */
const UNFINISHED = '.unfinished';
const ABANDONED_MS = 24 * 3_600_000;
const BATCH = 64;
const READ_CHUNK = 256 * 1024;

const TROUBLE: Record<string, StorageTrouble> = {
  ENOSPC: 'storage_full',
  EDQUOT: 'storage_full',
  EFBIG: 'storage_full',
  EACCES: 'storage_denied',
  EPERM: 'storage_denied',
  EROFS: 'storage_denied',
};

/**
 * Objects as files below a folder (made when absent). An object appears whole or not at all and, once answered, survives
 * a power cut: file synced, then linked or renamed to its name, then the folder synced. Several processes may share the
 * folder. Throws {@link StorageError}.
 */
export async function openFolder(path: string): Promise<ObjectStore> {
  const root = resolve(path);
  await mkdir(join(root, UNFINISHED), { recursive: true }).catch(fail('opening folder', root));
  await removeAbandoned(join(root, UNFINISHED));
  return new FolderStore(root);
}

type Fill = (file: FileHandle) => Promise<void>;
type Publish<T> = (temporary: string) => Promise<T>;

class FolderStore implements ObjectStore {
  readonly #root: string;
  readonly #folders: DurableFolders;

  constructor(root: string) {
    this.#root = root;
    this.#folders = new DurableFolders(root);
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const path = this.#path(key);
    await this.#store('put', key, body, (temporary) => this.#publish(path, () => rename(temporary, path)));
  }

  async create(key: string, body: Uint8Array): Promise<boolean> {
    const path = this.#path(key);
    return this.#store('create', key, body, async (temporary) => {
      const created = await this.#publish(path, () => link(temporary, path).then(() => true, falseIfExists));
      await unlink(temporary);
      return created;
    });
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const path = this.#path(key);
    let bytes = 0;
    const fill = async (file: FileHandle): Promise<void> => {
      for await (const chunk of body) {
        await writeFully(file, chunk).catch(fail('putStream', key));
        bytes += chunk.byteLength;
      }
    };
    await this.#write('putStream', key, fill, (temporary) => this.#publish(path, () => rename(temporary, path)));
    return bytes;
  }

  async get(key: string): Promise<Uint8Array | null> {
    return readFile(this.#path(key)).catch(nullIfMissing).catch(fail('get', key));
  }

  async getStream(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    const file = await open(this.#path(key), 'r').catch(nullIfMissing).catch(fail('getStream', key));
    if (file === null) return null;
    if ((await file.stat()).isFile()) return chunksOf(file, key);
    await file.close();
    return null;
  }

  async *list(prefix: string, after = ''): AsyncIterable<{ key: string; bytes: number }> {
    plainPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.#walk(folder, prefix, after);
  }

  async deleteEach(keys: readonly string[]): Promise<void> {
    const paths = keys.map((key) => this.#path(key));
    for (let at = 0; at < paths.length; at += BATCH) {
      const batch = paths.slice(at, at + BATCH).map((path) => unlink(path).catch(nullIfMissing));
      await Promise.all(batch).catch(fail('delete', keys[at] ?? ''));
    }
  }

  async deleteAll(prefix: string): Promise<void> {
    const path = join(this.#root, folderPrefix(prefix));
    await rm(path, { recursive: true, force: true, maxRetries: 5 }).catch(fail('deleteAll', prefix));
    this.#folders.forget(resolve(path));
    await this.#removeEmpty(dirname(path)).catch(fail('deleteAll', prefix));
  }

  async check(): Promise<void> {
    await this.#store('check', 'of readiness', Buffer.from('check'), (temporary) => unlink(temporary));
  }

  #path(key: string): string {
    return join(this.#root, plainKey(key));
  }

  #store<T>(doing: string, key: string, body: Uint8Array, publish: Publish<T>): Promise<T> {
    return this.#write(doing, key, (file) => writeFully(file, body).catch(fail(doing, key)), publish);
  }

  /** Writes a durable file nobody sees yet, then publishes it; it is gone when either fails. */
  async #write<T>(doing: string, key: string, fill: Fill, publish: Publish<T>): Promise<T> {
    const temporary = join(this.#root, UNFINISHED, randomUUID());
    const file = await open(temporary, 'wx').catch(fail(doing, key));
    try {
      try {
        await fill(file);
        await file.datasync().catch(fail(doing, key));
      } finally {
        await file.close();
      }
      return await publish(temporary).catch(fail(doing, key));
    } catch (error) {
      // Why it failed matters more than what is left: that is removed once it is old.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Gives the file its name, durably. A folder that was deleted meanwhile is made again. */
  async #publish<T>(path: string, name: () => Promise<T>): Promise<T> {
    const folder = dirname(path);
    await this.#folders.make(folder);
    const named = await name().catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      this.#folders.forget(folder);
      await this.#folders.make(folder);
      return name();
    });
    await this.#folders.sync(folder);
    return named;
  }

  async *#walk(folder: string, prefix: string, after: string): AsyncIterable<{ key: string; bytes: number }> {
    const found = await readdir(join(this.#root, folder), { withFileTypes: true })
      .catch(emptyIfMissing)
      .catch(fail('list', prefix));
    // A folder sorts as its name with the slash, so that keys come in their own order, as S3 gives them.
    const names = found
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''))
      .filter((name) => name.startsWith(prefix) && (name > after || (name.endsWith('/') && after.startsWith(name))))
      .sort((a, b) => (a < b ? -1 : 1));
    for (let at = 0; at < names.length; at += BATCH) {
      const batch = names.slice(at, at + BATCH);
      const sizes = await Promise.all(batch.map((name) => this.#size(name)));
      for (const [index, name] of batch.entries()) {
        const bytes = sizes[index];
        if (name.endsWith('/')) yield* this.#walk(name, prefix, after);
        else if (typeof bytes === 'number') yield { key: name, bytes };
      }
    }
  }

  /** Null for a folder, and for what was deleted since it was listed. */
  async #size(name: string): Promise<number | null> {
    if (name.endsWith('/')) return null;
    const found = await stat(join(this.#root, name)).catch(nullIfMissing).catch(fail('list', name));
    return found?.size ?? null;
  }

  async #removeEmpty(folder: string): Promise<void> {
    for (let at = folder; at.startsWith(`${this.#root}/`); at = dirname(at)) {
      const removed = await rmdir(at).then(
        () => true,
        (error: unknown) => {
          if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false;
          if (codeOf(error) === 'ENOENT') return true;
          throw error;
        },
      );
      if (!removed) return;
      this.#folders.forget(at);
    }
  }
}

/** What processes left behind that were killed in the middle of a write. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(nullIfMissing);
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

async function writeFully(file: FileHandle, body: Uint8Array): Promise<void> {
  for (let at = 0; at < body.byteLength;) at += (await file.write(body, at)).bytesWritten;
}

async function* chunksOf(file: FileHandle, key: string): AsyncIterable<Uint8Array> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_CHUNK)).catch(fail('getStream', key));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code);

function falseIfExists(error: unknown): false {
  if (codeOf(error) === 'EEXIST') return false;
  throw error;
}

function nullIfMissing(error: unknown): null {
  if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return null;
  throw error;
}

function emptyIfMissing(error: unknown): Dirent[] {
  nullIfMissing(error);
  return [];
}

/** Turns an error of the file system into a {@link StorageError} that says what was being done. */
const fail =
  (doing: string, key: string) =>
  (error: unknown): never => {
    if (error instanceof StorageError) throw error;
    const code = codeOf(error);
    throw new StorageError(TROUBLE[code] ?? 'storage_unavailable', `${doing} ${key} failed: ${code}`, error);
  };
