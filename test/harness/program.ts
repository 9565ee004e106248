import { randomUUID } from 'node:crypto';
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readConfig } from '../../infra/config.ts';

/**
 * A program that tests run on, from the cache or made once. `make` is given an empty folder and answers where in it the
 * program lies. Answers null, and says by name what does not run, where it cannot be had; with `CI=true` that is an error.
 */
export async function program(
  name: string,
  suite: string,
  make: (folder: string) => Promise<string>,
): Promise<string | null> {
  try {
    return await cached(name, make);
  } catch (error) {
    const why = (error as Error).message.split('\n')[0] ?? '';
    const line = `not run: ${suite} (${name} cannot be had: ${why})`;
    if (process.env['CI'] === 'true') throw new Error(line, { cause: error });
    process.stderr.write(`${line}\n`);
    return null;
  }
}

async function cached(name: string, make: (folder: string) => Promise<string>): Promise<string> {
  const kept = join(readConfig().LONGHAND_CACHE_DIR, 'test', name, 'program');
  if (await isThere(kept)) return kept;
  const folder = `${dirname(kept)}.${randomUUID()}`;
  await mkdir(folder, { recursive: true });
  try {
    const made = await make(folder);
    await chmod(made, 0o755);
    await mkdir(dirname(kept), { recursive: true });
    await rename(made, kept);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return kept;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
