import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../../infra/config.ts';

const run = promisify(execFile);

/** Runs a Python program of test/clients; answers what it prints. @throws with what it said when it fails */
export type RunPython = (program: string, ...args: readonly string[]) => Promise<string>;

/**
 * Python with a package of the index that pip is configured for, from the cache or installed once, apart from the system's
 * own packages. Answers null, and says by name what does not run, where it cannot be had; with `CI=true` that is an error.
 */
export async function pythonWith(requirement: string, suite: string): Promise<RunPython | null> {
  try {
    const packages = await installed(requirement);
    return async (program, ...args) => {
      const file = join(import.meta.dirname, '../clients', program);
      const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], PYTHONPATH: packages };
      return (await run('python3', [file, ...args], { env, maxBuffer: 64 << 20 })).stdout;
    };
  } catch (error) {
    const why = (error as Error).message.split('\n')[0] ?? '';
    const line = `not run: ${suite} (${requirement} cannot be had: ${why})`;
    if (process.env['CI'] === 'true') throw new Error(line, { cause: error });
    process.stderr.write(`${line}\n`);
    return null;
  }
}

async function installed(requirement: string): Promise<string> {
  const folder = join(readConfig().LONGHAND_CACHE_DIR, 'test', 'python', requirement);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return folder;
  const making = `${folder}.${randomUUID()}`;
  await mkdir(making, { recursive: true });
  try {
    await run('python3', [
      '-m',
      'pip',
      'install',
      '-q',
      '--disable-pip-version-check',
      '--target',
      making,
      requirement,
    ]);
    await rename(making, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return folder;
}
